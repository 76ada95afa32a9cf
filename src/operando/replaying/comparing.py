"""What an agent suggests now beside what the plan recorded then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

# A decision's name of what a suggestion calls otherwise.
_NAMES = {"stage_x": "x", "stage_y": "y"}
# Where a decision sends the measurement: on the stage, or to a state of charge.
_PLACE = ("x", "y", "soc")
# What says nothing of what was decided: names given at random, and how long it took.
_PASSED_OVER = {"_id", "think_time"}
# Another machine's linear algebra rounds otherwise, and a fit passes that on: figures this close
# are the same. The point itself must be the same to the last bit.
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6


@dataclass(frozen=True)
class Difference:
    """One figure that is not what it was.

    Parameters
    ----------
    decision : int
        Number of the decision, or of the row of a table, in the run, from 0.
    key : str
        What differs.
    stored, replayed : object
        Its values; None for a point that was not suggested.
    rounding : bool
        Whether the values are the same but for rounding (1e-4, or 1e-6 near nought).
    stream : str
        Where it was recorded.
    """

    decision: int
    key: str
    stored: Any
    replayed: Any
    rounding: bool = False
    stream: str = field(default="decisions", repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def compare(
    rows: Sequence[Mapping[str, Any]], suggestions: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    """Compare the answer to one question, point by point.

    Parameters
    ----------
    rows : sequence of mapping
        The agent's own decisions of one question, as recorded; ``_number`` is their number.
    suggestions : sequence of mapping
        What an agent suggests when asked the same.

    Returns
    -------
    list of Difference

    Examples
    --------
    >>> row = {"x": 2.0, "y": 4.0, "acquisition": 0.5}
    >>> compare([row], [{"_id": 1, "stage_x": 2.0, "stage_y": 4.0, "acquisition": 0.5}])
    []
    >>> compare([row], [{"_id": 1, "stage_x": 2.0, "stage_y": 6.0, "acquisition": 0.5}])
    [Difference(decision=0, key='y', stored=4.0, replayed=6.0, rounding=False)]
    """
    partners = _pairs(rows, suggestions)
    differences = []
    for row, partner in zip(rows, partners, strict=True):
        number = int(row.get("_number", 0))
        if partner is None:
            differences.append(Difference(number, "point", _place(row), None))
            continue
        for key, value in partner.items():
            name = _NAMES.get(key, key)
            if key not in _PASSED_OVER and name in row and not same(row[name], value):
                near = name not in _PLACE and close_to(row[name], value)
                differences.append(Difference(number, name, row[name], value, near))
    return differences


def same_points(rows: Sequence[Mapping[str, Any]], suggestions: Sequence[Mapping[str, Any]]) -> int:
    """Count the recorded points that are among those suggested, in any order."""
    suggested = {_place(_renamed(suggestion)) for suggestion in suggestions}
    return sum(_place(row) in suggested for row in rows)


def _pairs(
    rows: Sequence[Mapping[str, Any]], suggestions: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any] | None]:
    """Find each decision's suggestion: the plan takes a batch in the order of the shortest way."""
    by_id = {str(suggestion.get("_id")): suggestion for suggestion in suggestions}
    if all(str(row.get("id")) in by_id for row in rows):
        return [by_id[str(row.get("id"))] for row in rows]
    if len(rows) == len(suggestions) == 1:
        return [suggestions[0]]
    by_place = {_place(_renamed(suggestion)): suggestion for suggestion in suggestions}
    return [by_place.get(_place(row)) for row in rows]


def _renamed(suggestion: Mapping[str, Any]) -> dict[str, Any]:
    return {_NAMES.get(key, key): value for key, value in suggestion.items()}


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Tell what a decision is about: a position on the stage, or a state of charge."""
    return tuple(row.get(key) for key in _PLACE if key in row)


def same(stored: Any, replayed: Any) -> bool:
    """Tell whether values are the same to the last bit."""
    if isinstance(stored, str):
        return stored == str(replayed)
    if isinstance(stored, Sequence):
        return list(stored) == [float(value) for value in replayed]
    return bool(stored == replayed)


def close_to(stored: Any, replayed: Any) -> bool:
    """Tell whether numbers, or lists of them, are the same but for rounding."""
    try:
        return stored == replayed or bool(
            np.allclose(stored, replayed, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
        )
    except (TypeError, ValueError):
        return False  # text, or another number of numbers
