"""EXAFS: distances and Debye-Waller factors by a fit of scattering paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import leastsq

from operando.agents.exafs import Exafs, check_reach
from operando.agents.exafs_window import FourierConfig, real_transform
from operando.errors import BadInput
from operando.physics.xafs_paths import PathSum, scattering_path

Floats = NDArray[np.float64]
# Å; far beyond all neighbours, where χ(R) is noise.
_NOISE_RANGE = (15.0, 25.0)


@dataclass(frozen=True)
class PathFitConfig:
    """What is fitted to which part of χ(R).

    Parameters
    ----------
    paths : tuple of str
        Tables of `operando.physics.xafs_paths`.
    r_min, r_max : float
        Range of R (of the transform, so about 0.4 Å short of the distances), Å.
    fourier : FourierConfig
    amplitude : {"shared", "each", "fixed"}
        Fit one amplitude S0² for all paths, one for each, or none.
    s02 : float
        Where the amplitude starts, or stays if fixed.
    sigma2 : float
        Where σ² starts, Å².
    e0_shift : float
        Where the shift of E0 starts, eV.
    fit_e0 : bool
        Whether that shift is fitted.
    refine_background : bool
        Let the model lose what the spline took away of the data. Without it, a spline that
        reaches into the first shell shortens it (by up to 0.02 Å at rbkg = 1).
    """

    paths: tuple[str, ...]
    r_min: float = 1.0
    r_max: float = 3.0
    fourier: FourierConfig = field(default_factory=FourierConfig)
    amplitude: Literal["shared", "each", "fixed"] = "shared"
    s02: float = 0.9
    sigma2: float = 0.006
    e0_shift: float = 0.0
    fit_e0: bool = True
    refine_background: bool = True

    @property
    def independent(self) -> float:
        """Number of independent points, 2 Δk ΔR / π."""
        span = self.fourier.k_max - self.fourier.k_min
        return 2.0 * span * (self.r_max - self.r_min) / np.pi


@dataclass(frozen=True, eq=False)
class PathFit:
    """Result of a path fit.

    Parameters
    ----------
    names : tuple of str, (p,)
        ``r_<path>``, ``sigma2_<path>``, ``amplitude`` or ``amplitude_<path>``, ``e0_shift``.
    values, sd : ndarray of float64, (p,)
        Å, Å², 1 and eV.
    covariance : ndarray of float64, (p, p)
    r_factor : float
        Squares of the magnitude of χ(R) − model over those of χ(R), summed over the fit's range.
    independent : float
        Number of independent points.
    chi_square : float
        Reduced, by the noise taken from χ(R) at 15-25 Å.
    flags : tuple of str
        Parameters that ran where they have no meaning (σ² ≤ 0, R off by more than 0.3 Å, E0 by
        more than 15 eV, amplitude ≤ 0); not to be used.
    """

    names: tuple[str, ...]
    values: Floats
    sd: Floats
    covariance: Floats
    r_factor: float
    independent: float
    chi_square: float
    flags: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        return float(self.values[self.names.index(name)])

    def sd_of(self, name: str) -> float:
        """Return the standard deviation of one parameter."""
        return float(self.sd[self.names.index(name)])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a document or JSON."""
        parameters = {
            name: {"value": float(value), "sd": float(sd)}
            for name, value, sd in zip(self.names, self.values, self.sd, strict=True)
        }
        return {
            "parameters": parameters,
            "r_factor": self.r_factor,
            "independent": self.independent,
            "chi_square": self.chi_square,
            "flags": list(self.flags),
        }


class PathModel:
    """Fit spectra with a set of paths; what does not depend on the data is kept.

    Parameters
    ----------
    config : PathFitConfig

    Raises
    ------
    BadInput
        If a path is unknown, or there are more parameters than independent points.

    Notes
    -----
    Least squares on real and imaginary part of χ(R). Covariance: the noise of χ(k), taken from
    χ(R) at 15-25 Å (Newville, Boyanov & Sayers 1999, J. Synchrotron Rad. 6, 264), carried
    through the transform and the fit, times the reduced χ² where that is above 1. Degrees of
    freedom of χ² are the independent points, 2 Δk ΔR / π (Stern 1993, 10.1103/PhysRevB.48.9825,
    without its additional 2), less the parameters: the points of χ(R) are not independent.
    """

    def __init__(self, config: PathFitConfig) -> None:
        self.config = config
        self.sum = PathSum([scattering_path(name) for name in config.paths])
        amplitudes = {
            "shared": ("amplitude",),
            "each": tuple(f"amplitude_{name}" for name in config.paths),
            "fixed": (),
        }[config.amplitude]
        self.names = (
            *(f"r_{name}" for name in config.paths),
            *(f"sigma2_{name}" for name in config.paths),
            *amplitudes,
            *(("e0_shift",) if config.fit_e0 else ()),
        )
        self._start = np.array([path.reff for path in self.sum.paths])
        if len(self.names) > config.independent:
            raise BadInput(
                f"{len(self.names)} parameters for {config.independent:.1f} independent points in "
                f"R = {config.r_min:g}-{config.r_max:g} Å; fewer parameters or a longer range "
                "are needed"
            )

    def fit(self, exafs: Exafs, start: Sequence[float] | None = None) -> PathFit:
        """Fit one spectrum.

        Parameters
        ----------
        exafs : Exafs
        start : sequence of float, (p,), optional
            Where to start, for example the result at the step before.

        Returns
        -------
        PathFit

        Raises
        ------
        BadInput
            If the data do not reach the end of the transform.
        """
        check_reach(exafs, self.config.fourier)
        step = float(exafs.k[1] - exafs.k[0])
        grid, config = (exafs.k.size, step), self.config
        raw = real_transform(*grid, config.fourier, config.r_min, config.r_max)
        noisy = real_transform(*grid, config.fourier, *_NOISE_RANGE)
        matrix = exafs.as_removed(raw) if config.refine_background else raw
        k, data = np.maximum(exafs.k, 0.5 * step), raw @ exafs.chi
        scale = self._scale()

        def residual(x: Floats) -> Floats:
            chi = self.sum.chi(k, *self._unpack(x * scale))
            return np.asarray(data - matrix @ chi)

        def jacobian(x: Floats) -> Floats:
            return np.asarray(-(matrix @ self._slopes(k, x * scale)) * scale)

        begin = self._begin() if start is None else np.asarray(start, dtype=np.float64)
        found = leastsq(residual, begin / scale, Dfun=jacobian, ftol=1e-9, xtol=1e-7, maxfev=200)[0]
        left, slopes = residual(found), jacobian(found) / scale
        # Variance of one point of χ(k), from where in R there are no neighbours.
        noise2 = float(np.sum(np.square(noisy @ exafs.chi)) / np.sum(np.square(noisy)))
        return self._result(found * scale, left, slopes, data, noise2, matrix)

    def chi(self, k: Floats, values: Sequence[float]) -> Floats:
        """χ(k) of the model with the parameters of a fit, (n,)."""
        return self.sum.chi(k, *self._unpack(np.asarray(values, dtype=np.float64)))

    def _begin(self) -> Floats:
        config, size = self.config, len(self.config.paths)
        amplitudes = {"shared": 1, "each": size, "fixed": 0}[config.amplitude]
        parts = (
            self._start,
            np.full(size, config.sigma2),
            np.full(amplitudes, config.s02),
            np.full(int(config.fit_e0), config.e0_shift),
        )
        return np.concatenate(parts)

    def _scale(self) -> Floats:
        """Typical changes, so that the minimiser sees numbers of one size."""
        known = {"r": 0.01, "sigma2": 0.001, "amplitude": 0.1, "e0": 1.0}
        return np.array([known[name.split("_")[0]] for name in self.names])

    def _unpack(self, values: Floats) -> tuple[Floats, Floats, Floats, float]:
        size = len(self.config.paths)
        rest = values[2 * size :]
        e0 = float(np.clip(rest[-1], -40.0, 40.0)) if self.config.fit_e0 else self.config.e0_shift
        if self.config.amplitude == "fixed":
            amplitude = np.array([self.config.s02])
        else:
            amplitude = rest[: size if self.config.amplitude == "each" else 1]
        # The minimiser may try anything; beyond these no spectrum is, and exponentials overflow.
        distance = np.clip(values[:size], self._start - 1.0, self._start + 1.0)
        return distance, np.clip(values[size : 2 * size], -0.02, 0.1), amplitude, e0

    def _slopes(self, k: Floats, values: Floats) -> Floats:
        """Differentiate χ(k) by each parameter, (n, p)."""
        _, by_r, by_sigma2, by_amplitude, by_e0 = self.sum.gradient(k, *self._unpack(values))
        parts = [by_r, by_sigma2]
        if self.config.amplitude == "shared":
            parts.append(by_amplitude.sum(axis=0, keepdims=True))
        elif self.config.amplitude == "each":
            parts.append(by_amplitude)
        if self.config.fit_e0:
            parts.append(by_e0[None, :])
        return np.concatenate(parts).T

    def _result(
        self,
        values: Floats,
        left: Floats,
        slopes: Floats,
        data: Floats,
        noise2: float,
        matrix: Floats,
    ) -> PathFit:
        size, independent = len(values), self.config.independent
        squares = float(left @ left)
        # Fewer than one point to spare says nothing of the misfit; the noise still does.
        spread = squares / max(1.0, independent - size)
        expected = noise2 * float(np.sum(np.square(matrix))) / independent
        response = np.linalg.pinv(slopes) @ matrix
        covariance = noise2 * max(1.0, spread / expected) * response @ response.T
        return PathFit(
            names=self.names,
            values=values,
            sd=np.sqrt(np.maximum(np.diag(covariance), 0.0)),
            covariance=covariance,
            r_factor=squares / float(data @ data),
            independent=independent,
            chi_square=spread / expected,
            flags=self._flags(values),
        )

    def _flags(self, values: Floats) -> tuple[str, ...]:
        distance, sigma2, amplitude, e0 = self._unpack(values)
        wrong = [
            *np.where(np.abs(distance - self._start) > 0.3, "r", ""),
            *np.where((sigma2 <= 0) | (sigma2 > 0.05), "sigma2", ""),
        ]
        flags = [
            f"{kind}_{name}"
            for kind, name in zip(wrong, self.config.paths * 2, strict=True)
            if kind
        ]
        if (amplitude <= 0).any():
            flags.append("amplitude")
        if abs(e0) > 15.0:
            flags.append("e0_shift")
        return tuple(flags)
