"""Tables of powder patterns in text files."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.agents.pattern_noise import sigma_of
from operando.agents.patterns import PowderPatterns
from operando.errors import BadInput

FEWEST_POINTS = 20
_COMMENTS = ("#", "!")
_SEPARATORS = ("\t", ";", ",", None)  # None: any run of blanks
_NOT_DEGREES = re.compile(r"(?i)^(q|d|r)([ _\-(/\[^]|$)|\brad(ians)?\b|_rad\b")
_LOOKS_LIKE_AN_ANGLE = re.compile(r"(?i)2\s*th|two|tth|angle|2\s*θ|deg")


@dataclass(frozen=True)
class _Table:
    """Numbers of a text file, with where each row came from and what heads the columns."""

    values: NDArray[np.float64]
    lines: list[int]
    header: list[str]


def read_text(path: Path, wavelength: float) -> PowderPatterns:
    """Read a table of 2θ and intensities.

    Parameters
    ----------
    path : Path
        See :func:`operando.agents.pattern_files.read_patterns` for the forms.
    wavelength : float
        Å.

    Returns
    -------
    PowderPatterns

    Raises
    ------
    BadInput
        If the file is no such table; the message says where.
    """
    table = _parse(_text(path))
    if path.suffix.lower() == ".xye" and table.values.shape[1] != 3:
        raise BadInput(
            f"an .xye file has three columns (2θ, intensity, sigma), not {table.values.shape[1]}; "
            "name a table of several patterns .csv, .dat or .xy"
        )
    _check(table, has_sigma=path.suffix.lower() == ".xye")
    two_theta = table.values[:, 0]
    if path.suffix.lower() == ".xye":
        intensity, sigma = table.values[:, 1:2].T, table.values[:, 2:3].T
    else:
        intensity = table.values[:, 1:].T
        sigma = np.stack([sigma_of(column) for column in intensity])
    names = _names(path, table.header, len(intensity))
    return PowderPatterns(
        two_theta, wavelength, intensity.astype(np.float32), sigma.astype(np.float32), names
    )


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in raw:
        raise BadInput("is binary, neither a text table nor an image of a known kind")
    else:
        encoding = "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        # Degree signs and accents of older instruments' software; digits are the same.
        return raw.decode("latin-1")


def _parse(text: str) -> _Table:
    header: list[str] = []
    rows: list[list[float]] = []
    lines: list[int] = []
    separator: str | None = None
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if not rows:
            found = _first_row(line)
            if found is None:
                header = _cells_of_header(line) or header
                continue
            separator, row = found
        else:
            data = _without_comment(line)
            if not data:
                continue
            row = _row(data, separator, number, len(rows[0]))
        rows.append(row)
        lines.append(number)
    if not rows:
        raise BadInput("has no row of two or more numbers (2θ in degrees, then intensities)")
    return _Table(np.array(rows, dtype=np.float64), lines, header)


def _without_comment(line: str) -> str:
    """Take comments, blank ends and empty trailing columns away."""
    if line.lstrip().startswith(";"):
        return ""
    for mark in _COMMENTS:
        line = line.split(mark, 1)[0]
    return line.strip().rstrip(",;\t ")


def _first_row(line: str) -> tuple[str | None, list[float]] | None:
    """Tell the separator by the first row that is numbers throughout."""
    data = _without_comment(line)
    for separator in _SEPARATORS:
        cells = data.split(separator)
        if len(cells) >= 2:
            try:
                return separator, [_number(cell, separator) for cell in cells]
            except ValueError:
                continue
    return None


def _number(cell: str, separator: str | None) -> float:
    cell = cell.strip().strip('"')
    if "_" in cell:  # Python reads 1_000; nobody means it in a table
        raise ValueError(cell)
    if separator != "," and "." not in cell:
        cell = cell.replace(",", ".", 1)  # a decimal comma
    return float(cell)


def _row(data: str, separator: str | None, number: int, columns: int) -> list[float]:
    cells = data.split(separator)
    if len(cells) != columns:
        raise BadInput(f"line {number} has {len(cells)} columns where the first row has {columns}")
    row: list[float] = []
    for place, cell in enumerate(cells, 1):
        try:
            row.append(_number(cell, separator))
        except ValueError:
            what = f"{cell.strip()[:30]!r} is not a number" if cell.strip() else "is empty"
            raise BadInput(f"line {number}, column {place}: {what}") from None
    return row


def _cells_of_header(line: str) -> list[str]:
    """Headings in a line before the data, or nothing if the line is a remark."""
    commented = line.lstrip().startswith((*_COMMENTS, ";"))
    content = line.lstrip(" \t#!;").strip()
    for separator in _SEPARATORS:
        if separator is None or separator in content:
            break
    try:
        cells = (
            content.split()
            if separator is None
            else next(csv.reader([content], delimiter=separator))
        )
    except (csv.Error, StopIteration):
        return []
    cells = [cell.strip(" \t,;") for cell in cells]
    if commented and not (cells and _LOOKS_LIKE_AN_ANGLE.search(cells[0])):
        # Other headings of a first column still matter, for they tell what it is not.
        return cells if len(cells) > 1 and _NOT_DEGREES.search(cells[0]) else []
    return cells


def _names(path: Path, header: list[str], count: int) -> tuple[str, ...]:
    if count == 1:
        return (path.stem,)
    headings = header[1:] if len(header) == count + 1 else [""] * count
    return tuple(name or f"{path.stem} {i}" for i, name in enumerate(headings, 1))


def _check(table: _Table, *, has_sigma: bool) -> None:
    values, lines = table.values, table.lines
    if len(table.header) == values.shape[1] and _NOT_DEGREES.search(table.header[0]):
        raise BadInput(f"the first column is {table.header[0]!r}; 2θ in degrees is needed")
    if len(values) < FEWEST_POINTS:
        raise BadInput(f"has {len(values)} points; a pattern needs at least {FEWEST_POINTS}")
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise BadInput(f"line {lines[row]}, column {column + 1}: {values[row, column]} is no value")
    two_theta = values[:, 0]
    falls = np.flatnonzero(np.diff(two_theta) <= 0)
    if falls.size:
        i = int(falls[0])
        how = "is repeated" if two_theta[i + 1] == two_theta[i] else "is out of order"
        raise BadInput(
            f"line {lines[i + 1]}: 2θ = {two_theta[i + 1]:g}° {how}, after {two_theta[i]:g}°; "
            "2θ must ascend"
        )
    _check_columns(values, lines, has_sigma=has_sigma)


def _check_columns(values: NDArray[np.float64], lines: list[int], *, has_sigma: bool) -> None:
    intensity = values[:, 1:2] if has_sigma else values[:, 1:]
    if (intensity < 0).any():
        row, column = np.argwhere(intensity < 0)[0]
        raise BadInput(
            f"line {lines[row]}, column {column + 2}: the intensity {intensity[row, column]:g} is "
            f"negative (2θ = {values[row, 0]:g}°); give the pattern without background subtraction"
        )
    if np.abs(values).max() > 1e30:
        row, column = np.argwhere(np.abs(values) > 1e30)[0]
        raise BadInput(
            f"line {lines[row]}, column {column + 1}: {values[row, column]:g} is too big"
        )
    dark = np.flatnonzero(~(intensity > 1e-30).any(axis=0))
    if dark.size:
        raise BadInput(f"column {dark[0] + 2} is zero throughout; there is no pattern in it")
    if has_sigma and (values[:, 2] <= 1e-30).any():
        row = int(np.flatnonzero(values[:, 2] <= 1e-30)[0])
        raise BadInput(f"line {lines[row]}: sigma is {values[row, 2]:g}; it must be above 0")
