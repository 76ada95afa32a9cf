"""From documents of a charge by steps to what was measured at each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from event_model import unpack_event_page
from numpy.typing import NDArray

from operando.agents.document_values import number, whole
from operando.agents.xanes import isolate_edge
from operando.agents.xas_spectra import Spectrum
from operando.errors import AgentError, BadInput

Floats = NDArray[np.float64]
_STEP = "soc_step_"
_NOT_NUMBERS = ("soc_step_index", "soc_step_reason")


@dataclass(frozen=True, eq=False)
class XafsScan:
    """One XAFS scan in transmission, with the foil behind the cell.

    Parameters
    ----------
    elements : tuple of str
        Whose K edges it covers.
    energy : ndarray of float64, (n,)
        What the encoder says, eV.
    mu, foil : ndarray of float64, (n,)
        ln(I0/I1) of the cell and ln(I1/Ir) of the foils.
    """

    elements: tuple[str, ...]
    energy: Floats
    mu: Floats
    foil: Floats

    def of_cell(self, element: str) -> Spectrum:
        """Give the part of the cell's spectrum that belongs to one edge."""
        return isolate_edge(Spectrum(self.energy, self.mu, f"{element} of the cell"), element)

    def of_foil(self, element: str) -> Spectrum:
        """Give the part of the foil's spectrum that belongs to one edge."""
        return isolate_edge(Spectrum(self.energy, self.foil, f"{element} foil"), element)


@dataclass(frozen=True, eq=False)
class Pattern:
    """Counts along 2θ.

    Parameters
    ----------
    two_theta, counts : ndarray of float64, (n,)
        Degrees, and counts.
    energy_ev : float
        Photon energy by the encoder, eV.
    """

    two_theta: Floats
    counts: Floats
    energy_ev: float


@dataclass(eq=False)
class SocMeasurement:
    """All that documents say of one step of charge.

    Parameters
    ----------
    index : int
    cell : dict of str to float
        Fields of the plan's record of the step (``soc``, ``ocv``, ``overpotential``, ...).
    dose_mgy : float
        Dose after the last exposure, MGy; not a number where nobody counts it.
    scans : list of XafsScan
    patterns : list of Pattern
    faults : list of str
        What could not be read.
    """

    index: int
    cell: dict[str, float]
    dose_mgy: float = float("nan")
    scans: list[XafsScan] = field(default_factory=list)
    patterns: list[Pattern] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def soc(self) -> float:
        """Counted state of charge."""
        return self.cell["soc"]

    def covering(self, element: str) -> list[XafsScan]:
        """Give the scans over one element's edge."""
        return [scan for scan in self.scans if element in scan.elements]


class NoBeam(BadInput):
    """An exposure without beam."""


@dataclass(frozen=True)
class _Stream:
    """What a descriptor says about the X-ray data of its events."""

    kind: str
    device: str
    config: Mapping[str, Any]


class SocDocuments:
    """Gather electrochemistry, diffraction and absorption of each step.

    Events of all streams carry the step they belong to. A step is handed out once all its
    exposures are there; if some never come, when the next step begins or the run ends.

    Parameters
    ----------
    on_step : callable
        Given each `SocMeasurement`.
    """

    def __init__(self, on_step: Callable[[SocMeasurement], None]) -> None:
        self._on_step = on_step
        self._clear({})

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Read one document; names that do not concern a step are passed over."""
        if name == "start":
            self._clear(doc)
        elif name == "descriptor":
            self._describe(doc)
        elif name == "event_page":
            for event in unpack_event_page(doc):
                self._event(event)
        elif name == "event":
            self._event(doc)
        elif name == "stop":
            self._hand_out()

    def _clear(self, start: Mapping[str, Any]) -> None:
        self._devices = set(start.get("detectors", ()))
        self._repeats = int(start.get("repeats") or 1)
        self._streams: dict[str, _Stream] = {}
        self._step: SocMeasurement | None = None
        self._missing: dict[str, int] = {}

    def _describe(self, doc: Mapping[str, Any]) -> None:
        config: dict[str, Any] = {}
        for part in doc.get("configuration", {}).values():
            config |= part["data"]
        for key in doc["data_keys"]:
            device = key.rpartition("_")[0]
            if key.endswith("_ir") and f"{device}_elements" in config:
                self._streams[doc["uid"]] = _Stream("scan", device, config)
                return
            if key.endswith("_counts") and f"{device}_two_theta" in config:
                self._streams[doc["uid"]] = _Stream("pattern", device, config)
                return
        kind = "decision" if "decision_repeats" in doc["data_keys"] else "step"
        if kind == "decision" or f"{_STEP}index" in doc["data_keys"]:
            self._streams[doc["uid"]] = _Stream(kind, "", config)

    def _event(self, doc: Mapping[str, Any]) -> None:
        stream = self._streams.get(doc["descriptor"])
        if stream is None:
            return
        data = doc["data"]
        if stream.kind == "decision":
            self._repeats = whole(data, "decision_repeats")
        elif stream.kind == "step":
            self._begin(data)
        else:
            self._expose(stream, data)

    def _begin(self, data: Mapping[str, Any]) -> None:
        self._hand_out()
        index = whole(data, f"{_STEP}index")
        cell = {
            key.removeprefix(_STEP): _float(value, key)
            for key, value in data.items()
            if key.startswith(_STEP) and key not in _NOT_NUMBERS
        }
        cell["soc"] = number(data, f"{_STEP}soc")
        self._step = SocMeasurement(index, cell)
        self._missing = dict.fromkeys(self._devices, self._repeats)

    def _expose(self, stream: _Stream, data: Mapping[str, Any]) -> None:
        step = self._step
        if step is None or step.index != whole(data, f"{_STEP}index"):
            return  # more than was announced: the step has been handed out
        step.dose_mgy = _float(data.get("dose", step.dose_mgy), "dose")
        try:
            if stream.kind == "scan":
                step.scans.append(_scan(stream, data))
            else:
                step.patterns.append(_pattern(stream, data))
        except NoBeam as error:
            step.faults.append(f"{stream.device}: {error}")
            return  # it is exposed again
        except BadInput as error:
            step.faults.append(f"{stream.device}: {error}")
        if stream.device in self._missing:
            # The pattern is exposed once, however often the scans are repeated.
            self._missing[stream.device] -= self._repeats if stream.kind == "pattern" else 1
        if self._missing and not any(left > 0 for left in self._missing.values()):
            self._hand_out()

    def _hand_out(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            self._on_step(step)


def _float(value: Any, key: str) -> float:
    """Give a value that need not be known as a number; what is none at all is an error."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise AgentError(f"{key!r} is {str(value)[:40]!r}; a number is needed") from None


def _array(values: Mapping[str, Any], key: str) -> Floats:
    """Give the numbers under a key, or say that there are none."""
    try:
        return np.asarray(values[key], dtype=np.float64)
    except KeyError:
        raise BadInput(f"{key!r} is missing") from None
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"{key!r} holds no numbers") from None


def _scan(stream: _Stream, data: Mapping[str, Any]) -> XafsScan:
    name, config = stream.device, stream.config
    counts = [_array(data, f"{name}_{key}") for key in ("i0", "i1", "ir")]
    energy = _array(data, f"{name}_energy")
    if energy.ndim != 1 or any(one.shape != energy.shape for one in counts):
        raise BadInput(f"{name} needs as many counts as energies")
    if not np.isfinite(energy).all():
        raise BadInput(f"{name}_energy is not a number everywhere")
    dark = _array(config, f"{name}_dark")
    if dark.shape != (3,):
        raise BadInput(f"{name}_dark has the shape {dark.shape}, not three numbers")
    net = np.stack(counts) - (dark * _array(config, f"{name}_dwell"))[:, None]
    lit = (net > 0) & np.isfinite(net)
    if not lit[0].all():
        raise NoBeam("I0 counts no more than its dark current")
    if not lit.all():
        chamber = ("I0", "I1", "Ir")[int(np.argwhere(~lit)[0][0])]
        raise BadInput(f"{chamber} counts no more than its dark current")
    elements = tuple(str(config[f"{name}_elements"]).split())
    return XafsScan(elements, energy, np.log(net[0] / net[1]), np.log(net[1] / net[2]))


def _pattern(stream: _Stream, data: Mapping[str, Any]) -> Pattern:
    name, config = stream.device, stream.config
    two_theta, counts = _array(config, f"{name}_two_theta"), _array(data, f"{name}_counts")
    if counts.shape != two_theta.shape:
        raise BadInput(f"{counts.size} counts for {two_theta.size} angles")
    if not np.sum(counts) > 0.0:
        raise NoBeam("nothing was counted")
    return Pattern(two_theta, counts, number(config, f"{name}_energy"))
