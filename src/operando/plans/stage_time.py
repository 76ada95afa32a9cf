"""How long moving and exposing takes, from what the devices say of themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from operando.errors import BadInput
from operando.plans.grid import MapGrid
from operando.plans.stubs import MappingStation, plan

#: Mean way from one of n points strewn over an area A to the next, over sqrt(A / n), by `route`
#: through 50 to 1,000 random points of a map of 95 x 80, the longer of dx and dy counting.
#: (0.7124 for straight ways and very many points: Beardwood, Halton & Hammersley 1959.)
HOP = 0.72


@dataclass(frozen=True)
class StageTime:
    """Times of a scanning measurement.

    Parameters
    ----------
    velocity : float
        Highest velocity of an axis, um/s.
    acceleration : float
        Acceleration of an axis, um/s^2.
    settle : float
        Wait after a move, s.
    readout : float
        Time after an exposure in which no other can begin, s.

    Notes
    -----
    Both axes move at once with trapezoidal velocity profiles.

    Examples
    --------
    >>> times = StageTime()
    >>> round(times.move(2.0), 4), round(times.move(200.0), 4), times.move(0.0)
    (0.03, 0.26, 0.0)
    >>> from operando.plans.grid import MapGrid
    >>> grid = MapGrid((95, 80), 2.0)
    >>> round(times.fly(grid, 0.05)), round(times.raster(grid, 0.05))
    (390, 615)
    """

    velocity: float = 1000.0
    acceleration: float = 20000.0
    settle: float = 0.01
    readout: float = 0.95e-3

    def __post_init__(self) -> None:
        if not (self.velocity > 0 and self.acceleration > 0):
            raise BadInput("a stage needs a velocity and an acceleration above 0")
        if self.settle < 0 or self.readout < 0:
            raise BadInput("times to settle and to read out must not be negative")

    def move(self, distance: float) -> float:
        """Time of a move and of settling after it.

        Parameters
        ----------
        distance : float
            The longer of the ways along x and y, um.

        Returns
        -------
        float
            Seconds.
        """
        if distance <= 0:
            return 0.0
        ramp = min(self.velocity / self.acceleration, math.sqrt(distance / self.acceleration))
        return distance / (ramp * self.acceleration) + ramp + self.settle

    def raster(self, grid: MapGrid, exposure: float) -> float:
        """Time of a map that stops at every point, s."""
        return grid.size * (exposure + self.readout) + (grid.size - 1) * self.move(grid.step)

    def fly(self, grid: MapGrid, exposure: float) -> float:
        """Time of a map that is flown row by row, s."""
        rows, columns = grid.shape
        period = exposure + self.readout
        speed = grid.step / period
        ramp = speed / self.acceleration
        # From the end of one run-down to the beginning of the next run-up only y moves.
        return rows * (columns * period + 2.0 * ramp) + (rows - 1) * self.move(grid.step)

    def shortest_fly_exposure(self, grid: MapGrid) -> float:
        """Shortest exposure at which the stage is fast enough, s."""
        return max(grid.step / self.velocity - self.readout, 0.0)

    def hop(self, grid: MapGrid, points: int) -> float:
        """Time from one of some chosen points to the next, s."""
        area = grid.size * grid.step**2
        return self.move(max(grid.step, HOP * math.sqrt(area / max(points, 1))))

    def scattered(self, grid: MapGrid, points: int, exposure: float, batch: int = 0) -> float:
        """Time to stop at chosen points.

        Parameters
        ----------
        grid : MapGrid
            The map that they are of.
        points : int
            How many.
        exposure : float
            Of each, s.
        batch : int
            Points that are routed together; all if 0.

        Returns
        -------
        float
            Seconds.
        """
        hop = self.hop(grid, min(batch or points, points))
        return points * (exposure + self.readout + hop)

    def break_even_exposure(self, grid: MapGrid, share: float) -> float:
        """Exposure a point above which stopping at a share of the points is quicker than flying.

        Parameters
        ----------
        grid : MapGrid
            The map.
        share : float
            Share of the points that would be measured, below 1.

        Returns
        -------
        float
            Seconds; both ways expose each point that they measure as long.

        Notes
        -----
        By halving: the run-ups of the flight get shorter with the exposure, so the difference of
        the two times is no straight line, but it falls all the way.
        """
        points = round(share * grid.size)

        def slower(exposure: float) -> bool:
            return self.scattered(grid, points, exposure) > self.fly(grid, exposure)

        low, high = 0.0, 1.0
        if not slower(1e-6):
            return 0.0
        while slower(high) and high < 1e6:
            high *= 2.0
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if slower(middle) else (low, middle)
        return high


@plan
def stage_time(station: MappingStation) -> MsgGenerator[StageTime]:
    """Read from a station how fast it is.

    Parameters
    ----------
    station : MappingStation
        Its axes are asked for ``velocity``, ``acceleration`` and ``settle`` and its detector
        for ``period``; the slower axis counts, and what a device does not say is taken from
        the defaults of `StageTime`.

    Returns
    -------
    StageTime
    """
    usual = StageTime()
    found: dict[str, list[float]] = {}
    for axis in (station.stage.x, station.stage.y):
        for key in ("velocity", "acceleration", "settle"):
            value = yield from _signal(getattr(axis, key, None), getattr(usual, key))
            found.setdefault(key, []).append(value)
    exposure = yield from _signal(getattr(station.detector, "exposure", None), 0.0)
    period = getattr(station.detector, "period", None)
    readout = usual.readout if period is None else max(float(period) - exposure, 0.0)
    return StageTime(
        min(found["velocity"]), min(found["acceleration"]), max(found["settle"]), readout
    )


def _signal(signal: Any, default: float) -> MsgGenerator[float]:
    if signal is None:
        return default
    return float((yield from bps.rd(signal, default_value=default)))
