"""What runs have measured of a map, read from their documents, so that another can go on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operando.errors import BadInput
from operando.physics.monitor import LEAST, UsualRate
from operando.plans.grid import MapGrid

Document = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Progress:
    """How far a map has come.

    Parameters
    ----------
    uid : str
        The last run of the map.
    start : mapping
        Its start document.
    measured : frozenset of int
        Points in the stream ``primary``.
    events : int
        Number of points measured, each as often as it was.
    revisits : int
        Those of them in the stream ``revisits``.
    dose : mapping of int to float
        Exposure of every point that was measured, s.
    revisited : mapping of int to float
        The same, of points that were measured more than once.
    """

    uid: str
    start: Mapping[str, Any] = field(repr=False)
    measured: frozenset[int] = field(repr=False)
    events: int
    revisits: int
    dose: Mapping[int, float] = field(repr=False)
    revisited: Mapping[int, float] = field(repr=False)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Progress:
        """Read the documents of a run; of a run and those it resumes, oldest first.

        Parameters
        ----------
        documents : iterable of (str, mapping)
            As a RunEngine or a store gives them.

        Returns
        -------
        Progress

        Raises
        ------
        BadInput
            If there is no start document of a map.
        """
        reader = _Reader()
        for name, doc in documents:
            if (read := getattr(reader, f"read_{name}", None)) is not None:
                read(doc)
        if reader.grid is None:
            raise BadInput("there is no start document of a map")
        return cls(
            uid=str(reader.start["uid"]),
            start=reader.start,
            measured=frozenset(reader.primary),
            events=sum(reader.visits.values()),
            revisits=reader.revisits,
            dose=reader.dose,
            revisited={point: s for point, s in reader.dose.items() if reader.visits[point] > 1},
        )


def lineage(read: Callable[[str], Iterable[Document]], uid: str) -> list[list[Document]]:
    """Read a run and those it resumes.

    Parameters
    ----------
    read : callable
        Gives the documents of a run by its uid, as a store does.
    uid : str
        The last run.

    Returns
    -------
    list of list of (str, mapping)
        Their documents, the oldest run first.

    Raises
    ------
    BadInput
        If a run has no start document or resumes itself.
    """
    runs: list[list[Document]] = []
    seen: set[str] = set()
    while uid:
        runs.append(list(read(uid)))
        start = next((doc for name, doc in runs[-1] if name == "start"), None)
        if start is None or start["uid"] in seen:
            raise BadInput(f"run {uid} cannot be followed back: it has no start or resumes itself")
        seen.add(str(start["uid"]))
        uid = str(start.get("resumes", ""))
    return runs[::-1]


class _Reader:
    """Count points as documents tell of them."""

    def __init__(self) -> None:
        self.start: Mapping[str, Any] = {}
        self.grid: MapGrid | None = None
        self.primary: set[int] = set()
        self.revisits = 0
        self.dose: dict[int, float] = {}
        self.visits: dict[int, int] = {}
        self._streams: dict[str, tuple[str, float]] = {}
        self._usual: UsualRate | None = None

    def read_start(self, doc: Mapping[str, Any]) -> None:
        try:
            rows, columns = (int(n) for n in doc["shape"])
            origin = (float(doc["extents"][0][0]), float(doc["extents"][1][0]))
            grid = MapGrid((rows, columns), float(doc["step"]), origin)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"run {doc.get('uid', '?')} is no map") from error
        if self.grid not in (None, grid):
            raise BadInput(f"run {doc['uid']} is not of the map that it resumes")
        self.start, self.grid = doc, grid
        least = doc.get("care", {}).get("least_beam", LEAST)
        self._usual = None if least is None else UsualRate(least)

    def read_descriptor(self, doc: Mapping[str, Any]) -> None:
        if doc.get("name") in ("primary", "revisits"):
            self._streams[doc["uid"]] = doc["name"], _exposure(doc)

    def read_event(self, doc: Mapping[str, Any]) -> None:
        page = {key: [value] for key, value in doc["data"].items()}
        self.read_event_page({**doc, "data": page})

    def read_event_page(self, doc: Mapping[str, Any]) -> None:
        if (stream := self._streams.get(doc["descriptor"])) is not None:
            self._count(*stream, doc["data"])

    def _count(self, stream: str, exposure: float, data: Mapping[str, Sequence[Any]]) -> None:
        assert self.grid is not None, "a descriptor came before any start document"
        monitor = next((name for name in self.start.get("detectors", ()) if name in data), None)
        xs, ys = data["stage_x"], data["stage_y"]
        for k, (x, y) in enumerate(zip(xs, ys, strict=True)):
            point = self.grid.nearest(_number(x), _number(y))
            lit = monitor is None or self._lit(_number(data[monitor][k]), exposure)
            if point < 0 or not lit:
                continue  # neither measured nor exposed
            if stream == "primary":
                self.primary.add(point)
            else:
                self.revisits += 1
            self.dose[point] = self.dose.get(point, 0.0) + exposure
            self.visits[point] = self.visits.get(point, 0) + 1

    def _lit(self, counts: float, exposure: float) -> bool:
        return self._usual is None or self._usual.has_beam(counts, exposure)


def _number(value: Any) -> float:
    """Return a number that was stored as JSON, where NaN may have become nothing."""
    return math.nan if value is None else float(value)


def _exposure(descriptor: Mapping[str, Any]) -> float:
    """Exposure in a descriptor's configuration, s; 0 when there is none."""
    for device in descriptor.get("configuration", {}).values():
        for key, value in device.get("data", {}).items():
            if key.endswith("_exposure"):
                return float(value)
    return 0.0
