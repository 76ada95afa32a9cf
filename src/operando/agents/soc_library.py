"""References of a charge: foils for the energy scale, spectra of known states of charge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from operando.agents.npz_file import read_arrays, refusing, write_arrays
from operando.agents.soc_documents import SocMeasurement, XafsScan
from operando.agents.xanes import NormalisedSpectrum, normalise
from operando.agents.xanes_lcf import ReferenceLibrary
from operando.agents.xas_edge import find_e0
from operando.agents.xas_foil import FoilShift, align_foil
from operando.agents.xas_spectra import Spectrum
from operando.errors import BadInput
from operando.physics.xafs_edges import edge_of

Floats = NDArray[np.float64]
#: How near to a reference state a step must be to stand for it, SOC.
_SAME_STATE = 0.01
#: Smoothing for the foil's edge, eV.
_FOIL_SMOOTHING = 0.5


@dataclass(frozen=True, eq=False)
class EdgeReferences:
    """What one edge is compared with.

    Parameters
    ----------
    element : str
    foil : Spectrum
        Of the metal, on the energy scale of the encoder when it was measured.
    spectra : mapping of float to Spectrum
        Absorption of the cell by state of charge, on the foil's scale.

    Attributes
    ----------
    zero_ev : float
        By how much the foil's scale is above true energies, eV.
    library : ReferenceLibrary
        The spectra, normalised.
    """

    element: str
    foil: Spectrum
    spectra: Mapping[float, Spectrum]
    zero_ev: float = field(init=False)
    library: ReferenceLibrary = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "zero_ev", _zero(self.foil, self.element))
        normalised = {
            state_name(soc): normalise(spectrum, element=self.element)
            for soc, spectrum in sorted(self.spectra.items())
        }
        object.__setattr__(self, "library", ReferenceLibrary(normalised))

    def shift(self, scan: XafsScan) -> FoilShift:
        """Find by how many eV a scan's energies are above the references' scale."""
        return align_foil(scan.of_foil(self.element), self.foil, element=self.element)


@dataclass(frozen=True, eq=False)
class SocLibrary:
    """References of all edges, with a version that follows their content.

    Parameters
    ----------
    edges : mapping of str to EdgeReferences
    jitter_ev : float
        Scatter of the energy scale from one scan to the next, eV (standard deviation), as seen
        in the scans that the library was made from; not a number where there was one a state.
    source : str
        Where it comes from, for people.
    """

    edges: Mapping[str, EdgeReferences]
    jitter_ev: float = float("nan")
    source: str = ""
    version: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.edges:
            raise BadInput("a library without any edge")
        digest = hashlib.sha256()
        for element, edge in sorted(self.edges.items()):
            digest.update(f"{element} {edge.library.version}".encode())
            digest.update(np.concatenate([edge.foil.energy, edge.foil.mu]).tobytes())
        object.__setattr__(self, "version", digest.hexdigest()[:12])

    @property
    def states(self) -> tuple[float, ...]:
        """States of charge that every edge has."""
        kept = set.intersection(*(set(edge.spectra) for edge in self.edges.values()))
        return tuple(sorted(kept))

    def arrays(self) -> dict[str, Any]:
        """Give everything as plain arrays, for a file."""
        arrays: dict[str, Any] = {}
        for element, edge in self.edges.items():
            arrays[f"{element}/foil"] = np.vstack([edge.foil.energy, edge.foil.mu])
            for soc, spectrum in edge.spectra.items():
                arrays[f"{element}/{soc!r}"] = np.vstack([spectrum.energy, spectrum.mu])
        about = json.dumps({"jitter_ev": self.jitter_ev, "source": self.source})
        return {"about": np.array(about), **arrays}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> SocLibrary:
        """Make a library of what `arrays` gave."""
        foils: dict[str, Spectrum] = {}
        spectra: dict[str, dict[float, Spectrum]] = {}
        about: dict[str, Any] = json.loads(str(arrays["about"]))
        for key in arrays:
            element, _, what = key.partition("/")
            if what == "foil":
                foils[element] = _spectrum(arrays[key], f"{element} foil")
            elif what:
                of_edge = spectra.setdefault(element, {})
                of_edge[float(what)] = _spectrum(arrays[key], f"{element} at {what}")
        edges = {e: EdgeReferences(e, foils[e], spectra[e]) for e in foils}
        return cls(edges, float(about["jitter_ev"]), str(about["source"]))

    def save(self, path: Path) -> None:
        """Write plain arrays (npz)."""
        write_arrays(path, **self.arrays())

    @classmethod
    def load(cls, path: Path) -> SocLibrary:
        """Read the file of `save`.

        Raises
        ------
        BadInput
            If it is no such file.
        """
        with refusing(path, "library of references"):
            return cls.from_arrays(read_arrays(path))


def state_name(soc: float) -> str:
    """Name a reference by its state of charge in per cent.

    Examples
    --------
    >>> state_name(1.3)
    '130'
    """
    return f"{100.0 * soc:.0f}"


def library_from(
    measurements: Sequence[SocMeasurement],
    states: Sequence[float],
    *,
    previous: SocLibrary | None = None,
    source: str = "",
) -> SocLibrary:
    """Make a library of what was measured at the reference states.

    Parameters
    ----------
    measurements : sequence of SocMeasurement
        Repeated scans of a state are aligned and averaged.
    states : sequence of float
        States of charge; those that were not measured come from `previous`, if it has them.
    previous : SocLibrary, optional
        Its foils stay the energy scale.
    source : str
        For people.

    Returns
    -------
    SocLibrary

    Raises
    ------
    BadInput
        If there is nothing to make a library of.
    """
    at = {soc: [one for one in measurements if abs(one.soc - soc) <= _SAME_STATE] for soc in states}
    elements = {element for one in measurements for scan in one.scans for element in scan.elements}
    edges, scatter = {}, []
    for element in sorted(elements):
        old = previous.edges.get(element) if previous else None
        scans = {
            soc: [scan for one in found for scan in one.covering(element)]
            for soc, found in at.items()
        }
        every = [scan for group in scans.values() for scan in group]
        if not every:
            continue
        foil = old.foil if old else _mean_foil(every, element)
        spectra = dict(old.spectra) if old else {}
        for soc, group in scans.items():
            if group:
                spectra[soc], shifts = mean_spectrum(group, element, foil)
                scatter.append(shifts)
        edges[element] = EdgeReferences(element, foil, spectra)
    if previous:
        edges = {**previous.edges, **edges}
    if not edges:
        raise BadInput("no scans at any of the reference states")
    seen = _scatter(scatter)
    jitter = previous.jitter_ev if previous and not np.isfinite(seen) else seen
    return SocLibrary(edges, jitter, source)


def mean_spectrum(
    scans: Sequence[XafsScan], element: str, foil: Spectrum
) -> tuple[Spectrum, list[FoilShift]]:
    """Align repeated scans by their foils and average them on the first one's grid.

    Parameters
    ----------
    scans : sequence of XafsScan
    element : str
    foil : Spectrum
        The scale to bring them to.

    Returns
    -------
    spectrum : Spectrum
    shifts : list of FoilShift
        Of each scan.
    """
    shifts = [align_foil(scan.of_foil(element), foil, element=element) for scan in scans]
    return _averaged([scan.of_cell(element) for scan in scans], shifts), shifts


def normalised(spectrum: Spectrum, element: str) -> NormalisedSpectrum:
    """Normalise with the ranges that the references have."""
    return normalise(spectrum, element=element)


def _spectrum(array: Floats, name: str) -> Spectrum:
    energy, mu = array
    return Spectrum(energy, mu, name)


def _zero(foil: Spectrum, element: str) -> float:
    """Find by how many eV the foil's first inflection lies above its tabulated edge.

    The main rise pulls a smoothed shoulder along, by the square of the smoothing (0.7 eV with
    1.5 eV): two of them tell where it would be without any.
    """
    fine = find_e0(foil, element, _FOIL_SMOOTHING)
    coarse = find_e0(foil, element, 2.0 * _FOIL_SMOOTHING)
    return (4.0 * fine - coarse) / 3.0 - edge_of(element).energy


def _mean_foil(scans: Sequence[XafsScan], element: str) -> Spectrum:
    foils = [scan.of_foil(element) for scan in scans]
    shifts = [align_foil(foil, foils[0], element=element) for foil in foils]
    return _averaged(foils, shifts)


def _averaged(spectra: Sequence[Spectrum], shifts: Sequence[FoilShift]) -> Spectrum:
    energy = spectra[0].energy - shifts[0].value
    curves = [
        spectrum.mu if i == 0 else CubicSpline(spectrum.energy - shift.value, spectrum.mu)(energy)
        for i, (spectrum, shift) in enumerate(zip(spectra, shifts, strict=True))
    ]
    return Spectrum(energy, np.mean(curves, axis=0), spectra[0].name)


def _scatter(groups: Sequence[Sequence[FoilShift]]) -> float:
    """Pooled standard deviation within the groups."""
    squares = degrees = 0.0
    for group in groups:
        values = np.array([shift.value for shift in group])
        squares += float(np.sum((values - values.mean()) ** 2))
        degrees += len(group) - 1
    return float(np.sqrt(squares / degrees)) if degrees else float("nan")
