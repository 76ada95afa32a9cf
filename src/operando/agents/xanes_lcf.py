"""XANES: linear combinations of reference spectra, and the energy scale by a foil."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from operando.agents.bounded_fit import BoundedSolver
from operando.agents.xanes import NormalisedSpectrum
from operando.errors import BadInput

Floats = NDArray[np.float64]
_MAX_SHIFT = 5.0


@dataclass(frozen=True)
class LcfConfig:
    """How a spectrum is fitted by references.

    Parameters
    ----------
    low, high : float
        Range of the fit, eV from the E0 of the first reference.
    sum_to_one : bool
        Hold the sum of the fractions at 1.
    fit_shift : bool
        Fit a shift of the spectrum's energy scale along with the fractions (within ±5 eV).
    max_e0_difference : float
        References and spectrum whose E0 lie further apart, eV, are of different edges.
    """

    low: float = -20.0
    high: float = 60.0
    sum_to_one: bool = False
    fit_shift: bool = False
    max_e0_difference: float = 25.0


@dataclass(frozen=True, eq=False)
class LcfResult:
    """Fractions of references in a spectrum.

    Parameters
    ----------
    names : tuple of str, (m,)
    fractions, sd : ndarray of float64, (m,)
        Fractions, none below 0, and their standard deviations (of the unbounded fit, so that a
        fraction at 0 has one too).
    covariance : ndarray of float64, (m, m)
    r_factor : float
        Sum of squared residuals over that of the data.
    noise : float
        Standard deviation of the residuals.
    energy_shift, energy_shift_sd : float
        eV by which the spectrum's energies are too high; 0 where not fitted.
    """

    names: tuple[str, ...]
    fractions: Floats
    sd: Floats
    covariance: Floats
    r_factor: float
    noise: float
    energy_shift: float
    energy_shift_sd: float

    def as_dict(self) -> dict[str, Any]:
        """Return what ``operando lcf --json`` prints."""
        return {
            "fractions": {
                name: {"value": float(value), "sd": float(sd)}
                for name, value, sd in zip(self.names, self.fractions, self.sd, strict=True)
            },
            "r_factor": self.r_factor,
            "energy_shift_ev": self.energy_shift,
            "energy_shift_sd_ev": self.energy_shift_sd,
            "noise": self.noise,
        }


@dataclass(frozen=True, eq=False)
class ReferenceLibrary:
    """Normalised reference spectra with names, and a version that follows their content.

    Parameters
    ----------
    spectra : mapping of str to NormalisedSpectrum

    Raises
    ------
    BadInput
        If there are none, or they are of different edges.
    """

    spectra: Mapping[str, NormalisedSpectrum]
    version: str = field(init=False)
    splines: tuple[CubicSpline, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.spectra:
            raise BadInput("no references; at least one is needed")
        object.__setattr__(self, "spectra", dict(self.spectra))
        digest = hashlib.sha256()
        for name, spectrum in self.spectra.items():
            digest.update(name.encode())
            digest.update(np.concatenate([spectrum.energy, spectrum.norm]).tobytes())
        object.__setattr__(self, "version", digest.hexdigest()[:12])
        curves = tuple(CubicSpline(s.energy, s.norm) for s in self.spectra.values())
        object.__setattr__(self, "splines", curves)

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in the order of the fractions."""
        return tuple(self.spectra)


class LinearCombination:
    """Fit spectra by the references of a library; what depends on the grid is kept.

    Parameters
    ----------
    library : ReferenceLibrary
    config : LcfConfig, optional

    Notes
    -----
    Least squares with fractions ≥ 0: Lawson & Hanson (1974), 10.1137/1.9781611971217. The
    covariance has two parts: noise of single points, estimated from the residuals, and noise that
    came in with the normalisation (edge step and both baselines), propagated from
    `NormalisedSpectrum.baseline_covariance`. Errors common to spectrum and references
    (self-absorption, a wrong reference) are in neither; they show in ``r_factor``.
    """

    def __init__(self, library: ReferenceLibrary, config: LcfConfig | None = None) -> None:
        self.library = library
        self.config = config or LcfConfig()
        references = list(library.spectra.values())
        self._e0 = references[0].e0
        for reference in references[1:]:
            self._same_edge(reference)
        # The grid of the last spectrum and the design on it: in a run the grid stays.
        self._grid: tuple[Floats, slice, BoundedSolver] | None = None

    def fit(self, spectrum: NormalisedSpectrum) -> LcfResult:
        """Fractions of the references in a spectrum.

        Parameters
        ----------
        spectrum : NormalisedSpectrum

        Returns
        -------
        LcfResult

        Raises
        ------
        BadInput
            If it is of another edge, or a reference does not reach over the range of the fit.
        """
        self._same_edge(spectrum)
        window, solver = self._prepared(spectrum)
        shift = 0.0
        if self.config.fit_shift:
            shift, solver = self._with_shift(spectrum.energy[window], spectrum.norm[window])
        return self._result(spectrum, window, solver, shift)

    def _same_edge(self, spectrum: NormalisedSpectrum) -> None:
        if abs(spectrum.e0 - self._e0) > self.config.max_e0_difference:
            first = self.library.names[0]
            raise BadInput(
                f"{spectrum.name} has its edge at {spectrum.e0:.1f} eV, reference {first} at "
                f"{self._e0:.1f} eV: not the same edge"
            )

    def _prepared(self, spectrum: NormalisedSpectrum) -> tuple[slice, BoundedSolver]:
        """Put the references on the spectrum's own grid, within the range of the fit."""
        energy = spectrum.energy
        if self._grid is not None and np.array_equal(self._grid[0], energy):
            return self._grid[1], self._grid[2]
        low, high = self._e0 + self.config.low, self._e0 + self.config.high
        margin = _MAX_SHIFT if self.config.fit_shift else 0.0
        for name, reference in self.library.spectra.items():
            first, last = reference.energy[0], reference.energy[-1]
            if first > low - margin or last < high + margin:
                raise BadInput(
                    f"reference {name} covers {first:.0f}-{last:.0f} eV; the fit needs "
                    f"{low - margin:.0f}-{high + margin:.0f} eV"
                )
        window = slice(*(int(i) for i in np.searchsorted(energy, [low, high])))
        if window.stop - window.start < len(self.library.names) + 3:
            raise BadInput(
                f"{spectrum.name} has {window.stop - window.start} points in {low:.0f}-{high:.0f} "
                f"eV, too few for {len(self.library.names)} references"
            )
        design = np.column_stack([curve(energy[window]) for curve in self.library.splines])
        if np.linalg.cond(design) > 1e6:
            raise BadInput(f"references {', '.join(self.library.names)} are not independent")
        solver = BoundedSolver.of(design, self.config.sum_to_one)
        self._grid = (energy, window, solver)
        return window, solver

    def _with_shift(self, energy: Floats, data: Floats) -> tuple[float, BoundedSolver]:
        """Shift by Gauss-Newton, and the solver on the references so shifted."""
        one = self.config.sum_to_one
        shift = 0.0
        for _ in range(30):
            moved = energy - shift
            design = np.column_stack([curve(moved) for curve in self.library.splines])
            slopes = np.column_stack([curve(moved, 1) for curve in self.library.splines])
            fractions = BoundedSolver.of(design, one).fractions(data, one)
            slope = -slopes @ fractions
            used = design[:, fractions > 0]
            if one:
                used = used[:, 1:] - used[:, :1]
            columns = np.column_stack([slope, used])
            step = float(np.linalg.lstsq(columns, data - design @ fractions, rcond=None)[0][0])
            shift = float(np.clip(shift + np.clip(step, -1.0, 1.0), -_MAX_SHIFT, _MAX_SHIFT))
            if abs(step) < 1e-5:
                break
        if abs(shift) >= _MAX_SHIFT:
            raise BadInput(
                f"the energy shift runs beyond ±{_MAX_SHIFT:g} eV; align the spectrum first"
            )
        return shift, BoundedSolver.of(design, one, slope)

    def _result(
        self, spectrum: NormalisedSpectrum, window: slice, solver: BoundedSolver, shift: float
    ) -> LcfResult:
        data = spectrum.norm[window]
        fractions = solver.fractions(data, self.config.sum_to_one)
        residual = data - solver.design @ fractions
        squares = float(residual @ residual)
        size, projector = len(fractions), solver.projector
        degrees = max(1, len(data) - len(projector) + self.config.sum_to_one)
        carried = projector @ spectrum.baseline[:, window].T
        covariance = squares / degrees * (projector @ projector.T) + (
            carried @ spectrum.baseline_covariance @ carried.T
        )
        sd = np.sqrt(np.diag(covariance))
        return LcfResult(
            names=self.library.names,
            fractions=fractions,
            sd=sd[:size],
            covariance=covariance[:size, :size],
            r_factor=squares / float(data @ data),
            noise=float(np.sqrt(squares / degrees)),
            energy_shift=shift,
            energy_shift_sd=float(sd[size]) if self.config.fit_shift else 0.0,
        )


def linear_combination(
    spectrum: NormalisedSpectrum,
    references: Mapping[str, NormalisedSpectrum] | Sequence[NormalisedSpectrum],
    config: LcfConfig | None = None,
) -> LcfResult:
    """Fit one spectrum by references; see `LinearCombination`.

    Parameters
    ----------
    spectrum : NormalisedSpectrum
    references : mapping of str to NormalisedSpectrum, or sequence
        A sequence is named by the spectra's own names.
    config : LcfConfig, optional

    Returns
    -------
    LcfResult
    """
    if not isinstance(references, Mapping):
        references = {reference.name: reference for reference in references}
    return LinearCombination(ReferenceLibrary(references), config).fit(spectrum)
