"""Tables of numbers, one row a state, and refusing those that no regression can use."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

MIN_ROWS = 8
MAX_ROWS = 2000
MAX_COLUMNS = 2000
#: Beyond this a sum of squares may overflow.
_LARGEST = 1e100
_MISSING = {"", "-", "--", "?", "na", "n/a", "nan", "nil", "none", "null", "missing"}
#: Name of the table that is shipped.
PUBLISHED = "ncm-operando"


@dataclass(frozen=True, eq=False)
class RegressionTable:
    """A target and the variables that may explain it, checked when it is made.

    Parameters
    ----------
    names : tuple of str
        Name of each variable, no two the same.
    values : ndarray of float64, (n, p)
        Variables, any units; a row is one state.
    target_name : str
    target : ndarray of float64, (n,)
        What is to be explained, any unit.
    soc_name : str, optional
        Column that the baseline uses.
    soc : ndarray of float64, (n,), optional
        State of charge (or time, or dose): what was stepped, any unit. Not one of the variables.
    notes : tuple of str
        What was done to the table that its owner should know.

    Raises
    ------
    BadInput
        If there are too few rows or variables, the target is constant, or a value is not finite.

    Examples
    --------
    >>> x = np.arange(8.0)
    >>> RegressionTable(("x",), x[:, None], "y", 2 * x).values.shape
    (8, 1)
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    target_name: str
    target: NDArray[np.float64]
    soc_name: str | None = None
    soc: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, p = self.values.shape
        if len(self.names) != p or self.target.shape != (n,):
            raise BadInput(
                f"{len(self.names)} names and a target of {self.target.size} rows do not match "
                f"values of {n} rows and {p} columns"
            )
        if n < MIN_ROWS:
            raise BadInput(f"{n} rows; at least {MIN_ROWS} are needed")
        if n > MAX_ROWS:
            raise BadInput(f"{n} rows; leave-one-out takes {MAX_ROWS} at most")
        _check_names((*self.names, self.target_name))
        named = dict(zip(self.names, self.values.T, strict=True)) | {self.target_name: self.target}
        for name, column in named.items():
            wrong = np.flatnonzero(~(np.abs(column) < _LARGEST))
            if wrong.size:
                raise BadInput(f"column {name}: {column[wrong[0]]:g} in row {wrong[0] + 1}")
        if is_constant(self.target):
            raise BadInput(
                f"target {self.target_name} is constant ({self.target[0]:g}): nothing to explain"
            )
        constant = np.array([is_constant(column) for column in self.values.T], dtype=bool)
        if constant.all():
            raise BadInput("no variable is left: every column but the target is constant or absent")
        if constant.any():
            dropped = [name for name, flat in zip(self.names, constant, strict=True) if flat]
            object.__setattr__(self, "values", self.values[:, ~constant])
            object.__setattr__(
                self, "names", tuple(name for name in self.names if name not in dropped)
            )
            note = f"dropped, because constant: {', '.join(dropped)}"
            object.__setattr__(self, "notes", (*self.notes, note))


def is_constant(column: NDArray[np.float64]) -> bool:
    """Tell whether a column varies by no more than rounding.

    Examples
    --------
    >>> is_constant(np.array([0.1 + 0.2, 0.3])), is_constant(np.array([0.3, 0.31]))
    (True, False)
    """
    return bool(np.ptp(column) <= 1e-12 * np.abs(column).max())


def published_table() -> RegressionTable:
    """Give the shipped table: 44 variables of an NCM cell at 17 states of charge.

    Notes
    -----
    Kobelco Research Institute, SPring-8 BL08B2: potential and 44 variables from EXAFS, XANES and
    the 003 reflection, standardised and rounded to one decimal.

    Examples
    --------
    >>> table = published_table()
    >>> table.values.shape, table.target_name
    ((17, 44), 'Potential')
    """
    return read_table(published_path(), "Potential")


def published_path() -> Path:
    """Path of the shipped table, a CSV file."""
    return Path(str(files("operando.agents") / "data" / "ncm_operando.csv"))


def read_table(path: str | Path, target: str, soc: str | None = None) -> RegressionTable:
    """Read a CSV file with one line of names and then numbers.

    Cells are separated by commas, semicolons or tabs; lines that start with # are comments.

    Parameters
    ----------
    path : str or Path
    target : str
        Column to explain.
    soc : str, optional
        Column of what was stepped, for the baseline and not among the variables; a column called
        SOC (or ``soc_percent``, ``SOC (%)``) is taken if there is one.

    Returns
    -------
    RegressionTable

    Raises
    ------
    BadInput
        If the file is no such table; the message names the line and the column.

    Notes
    -----
    A last row may carry words in place of its SOC, such as ``5V cut``: the step that a limit cut
    short. Where in the step that happened is not told, so it is put half a step on.
    """
    path = Path(path)
    rows = _rows(path)
    try:
        _, header = next(rows)
    except StopIteration:
        raise BadInput(f"{path.name}: no lines in it") from None
    _check_header(header, path.name)
    listed = ", ".join(header)
    for option, name in (("target", target), ("SOC", soc)):
        if name is not None and name not in header:
            raise BadInput(f"{path.name}: no column {name!r} for the {option}; it has {listed}")
    if soc == target:
        raise BadInput(f"column {target} cannot be both the target and the SOC")
    soc = soc or _guess_soc(header, target)
    body = list(rows)
    for number, cells in body:
        if len(cells) != len(header):
            raise BadInput(
                f"{path.name}: line {number} has {len(cells)} cells, the header {len(header)}"
            )
    if len(body) < MIN_ROWS:
        raise BadInput(f"{path.name}: {len(body)} rows; at least {MIN_ROWS} are needed")
    columns = {
        name: [(number, cells[at]) for number, cells in body] for at, name in enumerate(header)
    }
    charge: NDArray[np.float64] | None = None
    notes: list[str] = []
    if soc is not None:
        charge, notes = _soc(path.name, soc, columns.pop(soc))
    numbers = {
        name: np.array([_number(cell, path.name, line, name) for line, cell in cells])
        for name, cells in columns.items()
    }
    explained = numbers.pop(target)
    values = np.column_stack(list(numbers.values())) if numbers else np.empty((len(body), 0))
    try:
        return RegressionTable(tuple(numbers), values, target, explained, soc, charge, tuple(notes))
    except BadInput as error:
        raise BadInput(f"{path.name}: {error}") from None


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and stripped cells of each line that is neither empty nor a comment."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path.name}: not a text file in UTF-8") from None
    kept = [(i, line) for i, line in enumerate(lines, start=1) if line.strip(" ,;\t")]
    kept = [(i, line) for i, line in kept if not line.lstrip().startswith("#")]
    separator = max(",;\t", key=kept[0][1].count) if kept else ","
    for number, line in kept:
        try:
            cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
        except csv.Error as error:
            raise BadInput(f"{path.name}: line {number}: {error}") from None
        yield number, [cell.strip() for cell in cells]


def _check_header(header: Sequence[str], name: str) -> None:
    if all(_is_number(cell) for cell in header):
        raise BadInput(f"{name}: the first line has numbers; names of columns are needed")
    try:
        _check_names(header)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def _check_names(names: Sequence[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise BadInput(f"{len(names)} columns; {MAX_COLUMNS} at most")
    seen: set[str] = set()
    for at, name in enumerate(names, start=1):
        if not name:
            raise BadInput(f"column {at} has no name")
        if name in seen:
            raise BadInput(f"column {name} is given more than once")
        seen.add(name)


def _guess_soc(header: Sequence[str], target: str) -> str | None:
    """Find a column that is called SOC, whatever its case and unit."""
    found = (name for name in header if re.match(r"soc(?![a-z0-9])", name.lower()))
    return next((name for name in found if name != target), None)


def _soc(
    file: str, name: str, cells: Sequence[tuple[int, str]]
) -> tuple[NDArray[np.float64], list[str]]:
    line, last = cells[-1]
    if last.lower() in _MISSING or _is_number(last):
        return np.array([_number(cell, file, at, name) for at, cell in cells]), []
    known = np.array([_number(cell, file, at, name) for at, cell in cells[:-1]])
    placed = known[-1] + 0.5 * (known[-1] - known[-2])
    note = f"{name} of line {line} is {last!r}: taken as {placed:g}, half a step on"
    return np.append(known, placed), [note]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _number(cell: str, file: str, line: int, column: str) -> float:
    where = f"{file}: line {line}, column {column}"
    if cell.lower() in _MISSING:
        raise BadInput(f"{where}: missing value")
    if not _is_number(cell):
        raise BadInput(f"{where}: {cell[:40]!r} is no number")
    value = float(cell)
    if not abs(value) < _LARGEST:
        raise BadInput(f"{where}: {cell[:40]} is not finite or too large")
    return value
