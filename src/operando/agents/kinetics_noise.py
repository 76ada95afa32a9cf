"""Linear parameters and an unknown noise level integrated out together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_observation import B0, B1, G00, G01, G11, Amplitudes, C, Prior

Floats = NDArray[np.float64]

# Nodes of log sigma in units of its width: the right tail of its posterior is the longer one.
_PLACES = np.linspace(-6.0, 9.0, 31)


@dataclass(frozen=True)
class UnknownNoise(Prior):
    """Prior of the two linear parameters and of one standard deviation for all points.

    Sums must have been made with unit weights.

    Parameters
    ----------
    sigma : tuple of float
        The standard deviation is log-uniform between these two.
    """

    sigma: tuple[float, float]

    def integrate(self, sums: Floats) -> Amplitudes:
        """Integrate θ and the noise level out; `sums` (p, 7)."""
        count = np.maximum(sums[:, G00], 1.0)
        centre = self._best(sums, count)
        width = 1.0 / np.sqrt(2.0 * np.maximum(count - 2.0, 1.0))
        log_sigma = np.log(centre)[:, None] + width[:, None] * _PLACES
        value, *_ = self._given(sums[:, None, :], np.exp(-2.0 * log_sigma))
        value = value - count[:, None] * log_sigma
        low, high = np.log(self.sigma)
        value = np.where((log_sigma >= low) & (log_sigma <= high), value, -np.inf)
        top = value.max(axis=1)
        safe = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            total = safe + np.log(np.exp(value - safe[:, None]).sum(axis=1))
        total += np.log(width * (_PLACES[1] - _PLACES[0]) / (high - low))
        _, mean, covariance = self._given(sums, centre**-2)
        return Amplitudes(np.maximum(total, -1e300), mean, covariance)

    def level(self, sums: Floats) -> Floats:
        """Most probable standard deviation at each point, (p,)."""
        return self._best(sums, np.maximum(sums[:, G00], 1.0))

    def _best(self, sums: Floats, count: Floats) -> Floats:
        """Find the fixed point of the residuals' standard deviation, within the prior's bounds."""
        sigma = np.sqrt(np.maximum(sums[:, C] / count, self.sigma[0] ** 2))
        for _ in range(6):
            _, mean, _ = self._given(sums, sigma**-2)
            one, two = mean[:, 0], mean[:, 1]
            rest = sums[:, C] - 2.0 * (one * sums[:, B0] + two * sums[:, B1])
            rest += one**2 * sums[:, G00] + 2.0 * one * two * sums[:, G01] + two**2 * sums[:, G11]
            sigma = np.sqrt(np.maximum(rest, 0.0) / count)
            sigma = np.clip(sigma, 1.2 * self.sigma[0], self.sigma[1] / 1.2)
        return np.asarray(sigma)

    def _given(self, sums: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Log likelihood without count log sigma, mean and covariance for weights 1 / sigma²."""
        precision = 1.0 / np.square(self.sd)
        a = weight * sums[..., G00] + precision[0]
        b = weight * sums[..., G01]
        d = weight * sums[..., G11] + precision[1]
        u = weight * sums[..., B0] + precision[0] * self.mean[0]
        v = weight * sums[..., B1] + precision[1] * self.mean[1]
        det = a * d - b * b
        mean = np.stack([d * u - b * v, a * v - b * u], axis=-1) / det[..., None]
        square = weight * sums[..., C] + precision @ np.square(self.mean)
        explained = mean[..., 0] * u + mean[..., 1] * v
        value = -0.5 * (square - explained + np.log(det) - np.log(precision).sum())
        return value, mean, np.stack([d, -b, a], axis=-1) / det[..., None]
