"""One step of charge to numbers: fractions, distances, the 003 reflection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from operando.agents.exafs import BackgroundConfig, remove_background
from operando.agents.exafs_paths import PathFit, PathFitConfig, PathModel
from operando.agents.exafs_window import FourierConfig
from operando.agents.peak_fit import PeakFit, fit_peak
from operando.agents.soc_documents import Pattern, SocMeasurement
from operando.agents.soc_library import EdgeReferences, SocLibrary, mean_spectrum, normalised
from operando.agents.xanes_lcf import LcfConfig, LcfResult, LinearCombination
from operando.agents.xas_foil import FoilShift
from operando.agents.xas_spectra import Spectrum
from operando.errors import BadInput
from operando.physics.constants import wavelength_from_energy
from operando.physics.xafs_edges import WAVENUMBER2_PER_EV, edge_of

Floats = NDArray[np.float64]
#: Names of the shells in the table, and the ends of their paths' names.
SHELLS = {"O": "o", "M": "m", "M2": "m2", "MM": "m_m"}
_FIT_STEP_EV = 0.01
#: How atomic absorption falls above its edge, as a power of the energy (between the 3 of Victoreen
#: and the 2.6 of tables over a few hundred eV; McMaster et al. 1969, UCRL-50174).
_FALL = 2.7


@dataclass(frozen=True)
class ReductionSettings:
    """How a step is reduced.

    Parameters
    ----------
    lcf : LcfConfig
    fourier : FourierConfig
    background : BackgroundConfig
    r_min, r_max : float
        Range of the path fit, Å.
    jitter_ev : float
        Scatter of the energy scale from scan to scan, eV, where the library does not know it.
    """

    lcf: LcfConfig = field(default_factory=LcfConfig)
    fourier: FourierConfig = field(default_factory=FourierConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    r_min: float = 1.0
    r_max: float = 6.0
    jitter_ev: float = 0.05


@dataclass(frozen=True, eq=False)
class EdgeResult:
    """What one edge says.

    Parameters
    ----------
    fractions, fractions_sd : mapping of str to float
        By reference (state of charge in per cent).
    r_factor : float
        Of the linear combination.
    paths : PathFit
        Its σ² are too large by `mcmaster`.
    mcmaster : float
        Å²; what χ normalised to the step at the edge, while the step itself falls with the energy,
        adds to every σ².
    shift_ev, shift_sd_ev : float
        Mean of the scans' energies above true energies, by their foils.
    """

    fractions: Mapping[str, float]
    fractions_sd: Mapping[str, float]
    r_factor: float
    paths: PathFit
    mcmaster: float
    shift_ev: float
    shift_sd_ev: float


@dataclass(frozen=True, eq=False)
class ReflectionResult:
    """What the 003 reflection says.

    Parameters
    ----------
    peak : PeakFit
        2θ in degrees at the encoder's energy.
    d_spacing, d_spacing_sd : float
        Å, with the energy that the foils gave.
    """

    peak: PeakFit
    d_spacing: float
    d_spacing_sd: float


class EdgeReducer:
    """Reduce the scans of one edge; keeps what does not change from step to step.

    Parameters
    ----------
    references : EdgeReferences
    settings : ReductionSettings
    """

    def __init__(self, references: EdgeReferences, settings: ReductionSettings) -> None:
        self.references, self.settings = references, settings
        self._combination = LinearCombination(references.library, settings.lcf)
        self.paths = tuple(f"{references.element.lower()}_{end}" for end in SHELLS.values())
        self._model = PathModel(
            PathFitConfig(
                self.paths, r_min=settings.r_min, r_max=settings.r_max, fourier=settings.fourier
            )
        )
        self._start: list[float] | None = None

    def reduce(self, measurement: SocMeasurement) -> EdgeResult:
        """Reduce one step.

        Raises
        ------
        BadInput
            If the scans cannot be used; the message says why.
        """
        element = self.references.element
        scans = measurement.covering(element)
        if not scans:
            raise BadInput(f"no {element} scan")
        spectrum, shifts = mean_spectrum(scans, element, self.references.foil)
        shift, shift_sd = _mean_shift(shifts)
        fractions, sd = self._fractions(spectrum, shift_sd)
        paths = self._fit_paths(spectrum)
        names = fractions.names
        return EdgeResult(
            dict(zip(names, fractions.fractions.tolist(), strict=True)),
            dict(zip(names, sd.tolist(), strict=True)),
            fractions.r_factor,
            paths,
            mcmaster_correction(element),
            shift + self.references.zero_ev,
            shift_sd,
        )

    def _fractions(self, spectrum: Spectrum, shift_sd: float) -> tuple[LcfResult, Floats]:
        """Fractions, and standard deviations that include the alignment's."""
        element = self.references.element
        result = self._combination.fit(normalised(spectrum, element))
        moved = Spectrum(spectrum.energy + _FIT_STEP_EV, spectrum.mu, spectrum.name)
        change = self._combination.fit(normalised(moved, element)).fractions - result.fractions
        return result, np.hypot(result.sd, change / _FIT_STEP_EV * shift_sd)

    def _fit_paths(self, spectrum: Spectrum) -> PathFit:
        exafs = remove_background(
            normalised(spectrum, self.references.element), self.settings.background
        )
        fit = self._model.fit(exafs, self._start)
        if fit.flags and self._start is not None:  # led astray by the step before
            fit = self._model.fit(exafs)
        self._start = None if fit.flags else fit.values.tolist()
        return fit


class StepReducer:
    """Reduce everything that was measured at a step, against one library.

    Parameters
    ----------
    library : SocLibrary
    settings : ReductionSettings, optional
    """

    def __init__(self, library: SocLibrary, settings: ReductionSettings | None = None) -> None:
        self.library, self.settings = library, settings or ReductionSettings()
        self.edges = {
            element: EdgeReducer(references, self.settings)
            for element, references in library.edges.items()
        }

    def edges_of(self, measurement: SocMeasurement) -> tuple[dict[str, EdgeResult], dict[str, str]]:
        """Reduce all edges.

        Returns
        -------
        results : dict of str to EdgeResult
        faults : dict of str to str
            Why an edge gave none.
        """
        results, faults = {}, {}
        for element, reducer in self.edges.items():
            try:
                results[element] = reducer.reduce(measurement)
            except (BadInput, np.linalg.LinAlgError) as error:
                faults[element] = str(error)
        return results, faults

    def reflection(
        self, measurement: SocMeasurement, edges: Mapping[str, EdgeResult]
    ) -> ReflectionResult:
        """Fit the 003 reflection, and correct its spacing by the foils of the step.

        Raises
        ------
        BadInput
            If there is no pattern, or no peak in it.
        """
        if not measurement.patterns:
            raise BadInput("no pattern")
        pattern = _sum(measurement.patterns)
        sigma = np.sqrt(np.maximum(pattern.counts, 1.0))
        peak = fit_peak(pattern.two_theta, pattern.counts, sigma)
        if "no peak" in peak.flags:
            raise BadInput("no peak in the pattern")
        offset, offset_sd = self._energy_offset(measurement, edges)
        energy = pattern.energy_ev - offset
        theta = math.radians(0.5 * peak["xc"])
        d = float(wavelength_from_energy(energy / 1000.0)) / (2.0 * math.sin(theta))
        by_angle = 0.5 * math.radians(peak.sd_of("xc")) / math.tan(theta)
        return ReflectionResult(peak, d, d * math.hypot(by_angle, offset_sd / energy))

    def _energy_offset(
        self, measurement: SocMeasurement, edges: Mapping[str, EdgeResult]
    ) -> tuple[float, float]:
        """Take encoder's less true energy during diffraction, eV, and its uncertainty.

        The scans follow at once, so they share the slow drift; each has a jitter of its own, and
        so has the exposure. The zero of the scale is as good as the edges agree on it.
        """
        if not edges:
            return 0.0, math.nan
        jitter = self.library.jitter_ev
        if not math.isfinite(jitter):
            jitter = self.settings.jitter_ev
        scans = max(1, len({id(s) for e in edges for s in measurement.covering(e)}))
        # Edges of one scan count together.
        share = [1.0 / len(measurement.covering(element)[0].elements) for element in edges]
        offset = float(np.average([edge.shift_ev for edge in edges.values()], weights=share))
        zeros = np.array([edge.references.zero_ev for edge in self.edges.values()])
        zero_sd = float(np.std(zeros, ddof=1) / math.sqrt(zeros.size)) if zeros.size > 1 else jitter
        return offset, math.hypot(jitter / math.sqrt(scans), zero_sd)


def mcmaster_correction(element: str) -> float:
    """Return what normalising to the step at the edge adds to σ², Å².

    Notes
    -----
    (E/E0)^-p is about exp(-2 k² p ħ²/(4 m E0)), a Debye-Waller factor.

    Examples
    --------
    >>> round(mcmaster_correction("Ni"), 5)
    0.00062
    """
    return _FALL / (2.0 * WAVENUMBER2_PER_EV * edge_of(element).energy)


def _mean_shift(shifts: Sequence[FoilShift]) -> tuple[float, float]:
    values = np.array([shift.value for shift in shifts])
    variance = np.array([shift.sd for shift in shifts]) ** 2
    return float(values.mean()), float(np.sqrt(variance.sum())) / len(shifts)


def _sum(patterns: Sequence[Pattern]) -> Pattern:
    first = patterns[0]
    return Pattern(
        first.two_theta, np.sum([one.counts for one in patterns], axis=0), first.energy_ev
    )
