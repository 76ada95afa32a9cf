"""How a stage axis gets from one place to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: Moves shorter than this take no time, um; no encoder sees them, and their square root underflows.
NOTHING_UM: Final = 1e-12


@dataclass(frozen=True)
class Travel:
    """A move with a trapezoidal velocity profile (triangular when it is short).

    Parameters
    ----------
    start, stop : float
        Where the move begins and ends, in um.
    velocity : float
        Highest velocity, in um/s.
    acceleration : float
        Acceleration and deceleration, in um/s^2.

    Notes
    -----
    Full velocity v is reached when the distance d exceeds v^2/a. The time is then d/v + v/a;
    for a shorter move it is 2 sqrt(d/a).

    Examples
    --------
    >>> travel = Travel(0.0, 100.0, velocity=100.0, acceleration=1000.0)
    >>> round(travel.duration, 6)
    1.1
    >>> travel.position(0.55)
    50.0
    >>> round(Travel(0.0, 2.0, velocity=100.0, acceleration=1000.0).duration, 6)
    0.089443
    """

    start: float
    stop: float
    velocity: float
    acceleration: float

    @property
    def distance(self) -> float:
        """Distance, um."""
        return abs(self.stop - self.start)

    @property
    def ramp(self) -> float:
        """Time spent getting up to speed, s."""
        return min(self.velocity / self.acceleration, math.sqrt(self.distance / self.acceleration))

    @property
    def duration(self) -> float:
        """Time the whole move takes, s."""
        if self.distance < NOTHING_UM:
            return 0.0
        peak = self.ramp * self.acceleration
        return self.distance / peak + self.ramp

    def position(self, elapsed: float) -> float:
        """Where the axis is.

        Parameters
        ----------
        elapsed : float
            Time since the move began, s; any value.

        Returns
        -------
        float
            Position, um.
        """
        if elapsed >= self.duration:
            return self.stop
        if elapsed <= 0.0:
            return self.start
        ramp, total = self.ramp, self.duration
        if elapsed < ramp:
            covered = 0.5 * self.acceleration * elapsed**2
        elif elapsed <= total - ramp:
            covered = self.acceleration * ramp * (elapsed - 0.5 * ramp)
        else:
            covered = self.distance - 0.5 * self.acceleration * (total - elapsed) ** 2
        return self.start + math.copysign(covered, self.stop - self.start)
