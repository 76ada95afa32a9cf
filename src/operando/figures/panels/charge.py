"""What the documents of a charge say that is worth drawing."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_documents import SocDocuments, SocMeasurement
from operando.agents.soc_library import (
    EdgeReferences,
    SocLibrary,
    library_from,
    mean_spectrum,
    normalised,
)
from operando.errors import BadInput

Floats = NDArray[np.float64]
#: Edges, the one that explains most first.
_ELEMENTS = ("Ni", "Co", "Mn")
_PREFIX = "soc_table_"


@dataclass(frozen=True, eq=False)
class EdgeFit:
    """A spectrum, and the references that make it up.

    Parameters
    ----------
    element : str
    soc : float
        State of charge, 1 = nominal capacity.
    energy, norm : ndarray of float64, (n,)
        eV on the references' scale, or the encoder's without any, and the normalised absorption.
    combination : ndarray of float64, (n,) or None
        The references in the recorded shares; None where either is missing.
    e0 : float
        Edge, eV.
    """

    element: str
    soc: float
    energy: Floats
    norm: Floats
    combination: Floats | None
    e0: float


@dataclass(frozen=True, eq=False)
class StepPattern:
    """The pattern of a step: degrees and counts, and the state of charge."""

    two_theta: Floats
    counts: Floats
    soc: float


class ChargeRecord:
    """Electrochemistry, steps and rows of a charge; of the runs that it resumes as well.

    Parameters
    ----------
    start : mapping
        Start document.

    Attributes
    ----------
    hours, volts, amperes, soc : list of float
        What the potentiostat recorded; h from the first record on.
    patterns : list of StepPattern
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._start = dict(start)
        self._uid = ""
        self._library: SocLibrary | None = None
        self._reference_run: list[SocMeasurement] = []
        self._documents = SocDocuments(self._step)
        self._clear()

    def _clear(self) -> None:
        self.hours: list[float] = []
        self.volts: list[float] = []
        self.amperes: list[float] = []
        self.soc: list[float] = []
        self.patterns: list[StepPattern] = []
        self._steps: list[SocMeasurement] = []
        self._rows: dict[int, Mapping[str, Any]] = {}
        self._began: float | None = None

    def begin(self, start: Mapping[str, Any]) -> None:
        """Take the start of a run: it goes on with the last, learns from it, or is another."""
        if start.get("references") == self._uid:
            self._reference_run = self._steps
        if not self._uid or start.get("resumes") != self._uid:
            self._clear()
        elif self.hours:
            self._began = None
        self._start, self._uid = dict(start), str(start.get("uid", ""))
        self._library = None

    def measure(self, name: str, doc: Mapping[str, Any]) -> None:
        """Read a document for spectra and patterns."""
        self._documents(name, doc)

    def flow(self, data: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Take a record of the potentiostat."""
        when = float(data["cell_stream_time"]) / 3600.0
        if self._began is None:
            self._began = when - (self.hours[-1] if self.hours else 0.0)
        capacity = float(config.get("cell_nominal_capacity", np.nan))
        self.hours.append(when - self._began)
        self.volts.append(float(data["cell_stream_voltage"]))
        self.amperes.append(float(data["cell_stream_current"]))
        self.soc.append(float(data["cell_stream_charge"]) / capacity)

    def enter(self, data: Mapping[str, Any]) -> None:
        """Take a row of the table; a later revision takes an earlier one's place."""
        row = {key.removeprefix(_PREFIX): value for key, value in data.items()}
        self._rows[int(row["index"])] = row

    def rows(self) -> list[Mapping[str, Any]]:
        """Give the rows in the order of the steps."""
        return [self._rows[index] for index in sorted(self._rows)]

    def copy(self) -> ChargeRecord:
        """Give a record that does not grow any more."""
        one = copy(self)
        for name in ("hours", "volts", "amperes", "soc", "patterns", "_steps", "_rows"):
            setattr(one, name, copy(getattr(self, name)))
        return one

    def _step(self, measurement: SocMeasurement) -> None:
        self._steps.append(measurement)
        for one in measurement.patterns[:1]:
            self.patterns.append(StepPattern(one.two_theta, one.counts, measurement.soc))

    def fit(self) -> EdgeFit | None:
        """Give the last spectrum of the first element, with the references in recorded shares."""
        library = self._references()
        # The row of a step comes a little after its spectra.
        reduced = [step for step in self._steps if step.index in self._rows]
        for element in _ELEMENTS:
            for step in reversed(reduced or self._steps):
                if step.covering(element):
                    return self._fit(step, element, library)
        return None

    def _fit(
        self, step: SocMeasurement, element: str, library: SocLibrary | None
    ) -> EdgeFit | None:
        edge = library.edges.get(element) if library else None
        try:
            if edge is None:
                spectrum = step.covering(element)[0].of_cell(element)
            else:
                spectrum, _ = mean_spectrum(step.covering(element), element, edge.foil)
            norm = normalised(spectrum, element)
        except (BadInput, np.linalg.LinAlgError):
            return None
        together = None if edge is None else self._combination(step, edge, norm.energy)
        return EdgeFit(element, step.soc, norm.energy, norm.norm, together, norm.e0)

    def _combination(
        self, step: SocMeasurement, edge: EdgeReferences, energy: Floats
    ) -> Floats | None:
        row = self._rows.get(step.index)
        names = edge.library.names
        if row is None or not all(f"{edge.element}_LCF{name}" in row for name in names):
            return None
        shares = np.array([float(row[f"{edge.element}_LCF{name}"]) for name in names])
        if not np.isfinite(shares).all():
            return None
        curves = np.stack([curve(energy) for curve in edge.library.splines])
        return np.asarray(shares @ curves, dtype=np.float64)

    def _references(self) -> SocLibrary | None:
        """Find the references: measured before, in the agent's file, or none."""
        if self._library is None:
            spec = self._start.get("agent")
            config = dict(spec.get("config") or {}) if isinstance(spec, Mapping) else {}
            states = [float(soc) for soc in config.get("states") or SocTableConfig().states]
            file = str(config.get("library") or "")
            try:
                if self._reference_run:
                    self._library = library_from(self._reference_run, states)
                elif file and Path(file).is_file():
                    self._library = SocLibrary.load(Path(file))
            except BadInput:
                return None
        return self._library
