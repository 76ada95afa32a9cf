"""The mapping agent's memory: what has been measured at every point of the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.errors import AgentError


@dataclass(frozen=True)
class MapGrid:
    """The points that a map may visit.

    Parameters
    ----------
    shape : tuple of int
        Rows (y) and columns (x).
    origin_um : tuple of float
        (y, x) of the first point, µm.
    step_um : tuple of float
        Distance between points along (y, x), µm.
    """

    shape: tuple[int, int]
    origin_um: tuple[float, float]
    step_um: tuple[float, float]

    @classmethod
    def from_start(cls, doc: Mapping[str, Any]) -> MapGrid:
        """Read the grid from a run's start document (``shape``, ``extents``).

        Raises
        ------
        AgentError
            If the run is no map.
        """
        try:
            ny, nx = (int(n) for n in doc["shape"])
            (y0, y1), (x0, x1) = doc["extents"]
        except (KeyError, TypeError, ValueError) as error:
            raise AgentError(
                f"run {doc.get('uid', '?')} is no map: its start document lacks shape and extents"
            ) from error
        step_y = (y1 - y0) / (ny - 1) if ny > 1 else 1.0
        step_x = (x1 - x0) / (nx - 1) if nx > 1 else 1.0
        return cls((ny, nx), (float(y0), float(x0)), (float(step_y), float(step_x)))

    @property
    def size(self) -> int:
        """Number of points."""
        return self.shape[0] * self.shape[1]

    def index(self, x_um: Any, y_um: Any) -> NDArray[np.int64]:
        """Nearest point of each position, as ``iy * nx + ix``.

        Parameters
        ----------
        x_um, y_um : array_like of float, (n,)

        Returns
        -------
        ndarray of int64, (n,)

        Raises
        ------
        AgentError
            If a position lies more than half a step outside the grid.
        """
        iy = np.rint((np.asarray(y_um, dtype=float) - self.origin_um[0]) / self.step_um[0])
        ix = np.rint((np.asarray(x_um, dtype=float) - self.origin_um[1]) / self.step_um[1])
        inside = (iy >= 0) & (iy < self.shape[0]) & (ix >= 0) & (ix < self.shape[1])
        if not np.all(inside):
            worst = int(np.flatnonzero(~np.atleast_1d(inside))[0])
            raise AgentError(
                f"measured position x = {np.atleast_1d(x_um)[worst]} µm, "
                f"y = {np.atleast_1d(y_um)[worst]} µm is not on the map"
            )
        return np.asarray(iy * self.shape[1] + ix, dtype=np.int64)

    def position(self, index: NDArray[np.int64] | Sequence[int]) -> NDArray[np.float64]:
        """(x, y) in µm of points, (n, 2)."""
        iy, ix = np.divmod(np.asarray(index), self.shape[1])
        return np.stack(
            [self.origin_um[1] + ix * self.step_um[1], self.origin_um[0] + iy * self.step_um[0]],
            axis=1,
        )


class MapMemory:
    """Counts summed over every visit to a point; nothing is kept per visit.

    Summing counts is the best use of two exposures of one point: the sum of Poisson counts is
    Poisson, and the classifier sees the significance that all the dose together has earned.

    Parameters
    ----------
    grid : MapGrid
    two_theta : ndarray of float64, (b,)
        Axis of the patterns, degrees.
    wavelength : float
        Å.
    """

    def __init__(self, grid: MapGrid, two_theta: NDArray[np.float64], wavelength: float) -> None:
        self.grid = grid
        self.two_theta = two_theta
        self.wavelength = wavelength
        self.intensity = np.zeros((grid.size, two_theta.size), dtype=np.float32)
        self.variance = np.zeros((grid.size, two_theta.size), dtype=np.float32)
        self.exposure_s = np.zeros(grid.size)
        self.visits = np.zeros(grid.size, dtype=np.int32)
        self._changed = np.zeros(grid.size, dtype=bool)

    def add(
        self,
        index: NDArray[np.int64],
        intensity: FloatArray,
        sigma: FloatArray,
        exposure_s: float | NDArray[np.float64],
    ) -> None:
        """Add patterns (n, b) measured at points `index` (n,), exposed `exposure_s` (each)."""
        np.add.at(self.intensity, index, intensity)
        np.add.at(self.variance, index, np.square(sigma))
        np.add.at(self.exposure_s, index, exposure_s)
        np.add.at(self.visits, index, 1)
        self._changed[index] = True

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Points that were measured since `take_changed`, (ny * nx,)."""
        return self._changed

    def take_changed(self) -> NDArray[np.int64]:
        """Points that were measured since this was last asked, ascending."""
        changed = np.flatnonzero(self._changed)
        self._changed[changed] = False
        return changed

    def mark_changed(self) -> None:
        """Have every measured point count as new."""
        self._changed = self.visits > 0

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Points visited at least once, (ny, nx)."""
        return (self.visits > 0).reshape(self.grid.shape)
