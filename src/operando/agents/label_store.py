"""What people have said about patterns: one line of JSON a label, appended and never changed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operando.errors import BadInput, StoreError
from operando.physics.phases import LABELS

#: What reading a line that is no label may raise.
_NO_LABEL = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
_BEGINNING = b'{"run": "'  # of every line


@dataclass(frozen=True)
class PersonLabel:
    """What one person said about one point.

    Parameters
    ----------
    run : str
        Uid of the map's first run; empty where documents brought none.
    point : int
        ``iy * nx + ix``.
    x_um, y_um : float
        Position, µm.
    labels : mapping of str to bool
        Labels that hold and that do not. What is not named was left open.
    who : str
    when : str
        ISO 8601, UTC.
    logit : tuple of float
        The agent's nine log odds at the point when it was asked, before any lesson: what makes
        the label of use for other maps.
    """

    run: str
    point: int
    x_um: float
    y_um: float
    labels: Mapping[str, bool]
    who: str
    when: str
    logit: tuple[float, ...]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> PersonLabel:
        """Rebuild from what :func:`dataclasses.asdict` gave.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            If it is something else.
        """
        logit = tuple(float(v) for v in values["logit"])
        if len(logit) != len(LABELS) or not all(map(math.isfinite, logit)):
            raise ValueError(f"nine log odds are needed, not {values['logit']}")
        label = cls(**{**values, "logit": logit, "point": int(values["point"])})
        complete(label.labels)
        return label


class LabelStore:
    """Labels in a file of JSON lines, or in memory alone.

    Parameters
    ----------
    path : Path, optional
        Made with the first label. None keeps labels for this process only.

    Raises
    ------
    StoreError
        If the file holds something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._given = list(_read(path)) if path is not None and path.exists() else []

    def __len__(self) -> int:
        return len(self._given)

    def add(self, label: PersonLabel) -> None:
        """Keep a label; it is on disk when this returns.

        Raises
        ------
        StoreError
            If it cannot be written; then it is not kept at all.
        """
        if self.path is not None:
            line = json.dumps(asdict(label), ensure_ascii=False) + "\n"
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _mend(self.path)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise StoreError(f"the label cannot be kept in {self.path}: {error}") from error
        self._given.append(label)

    def all(self) -> list[PersonLabel]:
        """Every label in force: the last one of a point counts, in the order first labelled."""
        return list({(label.run, label.point): label for label in self._given}.values())


def _read(path: Path) -> Iterable[PersonLabel]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StoreError(f"the labels in {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _label(line)
        except _NO_LABEL as error:
            if number == len(lines) and _is_torn(line):
                return
            raise StoreError(f"{path}, line {number}, is no label: {error}") from error


def _label(line: bytes) -> PersonLabel:
    """Read one line; ValueError, TypeError, KeyError or AttributeError if it is no label."""
    return PersonLabel.from_mapping(json.loads(line))


def _is_torn(line: bytes) -> bool:
    """Whether a last line is the beginning of a label whose writer died, not something else."""
    return line.startswith(_BEGINNING) or _BEGINNING.startswith(line)


def _mend(path: Path) -> None:
    """Take away a last line that was cut short, or what follows would be spoilt by it."""
    if not path.exists():
        return
    whole, newline, last = path.read_bytes().rpartition(b"\n")
    if not last:
        return
    try:
        _label(last)
        end, rest = len(whole + newline + last), b"\n"
    except _NO_LABEL:
        end, rest = len(whole + newline), b""
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(rest)


def complete(labels: Mapping[str, bool]) -> dict[str, bool]:
    """Add what follows from the rules of the labels: resin excludes all others.

    Parameters
    ----------
    labels : mapping of str to bool

    Returns
    -------
    dict of str to bool
        In the order of ``LABELS``; labels that nothing is known of are left out.

    Raises
    ------
    BadInput
        If a name is no label, or the labels exclude each other.

    Examples
    --------
    >>> complete({"fe3o4": True})
    {'fe3o4': True, 'resin': False}
    """
    if not labels or not set(labels) <= set(LABELS):
        unknown = ", ".join(sorted(map(str, set(labels) - set(LABELS)))) or "no label"
        raise BadInput(f"{unknown} given; labels are {', '.join(LABELS)}")
    known = {label: bool(labels[label]) for label in LABELS if label in labels}
    others = [label for label, holds in known.items() if holds and label != "resin"]
    if known.get("resin"):
        if others:
            raise BadInput(f"resin excludes {', '.join(others)}: where a phase is, resin is not")
        return {label: label == "resin" for label in LABELS}
    if others and "resin" not in known:
        known["resin"] = False
    if len(known) == len(LABELS) and not any(known.values()):
        raise BadInput("no pattern goes without a label: at least one of the nine must hold")
    return {label: known[label] for label in LABELS if label in known}


def now() -> str:
    """Time of a label: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
