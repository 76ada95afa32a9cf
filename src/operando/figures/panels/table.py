"""A table of the streams, for runs that nobody knows a better picture of."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from operando.figures.panels.base import DocumentPanel, Streams, plain, waiting

#: Rows that fit.
_MOST = 22
_WIDTHS = (16, 9, 34, 18)


class TablePanel(DocumentPanel):
    """Streams of a run, how many events each has, and the last value of every number.

    Parameters
    ----------
    start : mapping
        Start document of the run.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        super().__init__(start)
        self._streams = Streams()
        self._events: dict[str, int] = {}
        self._last: dict[str, Mapping[str, Any]] = {}

    def _read(self, name: str, doc: Mapping[str, Any]) -> bool:
        if name == "start":
            self._events.clear()
            self._last.clear()
        changed = False
        for stream, data in self._streams(name, doc):
            self._events[stream] = self._events.get(stream, 0) + 1
            self._last[stream], changed = data, True
        return changed

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Give stream, number of events, key and last value; empty where it is as above."""
        with self._lock:
            last = {stream: dict(data) for stream, data in self._last.items()}
            events = dict(self._events)
        rows = []
        for stream, data in last.items():
            head = (stream, str(events[stream]))
            for key, value in data.items():
                if (shown := _shown(value)) is not None:
                    rows.append((*head, key, shown))
                    head = ("", "")
        return rows

    def _draw(self, figure: Figure) -> None:
        rows = self.rows()
        if not rows:
            waiting(figure, self._headline(), "no event yet")
            return
        figure.text(0.03, 0.95, self._headline(), va="top", parse_math=False, weight="bold")
        lines = [_line(("stream", "events", "key", "last value")), *map(_line, rows[:_MOST])]
        if len(rows) > _MOST:
            lines.append(f"… and {len(rows) - _MOST} more")
        figure.text(0.03, 0.88, "\n".join(lines), va="top", family="monospace", parse_math=False)


def _shown(value: Any) -> str | None:
    """Write a value if it is short."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, numbers.Real):
        return f"{float(value):.6g}"
    return None


def _line(cells: tuple[str, ...]) -> str:
    cut = [
        plain(cell if len(cell) <= width else cell[: width - 1] + "…").ljust(width)
        for cell, width in zip(cells, _WIDTHS, strict=True)
    ]
    return " ".join(cut).rstrip()
