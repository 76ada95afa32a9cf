"""When an onset found in areas must not be believed, in one line."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from operando.agents.kinetics_history import WEIGHT, WEIGHTED, History
from operando.agents.kinetics_observation import B0, B1, G00, G01, G11, C
from operando.agents.kinetics_posterior import LatticePosterior
from operando.agents.kinetics_stream import Answer

SURE = 0.9
"""Probability from which something is taken to be so."""

SCATTER = 2.0
"""Scatter about the best law, in standard deviations predicted, that no law is blamed for."""


def doubt(answer: Answer, history: History) -> str:
    """Say why the onset of an answer means nothing; empty when it does.

    Parameters
    ----------
    answer : Answer
        From areas of the empty and the loaded phase.
    history : History
        The areas.

    Returns
    -------
    str
        Empty also while nothing has begun for sure, which the answer itself says.
    """
    weighing = answer.weighing
    if weighing.p_begun < SURE or not answer.settled:
        return ""
    right = sum(
        float(share * _both_positive(posterior))
        for posterior, share in zip(answer.posteriors, weighing.share, strict=True)
    )
    scatter = _scatter(answer, len(history))
    if right < SURE or (scatter > SCATTER and _gain_of_loaded(history) < 0.0):
        return (
            "wrong sign: the areas do not go from the empty to the loaded phase, so this is no "
            "loading; are the end patterns exchanged?"
        )
    if scatter > SCATTER:
        return (
            f"no law describes the areas: they scatter {scatter:.1f} times as far about the best "
            "one as counting does"
        )
    early = sum(
        float(share * posterior.weights[posterior.points[:, 0] < history.first_end].sum())
        for posterior, share in zip(answer.posteriors, weighing.share, strict=True)
    )
    if early > 1.0 - SURE:
        return "the onset may lie before the first frame: nothing shows how it began"
    return ""


def _both_positive(posterior: object) -> float:
    """Probability that both areas have the sign that areas have."""
    if not isinstance(posterior, LatticePosterior):
        return 1.0
    amplitudes = posterior.amplitudes
    z = amplitudes.mean / np.sqrt(amplitudes.covariance[:, [0, 2]])
    return float(posterior.weights @ ndtr(z).min(axis=1))


def _gain_of_loaded(history: History) -> float:
    """Change of loaded minus empty area from the first to the last quarter of the frames."""
    quarter = max(len(history) // 4, 1)
    early, late = (
        rows[:, WEIGHTED].sum(axis=0) / rows[:, WEIGHT].sum()
        for rows in (history.rows[:quarter], history.rows[-quarter:])
    )
    return float((late[1] - late[0]) - (early[1] - early[0]))


def _scatter(answer: Answer, frames: int) -> float:
    """Root mean square residual at the best law's most probable point, in deviations."""
    best = answer.posteriors[int(np.argmax(answer.weighing.each))]
    if not isinstance(best, LatticePosterior) or frames < 4:
        return 0.0
    index = int(np.argmax(best.weights))
    sums, (one, two) = best.lattice.sums[index], best.amplitudes.mean[index]
    rest = sums[C] - 2.0 * (one * sums[B0] + two * sums[B1])
    rest += one**2 * sums[G00] + 2.0 * one * two * sums[G01] + two**2 * sums[G11]
    return float(np.sqrt(max(rest, 0.0) / (2.0 * frames)))
