"""How α shows in the data, and its two linear parameters integrated out in closed form.

Both kinds of data are linear in two parameters θ once α is known: areas are θ0 (1 - α) and θ1 α;
a scalar signal is θ0 + θ1 α. For given onset, rate and shape everything that the data say is in
seven sums that add up over frames, so a point of a lattice only ever carries seven numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise
from operando.agents.kinetics_history import Bins

Floats = NDArray[np.float64]

# Sums of a point: D'WD (3 of a symmetric 2 x 2), D'Wy (2), y'Wy, log of the covariances.
G00, G01, G11, B0, B1, C, LOGDET = range(7)
SUMS = 7


class Observation(Protocol):
    """What turns bins and α into sums."""

    def sums(self, bins: Bins, alpha: Floats) -> Floats:
        """Add up bins at every point: `alpha` (p, h) to (p, 7)."""
        ...

    def constant(self, bins: Bins) -> float:
        """Part of the log likelihood that no parameter changes."""
        ...


@dataclass(frozen=True, eq=False)
class AreaObservation:
    """Areas of the empty and the loaded phase, with the covariance that the model predicts.

    Parameters
    ----------
    noise : AreaNoise
    plateau : tuple of float
        Areas at α = 0 (of the empty phase) and at α = 1 (of the loaded one) that the covariance
        is predicted with; the areas between follow α of each point.
    """

    noise: AreaNoise
    plateau: tuple[float, float] = (1.0, 1.0)

    def constant(self, bins: Bins) -> float:
        """Part of the log likelihood that no parameter changes."""
        return bins.log_weight - bins.frames * float(np.log(2.0 * np.pi))

    @cached_property
    def _line(self) -> tuple[Floats, Floats, Floats]:
        """Constant and slope in α of the covariance's three elements."""
        empty = self.noise.of(np.array([self.plateau[0], 0.0]))
        change = self.noise.of(np.array([0.0, self.plateau[1]])) - empty
        one, both, two = (np.array([empty[i], change[i]]) for i in ((0, 0), (0, 1), (1, 1)))
        return one, both, two

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        """Determinant as a polynomial in α, and what makes sums of moments."""
        one, both, two = self._line
        return np.convolve(one, two) - np.convolve(both, both), _polynomials(one, both, two)

    def sums(self, bins: Bins, alpha: Floats) -> Floats:
        """Add up bins at every point: `alpha` (p, h) to (p, 7)."""
        determinant, table = self._table
        det = determinant[0] + alpha * (determinant[1] + alpha * determinant[2])
        power = 1.0 / det
        result = power @ (bins.stats @ table[0])
        for coefficients in table[1:]:
            power = power * alpha
            result += power @ (bins.stats @ coefficients)
        result[:, LOGDET] = np.log(det) @ bins.count
        return np.asarray(result)


def _polynomials(one: Floats, both: Floats, two: Floats) -> Floats:
    """Coefficients (4, 6, 7): of α^0 … α^3 over the determinant, from bins' stats to sums."""
    table = np.zeros((4, 6, SUMS))
    rest, alpha = np.array([1.0, -1.0]), np.array([0.0, 1.0])

    def put(stat: int, column: int, *factors: Floats) -> None:
        product = factors[0]
        for factor in factors[1:]:
            product = np.convolve(product, factor)
        table[: len(product), stat, column] += product

    put(0, G00, rest, rest, two)
    put(0, G01, rest, alpha, -both)
    put(0, G11, alpha, alpha, one)
    put(1, B0, rest, two)
    put(2, B0, rest, -both)
    put(1, B1, alpha, -both)
    put(2, B1, alpha, one)
    put(3, C, two)
    put(4, C, -2.0 * both)
    put(5, C, one)
    return table


@dataclass(frozen=True)
class SignalObservation:
    """A scalar signal with weights 1 / sigma²."""

    def constant(self, bins: Bins) -> float:
        """Part of the log likelihood that no parameter changes."""
        return 0.5 * (bins.log_weight - bins.frames * float(np.log(2.0 * np.pi)))

    def sums(self, bins: Bins, alpha: Floats) -> Floats:
        """Add up bins at every point: `alpha` (p, h) to (p, 7)."""
        weight, value, square = bins.stats[:, 0], bins.stats[:, 1], bins.stats[:, 3]
        result = np.zeros((len(alpha), SUMS))
        result[:, G00], result[:, B0], result[:, C] = weight.sum(), value.sum(), square.sum()
        result[:, G01], result[:, B1] = alpha @ weight, alpha @ value
        result[:, G11] = alpha**2 @ weight
        return result


@dataclass(frozen=True, eq=False)
class Amplitudes:
    """Normal posterior of the two linear parameters at every point.

    Parameters
    ----------
    log_likelihood : ndarray of float64, (p,)
        With the linear parameters integrated out.
    mean : ndarray of float64, (p, 2)
    covariance : ndarray of float64, (p, 3)
        Variance of the first, covariance, variance of the second.
    """

    log_likelihood: Floats
    mean: Floats
    covariance: Floats


def log_sum(values: Floats) -> float:
    """Log of the sum of exponentials."""
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum())) if np.isfinite(top) else top


@dataclass(frozen=True)
class Prior:
    """Normal prior of the two linear parameters.

    Parameters
    ----------
    mean, sd : tuple of float
    """

    mean: tuple[float, float]
    sd: tuple[float, float]

    def integrate(self, sums: Floats) -> Amplitudes:
        """Integrate θ out; `sums` (p, 7)."""
        return integrate_amplitudes(sums, self.mean, self.sd)


def integrate_amplitudes(
    sums: Floats, mean: tuple[float, float], sd: tuple[float, float]
) -> Amplitudes:
    """Integrate θ out under its normal prior; `sums` (p, 7)."""
    precision = 1.0 / np.square(sd)
    a, b, d = sums[:, G00] + precision[0], sums[:, G01], sums[:, G11] + precision[1]
    u, v = sums[:, B0] + precision[0] * mean[0], sums[:, B1] + precision[1] * mean[1]
    det = a * d - b * b
    theta = np.stack([d * u - b * v, a * v - b * u], axis=1) / det[:, None]
    square = sums[:, C] + precision @ np.square(mean)
    explained = theta[:, 0] * u + theta[:, 1] * v
    value = -0.5 * (square - explained + sums[:, LOGDET] + np.log(det) - np.log(precision).sum())
    return Amplitudes(value, theta, np.stack([d, -b, a], axis=1) / det[:, None])
