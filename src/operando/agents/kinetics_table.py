"""Reading ``time,value[,sigma]`` from CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

_NAMES = ("time", "value", "sigma")


@dataclass(frozen=True, eq=False)
class SignalTable:
    """A scalar signal; `sigma` is None when the file has no such column."""

    time: NDArray[np.float64]
    value: NDArray[np.float64]
    sigma: NDArray[np.float64] | None


def read_signal(path: Path) -> SignalTable:
    """Read a table of times (s), values and, if there, standard deviations.

    A first line of names is optional; without it the columns are in that order. Lines that begin
    with ``#`` are skipped.

    Raises
    ------
    BadInput
        When the file cannot be read, or a line is not two or three finite numbers; the message
        names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise BadInput(f"{path}: {reason or error}") from None
    lines = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(csv.reader(text.splitlines()), start=1)
        if row and any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#")
    ]
    if not lines:
        raise BadInput(f"{path}: no rows; time,value[,sigma] is needed")
    order = _columns(path, lines[0][1])
    if order is not None:
        lines = lines[1:]
    width = len(lines[0][1]) if lines else 2
    order = order or tuple(range(min(width, 3)))
    if len(order) < 2:
        raise BadInput(f"{path}: two columns are needed, time and value")
    rows = np.array([_numbers(path, number, cells, order) for number, cells in lines])
    rows = rows.reshape(-1, len(order))
    return SignalTable(rows[:, 0], rows[:, 1], rows[:, 2] if len(order) > 2 else None)


def _columns(path: Path, cells: list[str]) -> tuple[int, ...] | None:
    """Where time, value and sigma stand; None when the line holds numbers."""
    try:
        [float(cell) for cell in cells]
    except ValueError:
        pass
    else:
        return None
    names = [cell.lower() for cell in cells]
    for name in names:
        if name in _NAMES and names.count(name) > 1:
            raise BadInput(f"{path}: column {name!r} is there twice")
    missing = [name for name in _NAMES[:2] if name not in names]
    if missing:
        raise BadInput(f"{path}: no column {missing[0]!r}; time,value[,sigma] is needed")
    return tuple(names.index(name) for name in _NAMES if name in names)


def _numbers(path: Path, number: int, cells: list[str], order: tuple[int, ...]) -> list[float]:
    try:
        values = [float(cells[column]) for column in order]
    except (ValueError, IndexError):
        raise BadInput(f"{path}, line {number}: {len(order)} numbers are needed") from None
    if not np.isfinite(values).all():
        raise BadInput(f"{path}, line {number}: {','.join(cells)} holds no finite number")
    return values
