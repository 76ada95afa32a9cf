"""Agents that say where a charge goes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from operando.errors import BadInput


class ScheduledSteps:
    """Go through given states of charge, one after the other.

    Parameters
    ----------
    states : sequence of float
        States of charge after the one at which the cell stands, rising.
    repeats : int
        XAFS scans of each kind at every state.

    Raises
    ------
    BadInput
        If the states do not rise.

    Examples
    --------
    >>> steps = ScheduledSteps([0.2, 1.3], repeats=4)
    >>> steps.suggest()[0]["soc"], steps.suggest()[0]["soc"], steps.should_stop()
    (0.2, 1.3, (True, 'all states measured'))
    """

    def __init__(self, states: Sequence[float], repeats: int = 1) -> None:
        if list(states) != sorted(set(states)):
            raise BadInput(f"states of charge must rise, not {list(states)}")
        self._states, self._repeats = tuple(states), repeats
        self._next = 0

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": "scheduled_steps",
            "config": {"states": list(self._states), "repeats": self._repeats},
            "seed": None,
            "model_version": "",
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> ScheduledSteps:
        """Rebuild from what a start document carries."""
        return cls(**spec["config"])

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Nothing that is measured changes the schedule."""

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give the next states; fewer when the schedule ends."""
        first, self._next = self._next, min(self._next + (num_points or 1), len(self._states))
        return [
            {"soc": self._states[i], "repeats": self._repeats, "_id": i}
            for i in range(first, self._next)
        ]

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when all states have been asked for."""
        over = self._next >= len(self._states)
        return over, "all states measured" if over else None

    def report(self) -> Mapping[str, Any]:
        """Tell how far it is."""
        return {"asked": self._next, "states": list(self._states)}
