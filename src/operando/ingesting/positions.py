"""Where the frames of a folder were measured, and the map that they make."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

_X = ("x", "x_um", "stage_x", "x_mm")
_Y = ("y", "y_um", "stage_y", "y_mm")
_FILE = ("file", "filename", "frame")
# More cells than this a frame means that the positions lie on no grid.
_EMPTY_CELLS = 4


@dataclass(frozen=True)
class Positions:
    """One position a frame.

    Parameters
    ----------
    x, y : ndarray of float64, (n,)
        µm.
    i0 : ndarray of float64, (n,), or None
        Counts of the incident beam.
    """

    x: NDArray[np.float64] = field(repr=False)
    y: NDArray[np.float64] = field(repr=False)
    i0: NDArray[np.float64] | None = None

    @classmethod
    def in_line(cls, count: int) -> Positions:
        """Put frames of unknown places 1 µm apart on a line."""
        return cls(np.arange(count, dtype=float), np.zeros(count))

    @classmethod
    def read(cls, path: Path, files: Sequence[str]) -> Positions:
        """Read a CSV file with a header.

        Parameters
        ----------
        path : Path
            Columns ``x`` and ``y`` (µm; ``x_mm`` and ``y_mm`` in mm), if there is one ``i0``, and
            if there is one ``file``. Without it, row n is of frame n.
        files : sequence of str
            Name of the file that each frame is of.

        Raises
        ------
        BadInput
            The file cannot be read, or does not tell a position for each frame.
        """
        rows = _rows(path)
        column = {name: name for name in rows[0]}
        x, y = (_one_of(path, column, names) for names in (_X, _Y))
        file = next((name for name in _FILE if name in column), None)
        if file is not None:
            rows = _by_file(path, rows, file, files)
        if len(rows) != len(files):
            raise BadInput(f"{path} has {len(rows)} positions for {len(files)} frames")
        return cls(
            _numbers(path, rows, x),
            _numbers(path, rows, y),
            _numbers(path, rows, "i0") if "i0" in column else None,
        )

    def grid(self) -> dict[str, Any]:
        """Describe the map for a start document.

        Returns
        -------
        dict
            ``shape`` [ny, nx], ``extents`` [[y0, y1], [x0, x1]] and ``step``, µm. Positions that
            lie on no grid get one with about a cell a frame.
        """
        (y0, y1, ny), (x0, x1, nx) = _axis(self.y), _axis(self.x)
        if nx * ny > _EMPTY_CELLS * len(self.x):
            cells = max(len(self.x), 2)
            wide, high = max(x1 - x0, 1e-9), max(y1 - y0, 1e-9)
            step = math.sqrt(wide * high / cells)
            nx, ny = (max(round(length / step) + 1, 1) for length in (wide, high))
        step_x = (x1 - x0) / (nx - 1) if nx > 1 else 1.0
        return {"shape": [ny, nx], "extents": [[y0, y1], [x0, x1]], "step": step_x}


#: No number of a table of positions is as large, um or counts.
_FARTHEST = 1e15


def _axis(values: NDArray[np.float64]) -> tuple[float, float, int]:
    """First and last value of evenly spaced ones, and how many."""
    places = np.unique(np.round(values, 3))
    low, high = float(places[0]), float(places[-1])
    if len(places) == 1:
        return low, high, 1
    step = float(np.median(np.diff(places)))
    return low, high, round((high - low) / step) + 1


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows = [{k.strip().lower(): v for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not rows:
        raise BadInput(f"{path} holds no positions")
    return rows


def _one_of(path: Path, column: dict[str, str], names: Sequence[str]) -> str:
    for name in names:
        if name in column:
            return name
    raise BadInput(f"{path} has no column {names[0]}; it has {', '.join(column)}")


def _by_file(
    path: Path, rows: list[dict[str, str]], column: str, files: Sequence[str]
) -> list[dict[str, str]]:
    known = {Path(row[column] or "").name: row for row in rows}
    if missing := [name for name in files if name not in known]:
        raise BadInput(f"{path} has no position for {missing[0]}")
    if len(set(files)) == len(files):
        return [known[name] for name in files]
    # Files of many frames: their rows are in the order of the frames.
    return rows


def _numbers(path: Path, rows: list[dict[str, str]], column: str) -> NDArray[np.float64]:
    scale = 1000.0 if column.endswith("_mm") else 1.0
    values = []
    for number, row in enumerate(rows, start=1):
        try:
            value = scale * float(row[column])
        except (TypeError, ValueError):
            value = math.nan
        if not abs(value) < _FARTHEST:
            told = str(row[column])[:40]
            raise BadInput(f"{path}, row {number}: {column} is {told!r}, not a number to go by")
        values.append(value)
    return np.array(values)
