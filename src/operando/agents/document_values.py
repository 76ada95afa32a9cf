"""Numbers out of documents, or a word on which key has none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from operando.errors import AgentError

#: No measurement is as large, and the square of what is below is still a number.
LARGEST: Final = 1e100
#: Ranges of frames that may wait for their events; more means that an event was lost.
MOST_WAITING: Final = 10_000


def number(data: Mapping[str, Any], key: str) -> float:
    """Give the finite number, below 1e100, under a key.

    Parameters
    ----------
    data : mapping
        Of an event or a start document.
    key : str

    Returns
    -------
    float

    Raises
    ------
    AgentError
        If there is no such key, or no finite number under it; the message names the key.

    Examples
    --------
    >>> number({"x": "1.5"}, "x")
    1.5
    >>> number({"x": None}, "x")
    Traceback (most recent call last):
    operando.errors.AgentError: 'x' is None; a finite number is needed
    """
    if key not in data:
        raise AgentError(f"{key!r} is missing")
    return as_number(data[key], key)


def as_number(value: Any, key: str) -> float:
    """Give a value as a finite number, or raise an AgentError that names its key."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not abs(found) < LARGEST:
        raise AgentError(f"{key!r} is {_short(value)}; a finite number is needed")
    return found


def column(data: Mapping[str, Any], key: str, length: int | None = None) -> list[float]:
    """Give the finite numbers of an event page's column, or raise an AgentError that names it."""
    return [as_number(value, key) for value in _values(data, key, length)]


def readings(data: Mapping[str, Any], key: str, length: int | None = None) -> list[float]:
    """Give a column of what a device read, NaN where that was no finite number.

    Raises
    ------
    AgentError
        If there is no such column, or there are words in it; the message names the key.

    Examples
    --------
    >>> readings({"i0": [1.0, None, float("inf")]}, "i0")
    [1.0, nan, nan]
    """
    return [
        math.nan
        if value is None or (isinstance(value, float) and not math.isfinite(value))
        else as_number(value, key)
        for value in _values(data, key, length)
    ]


def _values(data: Mapping[str, Any], key: str, length: int | None) -> Sequence[Any]:
    values = data.get(key)
    if not isinstance(values, list | tuple | np.ndarray) or length not in (None, len(values)):
        count = "a list of" if length is None else length
        raise AgentError(f"{key!r} is {_short(values)}; {count} numbers are needed")
    return list(values)


def whole(data: Mapping[str, Any], key: str) -> int:
    """Give the whole number under a key, or raise an AgentError that names it."""
    found = number(data, key)
    if found != int(found):
        raise AgentError(f"{key!r} is {found}; a whole number is needed")
    return int(found)


def whole_column(doc: Mapping[str, Any], key: str) -> list[int]:
    """Give the whole numbers of a page's column, or raise an AgentError that names it."""
    values = doc.get(key)
    if not isinstance(values, list | tuple | np.ndarray):
        raise AgentError(f"{key!r} is {_short(values)}; a list of whole numbers is needed")
    return [whole({key: value}, key) for value in values]


def same_length(seq_nums: range, indices: range) -> range:
    """Give the numbers of a stream datum, or raise an AgentError if its frames are not as many."""
    if len(seq_nums) != len(indices):
        raise AgentError(f"'indices' are {len(indices)} frames, 'seq_nums' {len(seq_nums)} events")
    return seq_nums


def span(doc: Mapping[str, Any], key: str) -> range:
    """Give the range of a stream datum's ``indices`` or ``seq_nums``.

    Raises
    ------
    AgentError
        If it is none, or an empty one; the message names the key.
    """
    start, stop = whole(doc[key], "start"), whole(doc[key], "stop")
    if not 0 <= start < stop:
        raise AgentError(f"{key!r} go from {start} to {stop}; they must rise from 0 or more")
    return range(start, stop)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
