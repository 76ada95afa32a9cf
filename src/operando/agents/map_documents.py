"""From documents of a map to patterns in the mapping agent's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operando.agents.document_values import (
    MOST_WAITING,
    readings,
    same_length,
    span,
    whole,
    whole_column,
)
from operando.agents.frame_doubts import FrameDoubts
from operando.agents.frames import FrameReader
from operando.agents.map_state import MapGrid, MapMemory
from operando.agents.reduction import Reducer, ReductionConfig
from operando.errors import AgentError

#: Data key of the counts of the beam before the sample.
MONITOR = "i0"


@dataclass
class _Stream:
    """What one descriptor says, and the halves of its points that still wait for each other."""

    reducer: Reducer
    exposure_s: float
    monitor: str | None = None
    positions: dict[int, tuple[float, float, float | None]] = field(default_factory=dict)
    # Ranges of frames, by the first of their numbers that has no position yet.
    frames: dict[int, list[Mapping[str, Any]]] = field(default_factory=dict)


class MapDocuments:
    """Pair frames with positions by sequence number and reduce them as they arrive.

    Events bring where the beam was, stream datums bring frames, in either order; a point
    counts when both are there. Streams without an area detector are passed over.

    Attributes
    ----------
    memory : MapMemory or None
        Made when the first pattern arrives.
    grid : MapGrid or None
        Points of the map; another object with every map that begins.
    chosen : set of int
        Points that somebody decided to measure (stream ``decisions``) and that then were.
    runs : list of str
        Uids of the runs that the map was measured in, the first one first.
    doubts : FrameDoubts
        What was passed over, and why.
    """

    def __init__(self) -> None:
        self.memory: MapMemory | None = None
        self.grid: MapGrid | None = None
        self.chosen: set[int] = set()
        self.runs: list[str] = []
        self.doubts = FrameDoubts()
        self._decided: set[int] = set()
        self._decisions: set[str] = set()
        self._streams: dict[str, _Stream] = {}
        self._reducers: dict[ReductionConfig, Reducer] = {}
        self._reader = FrameReader()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Read one document; names that do not concern a map are passed over."""
        if (read := getattr(self, f"_{name}", None)) is not None:
            read(doc)

    def _start(self, doc: Mapping[str, Any]) -> None:
        if not self._goes_on(doc):
            self.grid = MapGrid.from_start(doc)
            self.memory = None
            self.chosen.clear()
            self.runs.clear()
            self.doubts = FrameDoubts()
        self.runs.append(str(doc.get("uid", "")))
        self._decided.clear()
        self._decisions.clear()
        self._streams.clear()
        self._reader.close()
        self._reader = FrameReader()

    def _goes_on(self, doc: Mapping[str, Any]) -> bool:
        """Whether a run adds to the map that is there: it says so, or is no map itself."""
        if self.memory is None:
            return False
        if "resumes" in doc:
            return self.grid == MapGrid.from_start(doc)
        return "extents" not in doc

    def restore(self, memory: MapMemory) -> None:
        """Take over the memory of an agent that was there before."""
        self.memory, self.grid = memory, memory.grid

    def _stop(self, doc: Mapping[str, Any]) -> None:
        self._reader.close()

    def _descriptor(self, doc: Mapping[str, Any]) -> None:
        keys = doc["data_keys"]
        if doc.get("name") == "decisions" and "decision_point" in keys:
            self._decisions.add(doc["uid"])
        if not any(len(k["shape"]) >= 2 and k.get("external") for k in keys.values()):
            return
        config = ReductionConfig.from_descriptor(doc)
        if config not in self._reducers:
            self._reducers[config] = Reducer(config)
        reducer = self._reducers[config]
        monitor = MONITOR if MONITOR in keys else None
        self._streams[doc["uid"]] = _Stream(reducer, config.exposure_s, monitor)

    def _event(self, doc: Mapping[str, Any]) -> None:
        if doc["descriptor"] in self._decisions:
            self._decided.add(whole(doc["data"], "decision_point"))
        if doc["descriptor"] in self._streams:
            page = {key: [value] for key, value in doc["data"].items()}
            self._event_page({**doc, "seq_num": [whole(doc, "seq_num")], "data": page})

    def _event_page(self, doc: Mapping[str, Any]) -> None:
        if (stream := self._streams.get(doc["descriptor"])) is not None:
            numbers = whole_column(doc, "seq_num")
            x, y = (readings(doc["data"], key, len(numbers)) for key in ("stage_x", "stage_y"))
            counts: list[float | None] = [None] * len(numbers)
            if stream.monitor is not None:
                counts = [*readings(doc["data"], stream.monitor, len(numbers))]
            stream.positions.update(zip(numbers, zip(x, y, counts, strict=True), strict=True))
            self._take(stream, numbers)

    def _stream_resource(self, doc: Mapping[str, Any]) -> None:
        self._reader.stream_resource(doc)

    def _stream_datum(self, doc: Mapping[str, Any]) -> None:
        if (stream := self._streams.get(doc["descriptor"])) is not None:
            self._pair(stream, doc)

    def _take(self, stream: _Stream, numbers: Sequence[int]) -> None:
        """Look again at the frames that have waited for some positions."""
        for at in numbers:
            for datum in stream.frames.pop(at, ()):
                self._pair(stream, datum)

    def _pair(self, stream: _Stream, datum: Mapping[str, Any]) -> None:
        """Reduce a range of frames if their positions are all known; have it wait if not."""
        numbers = same_length(span(datum, "seq_nums"), span(datum, "indices"))
        missing = next((n for n in numbers if n not in stream.positions), None)
        if missing is None:
            self._reduce(stream, datum, numbers)
            return
        if len(stream.frames) >= MOST_WAITING:
            raise AgentError(
                f"{MOST_WAITING} ranges of frames wait for their events; the event with "
                f"'seq_num' {min(stream.frames)} never came"
            )
        stream.frames.setdefault(missing, []).append(datum)

    def _reduce(self, stream: _Stream, datum: Mapping[str, Any], numbers: range) -> None:
        if self.grid is None:
            raise AgentError("a frame came before any start document")
        patterns = stream.reducer.stream_portions(self._reader.read(datum))
        if self.memory is None:
            self.memory = MapMemory(self.grid, patterns.two_theta, patterns.wavelength)
        rows = [stream.positions.pop(n) for n in numbers]
        xy = np.array([row[:2] for row in rows])
        counts = [row[2] for row in rows]
        good = self.doubts.good(xy, counts, stream.exposure_s, patterns.intensity)
        patterns, xy = patterns[good], xy[good]
        points = self.grid.index(xy[:, 0], xy[:, 1])
        self.memory.add(points, patterns.intensity, patterns.sigma, stream.exposure_s)
        self.chosen |= self._decided.intersection(points.tolist())
