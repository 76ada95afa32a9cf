"""Axes that move at the same time, at unlimited speed as well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operando.simulations.clock import Clock


class Together:
    """Let the time of moves pass that begin together.

    Parameters
    ----------
    clock : Clock
        The station's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moved: set[Any] = set()
        self._began = self._ended = -math.inf

    def pass_time(self, axis: Any, seconds: float) -> None:
        """Let the time of one axis's move pass.

        When nothing has happened since another axis was set, they were set together, and only
        what this one takes longer is added.

        Parameters
        ----------
        axis : object
            The axis that was set.
        seconds : float
            How long it takes.
        """
        now = self._clock.now()
        if axis in self._moved or now != self._ended:
            self._moved, self._began = set(), now
        self._clock.sleep_until(self._began + seconds)
        self._moved.add(axis)
        self._ended = self._clock.now()
