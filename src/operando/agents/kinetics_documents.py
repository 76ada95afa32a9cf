"""From documents of a gas-loading run to patterns with their times."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operando.agents.document_values import (
    MOST_WAITING,
    column,
    readings,
    same_length,
    span,
    whole_column,
)
from operando.agents.frames import FrameReader
from operando.agents.kinetics_areas import PatternSum
from operando.agents.patterns import PowderPatterns
from operando.agents.reduction import Reducer, ReductionConfig
from operando.errors import AgentError

Floats = NDArray[np.float64]

#: Streams of the end states, and of the record between them.
ENDS: Final = ("empty", "loaded")
RECORD: Final = "primary"
#: Data keys of a frame's times and of the monitor, and of the valve's opening.
START, STOP, MONITOR, OPENED = "frame_start", "frame_stop", "i0", "gas_opened_at"


@dataclass(frozen=True, eq=False)
class TimedPatterns:
    """Frames of the record.

    Parameters
    ----------
    start, stop : ndarray of float64, (n,)
        Begin and end of each exposure, seconds of the station's clock.
    dose : ndarray of float64, (n,)
        Counts of the monitor.
    patterns : PowderPatterns
        n of them.
    """

    start: Floats
    stop: Floats
    dose: Floats
    patterns: PowderPatterns

    def only(self, good: NDArray[np.bool_]) -> TimedPatterns:
        """Take some of the frames, (n,)."""
        return TimedPatterns(
            self.start[good], self.stop[good], self.dose[good], self.patterns[good]
        )


@dataclass
class _Stream:
    """What one descriptor says, and the halves of its frames that still wait for each other."""

    name: str
    reducer: Reducer
    times: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    frames: list[tuple[range, Mapping[str, Any]]] = field(default_factory=list)


class KineticsDocuments:
    """Pair frames with their times by sequence number and reduce them, in their order.

    Attributes
    ----------
    ends : dict of str to PatternSum
        What the streams ``empty`` and ``loaded`` showed, of this run or one before it. A run
        with either stream begins its own.
    fresh : list of TimedPatterns
        Frames of the record that nobody has taken yet.
    opened_at : float or None
        When the valve opened in this run, seconds of the station's clock.
    run : str
        Uid of the run that is being read.
    """

    def __init__(self) -> None:
        self.ends: dict[str, PatternSum] = {}
        self.fresh: list[TimedPatterns] = []
        self.opened_at: float | None = None
        self.run = ""
        self._streams: dict[str, _Stream] = {}
        self._gas: set[str] = set()
        self._renewed: set[str] = set()
        self._reducers: dict[ReductionConfig, Reducer] = {}
        self._reader = FrameReader()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Read one document; names that do not concern kinetics are passed over."""
        if (read := getattr(self, f"_{name}", None)) is not None:
            read(doc)

    def _start(self, doc: Mapping[str, Any]) -> None:
        self.run = str(doc.get("uid", ""))
        self.fresh.clear()
        self.opened_at = None
        for kept in (self._streams, self._gas, self._renewed):
            kept.clear()
        self._reader.close()
        self._reader = FrameReader()

    def _stop(self, doc: Mapping[str, Any]) -> None:
        self._reader.close()

    def _descriptor(self, doc: Mapping[str, Any]) -> None:
        keys = doc["data_keys"]
        if OPENED in keys:
            self._gas.add(doc["uid"])
        if doc.get("name") in (*ENDS, RECORD) and {START, STOP, MONITOR} <= set(keys):
            config = ReductionConfig.from_descriptor(doc)
            if config not in self._reducers:
                self._reducers[config] = Reducer(config)
            self._streams[doc["uid"]] = _Stream(doc["name"], self._reducers[config])

    def _event(self, doc: Mapping[str, Any]) -> None:
        page = {key: [value] for key, value in doc["data"].items()}
        self._event_page({**doc, "seq_num": [doc.get("seq_num")], "data": page})

    def _event_page(self, doc: Mapping[str, Any]) -> None:
        data = doc["data"]
        if doc["descriptor"] in self._gas:
            opened = column(data, OPENED)
            if opened and opened[-1] > 0:
                self.opened_at = opened[-1]
        if (stream := self._streams.get(doc["descriptor"])) is not None:
            numbers = whole_column(doc, "seq_num")
            start, stop = (column(data, key, len(numbers)) for key in (START, STOP))
            dose = readings(data, MONITOR, len(numbers))
            stream.times.update(zip(numbers, zip(start, stop, dose, strict=True), strict=True))
            self._take(stream)

    def _stream_resource(self, doc: Mapping[str, Any]) -> None:
        self._reader.stream_resource(doc)

    def _stream_datum(self, doc: Mapping[str, Any]) -> None:
        if (stream := self._streams.get(doc["descriptor"])) is not None:
            numbers = same_length(span(doc, "seq_nums"), span(doc, "indices"))
            if len(stream.frames) >= MOST_WAITING:
                raise AgentError(
                    f"{MOST_WAITING} ranges of frames wait for their events; one from 'seq_num' "
                    f"{stream.frames[0][0].start} on never came"
                )
            insort(stream.frames, (numbers, doc), key=lambda one: one[0].start)
            self._take(stream)

    def _take(self, stream: _Stream) -> None:
        """Reduce the frames whose times are known, in their order."""
        while stream.frames:
            numbers, datum = stream.frames[0]
            if not all(number in stream.times for number in numbers):
                return
            del stream.frames[0]
            rows = np.array([stream.times.pop(number) for number in numbers])
            self._put(stream, rows, stream.reducer.stream_portions(self._reader.read(datum)))

    def _put(self, stream: _Stream, rows: Floats, patterns: PowderPatterns) -> None:
        # A frame behind a closed shutter says nothing, nor does one in which nothing was counted.
        lit = (rows[:, 2] > 0) & (np.nansum(patterns.intensity, axis=1) > 0)
        if not lit.all():
            rows, patterns = rows[lit], patterns[lit]
        if not len(rows):
            return
        if stream.name == RECORD:
            self.fresh.append(TimedPatterns(rows[:, 0], rows[:, 1], rows[:, 2], patterns))
            return
        more = PatternSum.of(patterns, rows[:, 2])
        if stream.name in self._renewed:
            more = self.ends[stream.name] + more
        self._renewed.add(stream.name)
        self.ends[stream.name] = more
