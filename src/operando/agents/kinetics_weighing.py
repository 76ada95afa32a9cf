"""Laws against each other, and "it has begun" against "it has not"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_observation import log_sum

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Past:
    """The part of the onset's uniform prior that lies in the past.

    Parameters
    ----------
    low, high : float
        Bounds of the prior, s.
    now : float
        End of the last frame, s.
    """

    low: float
    high: float
    now: float

    @property
    def top(self) -> float:
        """Latest onset that data can show, s."""
        return min(self.high, self.now)

    @property
    def open(self) -> bool:
        """Whether any of the prior lies in the past."""
        return self.top > self.low


@dataclass(frozen=True, eq=False)
class Weighing:
    """Evidence of each law and of nothing having begun; natural logarithms.

    Parameters
    ----------
    begun : ndarray of float64, (m,)
        Of each law with an onset in the past.
    each : ndarray of float64, (m,)
        Of each law wherever in its prior the onset is, the future included.
    null : float
        Of nothing having begun.
    p_begun : float
    """

    begun: Floats
    each: Floats
    null: float
    p_begun: float

    @property
    def share(self) -> Floats:
        """Probability of each law given that the process began."""
        return np.asarray(np.exp(self.begun - log_sum(self.begun)))

    @property
    def probability(self) -> Floats:
        """Probability of each law."""
        return np.asarray(np.exp(self.each - log_sum(self.each)))

    @property
    def null_odds(self) -> float:
        """Evidence of nothing having begun over that of an onset in the past, laws averaged."""
        mean = log_sum(self.begun) - np.log(len(self.begun))
        return float(np.exp(min(self.null - mean, 700.0)))


def weigh(
    evidence: Sequence[float], tops: Sequence[float], null: float, past: Past, never: float
) -> Weighing:
    """Weigh laws.

    Parameters
    ----------
    evidence : sequence of float
        Log evidence of each law, its onset uniform between ``past.low`` and the law's top.
    tops : sequence of float
        Latest onset that each law's lattice reaches, s.
    null : float
        Log evidence of nothing having begun.
    past : Past
    never : float
        Prior probability that nothing begins.
    """
    values = np.asarray(evidence, dtype=np.float64)
    length = past.high - past.low
    if past.open:
        begun = values + np.log((np.asarray(tops) - past.low) / length)
    else:
        begun = np.full(len(values), -np.inf)
    rest = past.high - max(past.now, past.low)
    later = null + np.log(rest / length) if rest > 0.0 else -np.inf
    each = np.logaddexp(begun, later)
    some = np.log1p(-never) - np.log(len(values))
    whole = np.logaddexp(some + log_sum(each), np.log(never) + null)
    p_begun = float(np.exp(some + log_sum(begun) - whole)) if past.open else 0.0
    if not past.open:
        begun = values
    return Weighing(begun, each, null, min(p_begun, 1.0))
