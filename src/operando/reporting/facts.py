"""What the documents of a run say, ready for a table."""

from __future__ import annotations

import json
import numbers
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlparse

from event_model import unpack_event_page

Document = tuple[str, Mapping[str, Any]]
Pairs = list[tuple[str, str]]

_DECISIONS, _TABLE = "decisions", "soc_table"
_FALLBACK = "fallback"
#: Keys of a start document that have a place of their own, or are of no use to a reader.
_ELSEWHERE = {
    *("uid", "time", "scan_id", "plan_name", "plan_type", "sample"),
    *("agent", "hints", "versions"),
}
#: Columns of a decision that say nothing to a person.
_PASSED_OVER = {"probability", "id", "model_version"}
#: Rows of decisions that a page shows; the first and the last.
_MOST = 400


@dataclass
class Grid:
    """A table: heads, and rows of text."""

    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    left_out: int = 0


@dataclass
class Facts:
    """What the documents of one run say.

    Parameters
    ----------
    documents : iterable of (str, mapping)
    """

    documents: Iterable[Document]
    start: Mapping[str, Any] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    descriptors: list[Mapping[str, Any]] = field(default_factory=list)
    files: list[list[str]] = field(default_factory=list)
    _decisions: list[Mapping[str, Any]] = field(default_factory=list)
    _units: dict[str, str] = field(default_factory=dict)
    _table: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _events: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for name, doc in self.documents:
            if name == "start":
                self.start = doc
            elif name == "stop":
                self.stop = doc
            elif name == "descriptor":
                names[doc["uid"]] = str(doc.get("name", ""))
                self.descriptors.append(doc)
                self._units |= _units(doc) if doc.get("name") == _DECISIONS else {}
            elif name == "event":
                self._event(names.get(doc["descriptor"], ""), doc["data"])
            elif name == "event_page":
                for event in unpack_event_page(doc):
                    self._event(names.get(doc["descriptor"], ""), event["data"])
            elif name == "stream_resource":
                self._file(doc)

    def _event(self, stream: str, data: Mapping[str, Any]) -> None:
        self._events[stream] += 1
        if stream == _DECISIONS:
            self._decisions.append({_short(key, "decision_"): v for key, v in data.items()})
        elif stream == _TABLE:
            row = {_short(key, f"{_TABLE}_"): value for key, value in data.items()}
            self._table[int(row["index"])] = row

    def _file(self, doc: Mapping[str, Any]) -> None:
        name = PurePosixPath(unquote(urlparse(str(doc.get("uri", ""))).path)).name
        dataset = str(doc.get("parameters", {}).get("dataset", ""))
        self.files.append([str(doc.get("data_key", "")), name, dataset, str(doc.get("mimetype"))])

    def about(self) -> Pairs:
        """Say which run it is, when it was and how it ended."""
        start, stop = self.start, self.stop
        pairs = [
            ("plan", str(start.get("plan_name", ""))),
            ("sample", str(start.get("sample", ""))),
            ("run", str(start.get("uid", ""))),
            ("scan", str(start.get("scan_id", ""))),
            ("began", _moment(start.get("time"))),
        ]
        if stop:
            pairs.append(("ended", _moment(stop.get("time"))))
            pairs.append(("took", f"{float(stop['time']) - float(start['time']):.1f} s"))
        pairs.append(("exit status", str(stop.get("exit_status", "no stop document"))))
        pairs.append(("why it ended", str(stop.get("reason") or "all that was planned is done")))
        if stop.get("exit_status") != "success" and not stop.get("reason"):
            pairs.pop()
        return [(key, value) for key, value in pairs if value]

    def streams(self) -> Grid:
        """Give the streams, their events and what is in them."""
        rows = []
        for doc in self.descriptors:
            name = str(doc.get("name", ""))
            keys = [_with_unit(key, spec) for key, spec in doc["data_keys"].items()]
            shown = ", ".join(keys[:12]) + (f" and {len(keys) - 12} more" if keys[12:] else "")
            rows.append([name, str(self._events[name]), shown])
        return Grid(["stream", "events", "columns"], rows)

    def settings(self) -> Pairs:
        """Give what the plan was told."""
        return flat({key: v for key, v in self.start.items() if key not in _ELSEWHERE})

    def agent(self) -> Pairs:
        """Give the agent and its settings."""
        spec = self.start.get("agent")
        return flat(spec) if isinstance(spec, Mapping) else []

    def versions(self) -> Pairs:
        """Give the versions of the software."""
        return flat(self.start.get("versions") or {})

    def instrument(self) -> Pairs:
        """Give what the devices were set to."""
        found: dict[str, Any] = {}
        for doc in self.descriptors:
            for device in doc.get("configuration", {}).values():
                keys = device.get("data_keys", {})
                for key, value in device.get("data", {}).items():
                    if _is_short(value):
                        found[_with_unit(key, keys.get(key, {}))] = value
        return flat(found)

    def failures(self) -> list[str]:
        """Say where an agent failed, was late or was overruled, and where a row is not whole."""
        reasons = Counter(
            str(row["reason"])
            for row in self._decisions
            if str(row.get("reason", "")).startswith(_FALLBACK)
        )
        said = [f"{count} × {reason}" for reason, count in reasons.items()]
        for index in sorted(self._table):
            row = self._table[index]
            if str(row.get("status", "ok")) != "ok":
                said.append(f"step {index}: {row['status']}: {row.get('notes', '')}")
        return said

    def rounds(self) -> Grid:
        """Sum the decisions of a map up by the questions that they answer."""
        grid = Grid(["question", "asked after", "points", "the agent's own", "mean acquisition"])
        by_round: dict[int, list[Mapping[str, Any]]] = {}
        for row in self._decisions:
            if "round" in row:
                by_round.setdefault(int(row["round"]), []).append(row)
        for number, rows in sorted(by_round.items()):
            own = [row for row in rows if row["reason"] == "agent"]
            mean = sum(float(row["acquisition"]) for row in own) / max(len(own), 1)
            after = f"{rows[0].get('after', '')} points"
            grid.rows.append([str(number), after, str(len(rows)), str(len(own)), f"{mean:.3f}"])
        return grid

    def decisions(self) -> Grid:
        """Give every decision, but those in the middle of very many."""
        if not self._decisions:
            return Grid()
        keys = [key for key in self._decisions[0] if key not in _PASSED_OVER]
        units = [self._units.get(key, "") for key in keys]
        heads = [
            f"{k.replace('_', ' ')}, {u}" if u else k for k, u in zip(keys, units, strict=True)
        ]
        chosen: Sequence[Mapping[str, Any]] = self._decisions
        left_out = max(len(chosen) - _MOST, 0)
        if left_out:
            chosen = [*chosen[: _MOST // 2], *chosen[-_MOST // 2 :]]
        rows = [[written(row.get(key, "")) for key in keys] for row in chosen]
        return Grid(["number", *heads], _numbered(rows, left_out), left_out)


def _numbered(rows: list[list[str]], left_out: int) -> list[list[str]]:
    half = _MOST // 2 if left_out else len(rows)
    return [[str(i if i < half else i + left_out), *row] for i, row in enumerate(rows)]


def _short(key: str, prefix: str) -> str:
    return key.removeprefix(prefix)


def _units(doc: Mapping[str, Any]) -> dict[str, str]:
    return {
        _short(key, "decision_"): str(spec.get("units", ""))
        for key, spec in doc["data_keys"].items()
    }


def _with_unit(key: str, spec: Mapping[str, Any]) -> str:
    return f"{key} ({spec['units']})" if spec.get("units") else key


def _is_short(value: Any) -> bool:
    return not (isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 12)


def _moment(seconds: Any) -> str:
    if not isinstance(seconds, numbers.Real):
        return ""
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def flat(values: Mapping[str, Any], prefix: str = "") -> Pairs:
    """Write nested settings as dotted keys with values.

    Examples
    --------
    >>> flat({"a": {"b": 0.25, "c": [1, 2]}, "d": None})
    [('a.b', '0.25'), ('a.c', '[1, 2]'), ('d', '–')]
    """
    pairs: Pairs = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            pairs += flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", written(value)))
    return pairs


def written(value: Any) -> str:
    """Write a value for people; numbers to five digits."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or value == "":
        return "–"
    if isinstance(value, bool | str):
        return str(value)[:300]
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return f"{float(value):.5g}"
    return json.dumps(value, default=str, ensure_ascii=False)[:300]
