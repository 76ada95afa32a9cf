"""Rows of events from documents, one at a time, whatever form they come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operando.agents.document_values import as_number
from operando.errors import AgentError


@dataclass(frozen=True)
class EventRow:
    """An event of a stream.

    Parameters
    ----------
    stream : str
    data : mapping
        Key to value.
    time : float
        When the last of the values was read by the device's clock, s.
    """

    stream: str
    data: Mapping[str, Any]
    time: float


class EventRows:
    """Take documents; give the events of some streams.

    Parameters
    ----------
    streams : sequence of str

    Examples
    --------
    >>> rows = EventRows(("primary",))
    >>> list(rows("descriptor", {"uid": "d", "name": "primary"}))
    []
    >>> event = {"descriptor": "d", "data": {"x": 1.0}, "timestamps": {"x": 5.0}, "time": 6.0}
    >>> next(rows("event", event)).time
    5.0
    """

    def __init__(self, streams: Sequence[str]) -> None:
        self._streams = tuple(streams)
        self._known: dict[str, str] = {}

    def __call__(self, name: str, doc: Mapping[str, Any]) -> Iterator[EventRow]:
        """Take a document and give the events in it."""
        if name == "start":
            self._known.clear()
        if name == "descriptor" and doc.get("name") in self._streams:
            self._known[str(doc["uid"])] = str(doc["name"])
        if name not in ("event", "event_page") or doc["descriptor"] not in self._known:
            return
        stream = self._known[doc["descriptor"]]
        if name == "event":
            yield EventRow(stream, doc["data"], _latest(doc["timestamps"], doc["time"]))
            return
        pages = (doc["data"], doc["timestamps"])
        for i, time in enumerate(doc["time"]):
            data, stamps = ({key: _at(page, key, i) for key in page} for page in pages)
            yield EventRow(stream, data, _latest(stamps, time))


def _at(page: Mapping[str, Any], key: str, row: int) -> Any:
    try:
        return page[key][row]
    except (TypeError, IndexError, KeyError):
        raise AgentError(f"{key!r} has no row {row} in its event page") from None


def _latest(stamps: Mapping[str, Any], time: float) -> float:
    times = (as_number(stamp, f"timestamp of {key}") for key, stamp in stamps.items())
    return max(times, default=as_number(time, "time"))
