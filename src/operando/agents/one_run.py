"""One run at a time, whatever order its documents come in, and only what belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

Handler = Callable[[str, Mapping[str, Any]], None]

logger = logging.getLogger(__name__)

#: What a document of each kind must have, and which of it must be a mapping.
_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "start": ((), ()),
    "descriptor": (("uid", "data_keys"), ("data_keys",)),
    "event": (("descriptor", "data"), ("data",)),
    "event_page": (("descriptor", "data"), ("data",)),
    "stream_resource": (("uid", "uri", "parameters"), ("parameters",)),
    "stream_datum": (
        ("descriptor", "stream_resource", "indices", "seq_nums"),
        ("indices", "seq_nums"),
    ),
    "resource": ((), ()),
    "datum": ((), ()),
    "datum_page": ((), ()),
    "bulk_events": ((), ()),
    "bulk_datum": ((), ()),
    "stop": ((), ()),
}
#: Documents of which a second copy is recognised: the last ones.
_RECENT: Final = 4096
#: Remarks that are kept of a run.
_MOST: Final = 50


class OneRun:
    """A handler of documents that gets those of one run only: the one that began last.

    A run that begins before the last one has ended takes its place, for nobody can tell whether
    the other is still measured or was killed. What belongs to no open run, comes a second time or
    lacks what its kind of document must have is passed over, with a line in the log.

    Parameters
    ----------
    handler : callable
        ``handler(name, doc)``.
    name : str
        Of whoever reads, for the log.

    Attributes
    ----------
    remarks : list of str
        What was passed over in the run that began last, and why; each reason once.

    Examples
    --------
    >>> seen = []
    >>> read = OneRun(lambda name, doc: seen.append(name), "example")
    >>> read("event", {"descriptor": "d", "data": {}})
    >>> read("start", {"uid": "a"})
    >>> read("descriptor", {"uid": "d", "run_start": "b", "data_keys": {}})
    >>> seen, read.remarks
    (['start'], ["descriptor 'd' passed over: it is of run 'b', not of 'a'"])
    """

    def __init__(self, handler: Handler, name: str) -> None:
        self._handler, self._name = handler, name
        self.remarks: list[str] = []
        self._said: set[tuple[str, str]] = set()
        self._run: str | None = None
        self._descriptors: set[str] = set()
        self._recent: dict[tuple[str, ...], None] = {}

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Hand a document on, or pass it over and say so."""
        kind, why = self._why_not(name, doc)
        if why:
            self._remark(name, kind, f"{describe(name, doc)} passed over: {why}")
            return
        if name == "start":
            self._begin(str(doc.get("uid", "")))
        elif name == "descriptor":
            self._descriptors.add(str(doc["uid"]))
        elif name == "stop":
            self._run = None
        self._handler(name, doc)

    def _begin(self, uid: str) -> None:
        before, self._run = self._run, uid
        self.remarks.clear()
        self._said.clear()
        self._descriptors.clear()
        self._recent.clear()
        if before is not None:
            what = "again" if before == uid else f"while run {before!r} had not ended"
            self._remark("start", "open", f"run {uid!r} began {what}: that one is read no further")

    def _why_not(self, name: str, doc: Any) -> tuple[str, str]:
        """Say why a document is none of the run's, in a word and in words; empty if it is."""
        if name not in _NEEDED:
            return "unknown", "there are no such documents"
        if not isinstance(doc, Mapping):
            return "type", f"it is a {type(doc).__name__}"
        keys, mappings = _NEEDED[name]
        for key in keys:
            if key not in doc:
                return key, f"it lacks {key!r}"
        for key in mappings:
            if not isinstance(doc[key], Mapping):
                return key, f"its {key!r} is a {type(doc[key]).__name__}"
        return ("", "") if name == "start" else self._strange(name, doc)

    def _strange(self, name: str, doc: Mapping[str, Any]) -> tuple[str, str]:
        """Say why a whole document is of another run, or not wanted twice."""
        if self._run is None:
            return "closed", "no run is open"
        if (run := str(doc.get("run_start", self._run))) != self._run:
            return run, f"it is of run {run!r}, not of {self._run!r}"
        if "descriptor" in doc and str(doc["descriptor"]) not in self._descriptors:
            return "descriptor", f"run {self._run!r} has no descriptor {doc['descriptor']!r}"
        if name in ("event", "event_page", "stream_datum") and "uid" in doc:
            # Of a replay, an event that was measured again bears the same uid, at another time.
            mark = tuple(str(doc.get(key)) for key in ("uid", "seq_num", "seq_nums", "time"))
            if mark in self._recent:
                return "again", "it came before"
            self._recent[mark] = None
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
        return "", ""

    def _remark(self, name: str, kind: str, words: str) -> None:
        if (name, kind) in self._said or len(self._said) >= _MOST:
            return
        self._said.add((name, kind))
        self.remarks.append(words)
        logger.warning("agent %s: %s", self._name, words)


def describe(name: str, doc: Any) -> str:
    """Say which document it is, in a few words.

    Examples
    --------
    >>> describe("event", {"descriptor": "4f1c22b0-0001", "seq_num": 3})
    "event 3 of descriptor '4f1c22b0-000'"
    >>> describe("start", {"uid": "a"}), describe("event_page", None)
    ("start 'a'", 'event_page')
    """
    words = str(name)[:40]
    if not isinstance(doc, Mapping):
        return words
    if isinstance(number := doc.get("seq_num"), int):
        words += f" {number}"
    elif "uid" in doc and "descriptor" not in doc:
        words += f" {str(doc['uid'])[:12]!r}"
    if "descriptor" in doc:
        words += f" of descriptor {str(doc['descriptor'])[:12]!r}"
    return words
