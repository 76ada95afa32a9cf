"""What the kinetic engine answers: estimates, laws with their evidence, and the notes beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS = (0.025, 0.16, 0.5, 0.84, 0.975)
"""Probabilities of the quantiles in every :class:`Estimate`."""

_GRID = 400
_SHARE = 1e-4  # probability of a law below which it does not widen the grid
_BLUR = 0.45  # distances of points
_BEND = 0.1


@dataclass(frozen=True)
class Estimate:
    """Posterior of one number.

    Parameters
    ----------
    mean, sd : float
    quantiles : tuple of float
        At 2.5, 16, 50, 84 and 97.5 %.
    """

    mean: float
    sd: float
    quantiles: tuple[float, float, float, float, float]

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {"mean": self.mean, "sd": self.sd, "quantiles": list(self.quantiles)}


@dataclass(frozen=True)
class ModelSummary:
    """What one law says.

    Parameters
    ----------
    t0, k : Estimate
        Onset, s, and rate, 1/s, given that the process began within the record.
    shape : Estimate or None
        The law's own parameter.
    log_evidence : float
        Natural logarithm of the probability (density) of all data under this law.
    probability : float
        Of the law among those compared, each as probable as the others before the data.
    """

    t0: Estimate
    k: Estimate
    shape: Estimate | None
    log_evidence: float
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {
            "t0": self.t0.as_dict(),
            "k": self.k.as_dict(),
            "shape": None if self.shape is None else self.shape.as_dict(),
            "log_evidence": self.log_evidence,
            "probability": self.probability,
        }


@dataclass(frozen=True)
class KineticsSummary:
    """The answer after some frames.

    Parameters
    ----------
    frames : int
    models : mapping of str to ModelSummary
        By name of law.
    best : str
        The most probable law; read it with its probability.
    t0, k : Estimate
        Averaged over the laws by their probabilities, given that the process began. They mean
        something only when `p_begun` is close to 1 and `locking_on` is false.
    p_begun : float
        Probability that the process began before the end of the last frame.
    p_t0_before : float or None
        P(t0 <= ts), when a time ts was given.
    p_t0_at_ts : float or None
        Probability of "the onset is at ts exactly" against "it is anywhere in its prior", both
        as probable before the data.
    locking_on : bool
        True in the few frames of the onset, while the answer still jumps.
    """

    frames: int
    models: Mapping[str, ModelSummary]
    best: str
    t0: Estimate
    k: Estimate
    p_begun: float
    p_t0_before: float | None
    p_t0_at_ts: float | None
    locking_on: bool

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {
            "frames": self.frames,
            "best": self.best,
            "models": {name: model.as_dict() for name, model in self.models.items()},
            "t0": self.t0.as_dict(),
            "k": self.k.as_dict(),
            "p_begun": self.p_begun,
            "p_t0_before": self.p_t0_before,
            "p_t0_at_ts": self.p_t0_at_ts,
            "locking_on": self.locking_on,
        }


@dataclass(frozen=True)
class Part:
    """Values with weights that sum to the part's probability.

    Parameters
    ----------
    values, weights : ndarray of float64, (p,)
    spacing : float
        Distance between lattice points in posterior standard deviations.
    """

    values: Floats
    weights: Floats
    spacing: float


class Marginal:
    """Smooth distribution of one parameter from the points of one or several lattices.

    Points are drawn towards each part's mean and blurred so that mean, variance and skewness stay
    what the lattice says while the gaps between its points close.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        total = sum(float(part.weights.sum()) for part in parts)
        self.mean = sum(float(part.weights @ part.values) for part in parts) / total
        square = sum(float(part.weights @ (part.values - self.mean) ** 2) for part in parts)
        self.sd = float(np.sqrt(square / total))
        held = [_Held.of(part) for part in parts if part.weights.sum() > _SHARE * total]
        low = min(float(one.values.min()) for one in held)
        high = max(float(one.values.max()) for one in held)
        self._ends = low, high
        # A law that fits badly may have all of its mass in one point, at a bound of its prior.
        pad = 0.05 * (high - low) + 1e-9 * max(1.0, abs(low), abs(high))
        self.grid = np.linspace(low - pad, high + pad, _GRID)
        self._step = float(self.grid[1] - self.grid[0])
        density = sum((self._blur(one) for one in held), np.zeros(_GRID))
        whole = density.sum()
        self.density = density / (whole * self._step)
        self._cdf = (np.cumsum(density) - 0.5 * density) / whole

    def _blur(self, part: _Held) -> Floats:
        place = (part.places() - self.grid[0]) / self._step
        place = np.clip(place, 0.0, _GRID - 1.001)
        left = place.astype(np.intp)
        right = part.weights * (place - left)
        counts = np.bincount(left, part.weights - right, _GRID)
        counts[1:] += np.bincount(left, right, _GRID)[:-1]
        return _smooth(counts, part.blur * part.sd / self._step)

    def cdf(self, value: float) -> float:
        """Probability of at most `value`."""
        return float(np.interp(value, self.grid, self._cdf, left=0.0, right=1.0))

    def density_at(self, value: float) -> float:
        """Probability density at `value`."""
        return float(np.interp(value, self.grid, self.density, left=0.0, right=0.0))

    def quantiles(self) -> Floats:
        """Values at :data:`LEVELS`."""
        return np.clip(np.interp(LEVELS, self._cdf, self.grid), *self._ends)

    def estimate(self) -> Estimate:
        """Mean, standard deviation and quantiles."""
        return Estimate(self.mean, self.sd, _five(self.quantiles()))

    def estimate_of_log(self, parts: Sequence[Part]) -> Estimate:
        """Estimate of the exponential, when the values are logarithms."""
        weights = np.concatenate([part.weights for part in parts])
        values = np.exp(np.concatenate([part.values for part in parts]))
        mean = float(weights @ values / weights.sum())
        sd = float(np.sqrt(weights @ (values - mean) ** 2 / weights.sum()))
        return Estimate(mean, sd, _five(np.exp(self.quantiles())))


@dataclass(frozen=True, eq=False)
class _Held:
    """Points of a part that hold something, and how far each is blurred (in deviations)."""

    values: Floats
    weights: Floats
    mean: float
    sd: float
    blur: float

    @classmethod
    def of(cls, part: Part) -> _Held:
        heavy = part.weights > 1e-9 * part.weights.max()
        values, weights = part.values[heavy], part.weights[heavy]
        total = weights.sum()
        mean = float(weights @ values / total)
        sd = float(np.sqrt(weights @ (values - mean) ** 2 / total))
        return cls(values, weights, mean, sd, _BLUR * min(part.spacing, 1.0))

    def places(self) -> Floats:
        """Where the points go before they are blurred."""
        if not self.sd > 0.0:
            return self.values
        keep = np.sqrt(1.0 - self.blur**2)
        u = (self.values - self.mean) / self.sd
        share = self.weights / self.weights.sum()
        square = u * u
        skew = float(share @ (square * u))
        # Blurring alone would leave keep³ of the skewness, and tails too short by as much.
        rest = max(float(share @ square**2) - skew**2 - 1.0, 0.5)
        bend = float(np.clip(skew * (keep**-3 - 1.0) / (3.0 * rest), -_BEND, _BEND))
        return np.asarray(self.mean + keep * self.sd * (u + bend * (square - skew * u - 1.0)))


def _smooth(counts: Floats, sigma: float) -> Floats:
    """Convolve with a normal of `sigma` grid steps."""
    reach = min(int(4.0 * sigma) + 1, _GRID // 2 - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same")


def _five(values: Floats) -> tuple[float, float, float, float, float]:
    a, b, c, d, e = (float(value) for value in values)
    return a, b, c, d, e
