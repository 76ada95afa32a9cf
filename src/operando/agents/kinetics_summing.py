"""From posteriors of all laws to the answer that people and plans read."""

from __future__ import annotations

import numpy as np

from operando.agents.kinetics_posterior import LawPosterior
from operando.agents.kinetics_stream import Answer
from operando.agents.kinetics_summary import Estimate, KineticsSummary, Marginal, ModelSummary
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
    pairs = list(zip(posteriors, weighing.share, strict=True))
    t0 = Marginal([p.part(0, share) for p, share in pairs])
    rates = [p.part(1, share) for p, share in pairs]
    before = at = None
    if ts is not None:
        before = t0.cdf(ts) * weighing.p_begun
        # Ratio of posterior to prior density: the Bayes factor for "exactly at ts".
        ratio = t0.density_at(ts) * (past.high - past.low)
        at = ratio / (1.0 + ratio)
    return KineticsSummary(
        frames=frames,
        models={
            p.law.name: _model(p, float(value + constant), float(chance))
            for p, value, chance in zip(
                posteriors, weighing.each, weighing.probability, strict=True
            )
        },
        best=posteriors[int(np.argmax(weighing.each))].law.name,
        t0=t0.estimate(),
        k=Marginal(rates).estimate_of_log(rates),
        p_begun=weighing.p_begun,
        p_t0_before=before,
        p_t0_at_ts=at,
        locking_on=weighing.p_begun > 0.5 and not answer.settled,
    )


def _model(posterior: LawPosterior, log_evidence: float, probability: float) -> ModelSummary:
    shape = _of_log(posterior, 2) if posterior.law.shape is not None else None
    t0 = Marginal([posterior.part(0)]).estimate()
    return ModelSummary(t0, _of_log(posterior, 1), shape, log_evidence, probability)


def _of_log(posterior: LawPosterior, column: int) -> Estimate:
    parts = [posterior.part(column)]
    return Marginal(parts).estimate_of_log(parts)
