"""The size of the beam from the documents of knife-edge scans, vertical and horizontal."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operando.agents.bayes_documents import EventRow, EventRows
from operando.agents.beam_edge import NO_EDGE, EdgeFit, fit_edge
from operando.agents.document_values import number
from operando.errors import BadInput

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]

#: The streams of scans of an edge, and the directions that they measure.
STREAMS: Final[Mapping[str, str]] = {"knife_v": "v", "knife_h": "h"}
#: The axis that moves the edge through the beam.
_AXES: Final[Mapping[str, str]] = {"v": "stage_y", "h": "stage_x"}
#: Relative noise of the monitor beyond counting.
_I0_NOISE: Final = 1e-3
_FEWEST: Final = 7


@dataclass(frozen=True)
class KnifeScan:
    """One scan of an edge.

    Parameters
    ----------
    direction : str
        "v" or "h".
    position : ndarray of float64, (n,)
        Of the edge, um, ascending.
    diode, i0 : ndarray of float64, (n,)
        Counts behind the edge, and of the beam.
    setting : mapping
        What else was read: the knobs of the mirrors.
    time : float
        Of the last point, s.
    """

    direction: str
    position: Floats
    diode: Floats
    i0: Floats
    setting: Mapping[str, float]
    time: float

    @property
    def signal(self) -> Floats:
        """Share of the beam that passes, (n,), in the diode's units over the monitor's."""
        return np.asarray(self.diode / np.maximum(self.i0, 1.0))

    @property
    def variance(self) -> Floats:
        """Variance of `signal` by counting, (n,)."""
        i0 = np.maximum(self.i0, 1.0)
        return np.asarray((self.diode + 1.0) / i0**2 + self.signal**2 * (1.0 / i0 + _I0_NOISE**2))


@dataclass(frozen=True)
class Profile:
    """A scan and what it tells of the beam.

    Parameters
    ----------
    scan : KnifeScan
    fit : EdgeFit
    """

    scan: KnifeScan
    fit: EdgeFit

    @classmethod
    def of(cls, scan: KnifeScan) -> Profile:
        """Fit a scan; one that cannot be fitted has found nothing, which is logged."""
        try:
            return cls(scan, fit_edge(scan.position, scan.signal, scan.variance))
        except BadInput as error:
            logger.warning("a scan of the edge in direction %s: %s", scan.direction, error)
            return cls(scan, NO_EDGE)


class BeamProfiles:
    """Documents in, sizes of the beam out.

    Parameters
    ----------
    counters : str
        Name of the device that counts: ``_diode`` and ``_i0`` are its keys.
    needed : sequence of str
        Keys of the setting that a scan is of no use without.

    Attributes
    ----------
    scans : list of KnifeScan
        As they came. A scan ends with its run, with the next decision, or when another one begins.
    run : str
        Uid of the run that is being read.
    """

    def __init__(self, counters: str = "scaler", needed: Sequence[str] = ()) -> None:
        self._counters, self._needed = counters, tuple(needed)
        self._rows = EventRows((*STREAMS, "decisions"))
        self._pending: list[EventRow] = []
        self.scans: list[KnifeScan] = []
        self._fitted: list[Profile] = []
        self.run = ""

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name in ("start", "stop"):
            self.finish()
        if name == "start":
            self.run = str(doc["uid"])
        for row in self._rows(name, doc):
            if self._pending and self._pending[-1].stream != row.stream:
                self.finish()
            if row.stream in STREAMS:
                self._pending.append(row)

    @property
    def profiles(self) -> list[Profile]:
        """The scans with their fits, which are made when they are first asked for."""
        for scan in self.scans[len(self._fitted) :]:
            self._fitted.append(Profile.of(scan))
        return self._fitted

    def finish(self) -> None:
        """End the scan whose points have come; fewer than seven are none."""
        rows, self._pending = self._pending, []
        if len(rows) < _FEWEST:
            return
        direction = STREAMS[rows[0].stream]
        axis, diode = _AXES[direction], f"{self._counters}_diode"
        # A run that was paused repeats a point: the later one counts.
        by_position = {number(row.data, axis): row for row in rows}
        ordered = [by_position[position] for position in sorted(by_position)]
        if len(ordered) < _FEWEST:
            return
        taken = {axis, diode, f"{self._counters}_i0", *_AXES.values()}
        position, behind, beam = (
            np.array([number(row.data, key) for row in ordered])
            for key in (axis, diode, f"{self._counters}_i0")
        )
        data = rows[-1].data
        others = {k: float(v) for k, v in data.items() if k not in taken and isinstance(v, Real)}
        setting = others | {key: number(data, key) for key in self._needed}
        self.scans.append(KnifeScan(direction, position, behind, beam, setting, rows[-1].time))

    def last(self, direction: str) -> Profile | None:
        """Give the last profile of a direction ("v" or "h"), None before there is one."""
        return next((p for p in self.profiles[::-1] if p.scan.direction == direction), None)
