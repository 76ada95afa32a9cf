"""Smooth distributions of single parameters, from points of lattices and averaged over laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_summary import LEVELS, Estimate

Floats = NDArray[np.float64]

_GRID = 320
_STEPS = np.arange(_GRID, dtype=np.float64)
_FULL = 3 * _GRID  # of a mixture, whose parts may be much narrower than all of it
_SHARE = 1e-4  # probability of a part below which it does not widen the grid
_NOTHING = 1e-8  # weight of a point, in the largest one, that changes no quantile
_BLUR = 0.45  # distances of points
_BEND = 0.1


@dataclass(frozen=True, eq=False)
class Marginal:
    """Distribution of one parameter, or of its logarithm.

    Parameters
    ----------
    grid : ndarray of float64, (g,)
        Evenly spaced.
    cumulative : ndarray of float64, (g,)
        Probability of at most each value of the grid.
    ends : tuple of float
        No quantile lies beyond these two.
    mean, sd : float
        Of the parameter itself, also where the grid is its logarithm's.
    log : bool
    """

    grid: Floats
    cumulative: Floats
    ends: tuple[float, float]
    mean: float
    sd: float
    log: bool = False

    @classmethod
    def of(
        cls, values: Floats, weights: Floats, spacing: float = 1.0, *, log: bool = False
    ) -> Marginal:
        """Smooth points of a lattice.

        Points are drawn towards their mean and blurred so that mean, variance and skewness stay
        what the lattice says while the gaps between its points close.

        Parameters
        ----------
        values, weights : ndarray of float64, (p,)
        spacing : float
            Distance between points in standard deviations.
        log : bool
            Values are logarithms.

        Examples
        --------
        >>> x = np.arange(-6.0, 6.1, 0.8)
        >>> normal = Marginal.of(x, np.exp(-0.5 * x**2), 0.8)
        >>> low, *_, high = normal.estimate().quantiles
        >>> round(low, 1), round(high, 1)
        (-2.0, 2.0)
        """
        heavy = weights > _NOTHING * weights.max()
        values, weights = values[heavy], weights[heavy]
        weights = weights / weights.sum()
        middle, width = _two(values, weights)
        low, high = float(values.min()), float(values.max())
        # A law that fits badly may have all of its mass in one point, at a bound of its prior.
        pad = 0.05 * (high - low) + 1e-9 * max(1.0, abs(low), abs(high))
        step = (high - low + 2.0 * pad) / (_GRID - 1)
        grid = low - pad + step * _STEPS
        blur = _BLUR * min(spacing, 1.0) if width > 0.0 else 0.0
        if blur:
            u = (values - middle) / width
            places = middle + width * _drawn_in(u, weights, blur)
        else:
            places = values
        density = _smooth(_counts((places - grid[0]) / step, weights), blur * width / step)
        cumulative = np.cumsum(density)
        cumulative = (cumulative - 0.5 * density) / cumulative[-1]
        mean, sd = _two(np.exp(values), weights) if log else (middle, width)
        return cls(grid, cumulative, (low, high), mean, sd, log)

    @classmethod
    def mixed(cls, parts: Sequence[Marginal], shares: Floats) -> Marginal:
        """Average distributions by their shares (m,), which sum to 1."""
        some = [i for i, share in enumerate(shares) if share > _SHARE]
        if len(some) == 1:
            return parts[some[0]]
        low = min(parts[i].grid[0] for i in some)
        high = max(parts[i].grid[-1] for i in some)
        grid = np.linspace(low, high, _FULL)
        cumulative = np.zeros(_FULL)
        for i in some:
            one = parts[i]
            cumulative += shares[i] * np.interp(grid, one.grid, one.cumulative, 0.0, 1.0)
        cumulative /= shares[some].sum()
        means = np.array([part.mean for part in parts])
        mean = float(shares @ means)
        square = shares @ (np.array([part.sd for part in parts]) ** 2 + (means - mean) ** 2)
        ends = min(parts[i].ends[0] for i in some), max(parts[i].ends[1] for i in some)
        return cls(grid, cumulative, ends, mean, float(np.sqrt(square)), parts[0].log)

    def cdf(self, value: float) -> float:
        """Probability of at most `value`, which is a logarithm where the grid is one."""
        return float(np.interp(value, self.grid, self.cumulative, left=0.0, right=1.0))

    def density_at(self, value: float) -> float:
        """Probability density at `value`, which is a logarithm where the grid is one."""
        step = self.grid[1] - self.grid[0]
        return (self.cdf(value + 0.5 * step) - self.cdf(value - 0.5 * step)) / float(step)

    def estimate(self) -> Estimate:
        """Mean, standard deviation and quantiles."""
        values = np.interp(LEVELS, self.cumulative, self.grid)
        values = np.minimum(np.maximum(values, self.ends[0]), self.ends[1])
        a, b, c, d, e = (np.exp(values) if self.log else values).tolist()
        return Estimate(self.mean, self.sd, (a, b, c, d, e))


def _two(values: Floats, weights: Floats) -> tuple[float, float]:
    mean = float(weights @ values)
    return mean, float(np.sqrt(weights @ (values - mean) ** 2))


def _drawn_in(u: Floats, weights: Floats, blur: float) -> Floats:
    """Where standardised points go before they are blurred by `blur`."""
    keep = np.sqrt(1.0 - blur**2)
    square = u * u
    skew = float(weights @ (square * u))
    # Blurring alone would leave keep³ of the skewness, and tails too short by as much.
    rest = max(float(weights @ square**2) - skew**2 - 1.0, 0.5)
    bend = min(max(skew * (keep**-3 - 1.0) / (3.0 * rest), -_BEND), _BEND)
    return np.asarray(keep * (u + bend * (square - skew * u - 1.0)))


def _counts(place: Floats, weights: Floats) -> Floats:
    """Weights shared between the two points of the grid beside each place (in steps)."""
    place = np.minimum(np.maximum(place, 0.0), _GRID - 1.001)
    left = place.astype(np.intp)
    right = weights * (place - left)
    counts: Floats = np.bincount(left, weights - right, _GRID).astype(np.float64)
    counts[1:] += np.bincount(left, right, _GRID)[:-1]
    return counts


def _smooth(counts: Floats, sigma: float) -> Floats:
    """Convolve with a normal of `sigma` grid steps."""
    reach = min(int(4.0 * sigma) + 1, _GRID // 2 - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same")
