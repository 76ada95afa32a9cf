"""From posteriors of all laws to the answer that people and plans read."""

from __future__ import annotations

import numpy as np

from operando.agents.kinetics_marginal import Marginal
from operando.agents.kinetics_stream import Answer
from operando.agents.kinetics_summary import KineticsSummary, ModelSummary
from operando.agents.kinetics_weighing import Past


def summarise(
    answer: Answer, past: Past, constant: float, frames: int, ts: float | None
) -> KineticsSummary:
    """Sum an answer up.

    Parameters
    ----------
    answer : Answer
    past : Past
    constant : float
        Part of the log likelihood that no parameter changes.
    frames : int
    ts : float, optional
        Time to compare the onset with, s.
    """
    weighing, posteriors = answer.weighing, answer.posteriors
    onsets = [p.marginal(0) for p in posteriors]
    rates = [p.marginal(1) for p in posteriors]
    t0 = Marginal.mixed(onsets, weighing.share)
    before = at = None
    if ts is not None:
        before = t0.cdf(ts) * weighing.p_begun
        # Ratio of posterior to prior density: the Bayes factor for "exactly at ts".
        ratio = t0.density_at(ts) * (past.high - past.low)
        at = ratio / (1.0 + ratio)
    return KineticsSummary(
        frames=frames,
        models={
            p.law.name: ModelSummary(
                t0=onset.estimate(),
                k=rate.estimate(),
                shape=None if p.law.shape is None else p.marginal(2).estimate(),
                log_evidence=float(value + constant),
                probability=float(chance),
            )
            for p, onset, rate, value, chance in zip(
                posteriors, onsets, rates, weighing.each, weighing.probability, strict=True
            )
        },
        best=posteriors[int(np.argmax(weighing.each))].law.name,
        t0=t0.estimate(),
        k=Marginal.mixed(rates, weighing.share).estimate(),
        p_begun=weighing.p_begun,
        p_t0_before=before,
        p_t0_at_ts=at,
        locking_on=weighing.p_begun > 0.5 and not answer.settled,
    )
