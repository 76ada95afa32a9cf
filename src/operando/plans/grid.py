"""The points of a map and the orders in which they can be visited."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

#: Reciprocals of the plastic number and its square: the additive recurrence that fills a square
#: most evenly (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").
_R2 = np.array([0.7548776662466927, 0.5698402909980532])


@dataclass(frozen=True)
class MapGrid:
    """Points of a map on a rectangular grid.

    Parameters
    ----------
    shape : tuple of int
        Number of rows (y) and columns (x).
    step : float
        Distance between neighbours, um.
    origin : tuple of float
        Position (y, x) of the first point, um.

    Notes
    -----
    The point in row iy and column ix has the index ``iy * nx + ix``.

    Examples
    --------
    >>> grid = MapGrid((2, 3), step=2.0)
    >>> grid.position(4)
    (2.0, 2.0)
    >>> grid.serpentine()
    array([0, 1, 2, 5, 4, 3])
    >>> grid.nearest(2.1, 1.9)
    4
    """

    shape: tuple[int, int]
    step: float
    origin: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or not all(n >= 1 for n in self.shape):
            raise BadInput(f"a map needs at least one row and one column, not {self.shape}")
        if not 0 < self.step < np.inf:
            raise BadInput(f"the step of a map must be positive, not {self.step!r} um")

    @property
    def size(self) -> int:
        """Number of points."""
        return self.shape[0] * self.shape[1]

    @property
    def extents(self) -> list[list[float]]:
        """First and last position along y and along x, um."""
        return [
            [start, start + self.step * (n - 1)]
            for start, n in zip(self.origin, self.shape, strict=True)
        ]

    def position(self, index: int) -> tuple[float, float]:
        """Where a point is.

        Parameters
        ----------
        index : int
            Index of the point.

        Returns
        -------
        tuple of float
            x and y, um.
        """
        row, column = divmod(int(index), self.shape[1])
        return self.origin[1] + self.step * column, self.origin[0] + self.step * row

    def nearest(self, x: float, y: float) -> int:
        """Find the point that a position belongs to.

        Parameters
        ----------
        x, y : float
            Position, um.

        Returns
        -------
        int
            Index of the nearest point, or -1 when the position is more than half a step off
            the map or not a number.
        """
        column = (x - self.origin[1]) / self.step
        row = (y - self.origin[0]) / self.step
        rows, columns = self.shape
        if not (-0.5 <= column <= columns - 0.5 and -0.5 <= row <= rows - 0.5):
            return -1
        return min(int(row + 0.5), rows - 1) * columns + min(int(column + 0.5), columns - 1)

    def serpentine(self) -> NDArray[np.intp]:
        """Return the indices row by row, every other row backwards, shape (size,)."""
        order = np.arange(self.size).reshape(self.shape)
        order[1::2] = order[1::2, ::-1]
        return order.ravel()

    def lines(self, skip: Collection[int] = ()) -> Iterator[dict[str, float]]:
        """Yield the rows as lines to fly, every other one backwards.

        Parameters
        ----------
        skip : collection of int
            Points that need not be measured; what is left of a row may be several lines.

        Yields
        ------
        dict
            ``x_start``, ``x_stop``, ``y`` (um), ``num`` (frames) and ``pitch`` (um).
        """
        left = np.ones(self.size, dtype=bool)
        left[list(skip)] = False
        for row, order in enumerate(self.serpentine().reshape(self.shape)):
            wanted = np.concatenate([[False], left[order], [False]]).astype(int)
            begins, ends = (np.flatnonzero(np.diff(wanted) == sign) for sign in (1, -1))
            for begin, end in zip(begins, ends, strict=True):
                x_start, y = self.position(order[begin])
                yield {
                    "x_start": x_start,
                    "x_stop": self.position(order[end - 1])[0],
                    "y": y,
                    "num": int(end - begin),
                    "pitch": -self.step if row % 2 else self.step,
                }

    def space_filling(self, seed: int = 0) -> Iterator[int]:
        """Yield every point once, each far from those before it.

        Parameters
        ----------
        seed : int
            Where the sequence begins.

        Yields
        ------
        int
            Index of the next point.
        """
        start = np.random.default_rng(seed).random(2)
        seen = np.zeros(self.size, dtype=bool)
        rows, columns = self.shape
        for k in range(4 * self.size):
            u, v = (start + k * _R2) % 1.0
            index = int(u * rows) * columns + int(v * columns)
            if not seen[index]:
                seen[index] = True
                yield index
        yield from np.flatnonzero(~seen).tolist()


def route(
    x: NDArray[np.float64], y: NDArray[np.float64], start: tuple[float, float]
) -> NDArray[np.intp]:
    """Order points so that the stage travels little.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Points, um.
    start : tuple of float
        Where the stage is (x, y), um.

    Returns
    -------
    ndarray of intp, shape (n,)
        Order of the points.

    Notes
    -----
    Both axes move at once, so the way between two points is the longer of the two distances.
    Nearest neighbour first, then pieces of the path are reversed while that shortens it (2-opt).

    Examples
    --------
    >>> route(np.array([4.0, 1.0, 2.0]), np.zeros(3), (0.0, 0.0))
    array([1, 2, 0])
    """
    points = np.column_stack([np.append(start[0], x), np.append(start[1], y)])
    distance = np.max(np.abs(points[:, None, :] - points[None, :, :]), axis=2)
    path = _nearest_neighbour(distance)
    for _ in range(20):
        if not _reverse_pieces(path, distance):
            break
    return path[1:] - 1


def _nearest_neighbour(distance: NDArray[np.float64]) -> NDArray[np.intp]:
    n = len(distance)
    path = np.zeros(n, dtype=np.intp)
    left = np.ones(n, dtype=bool)
    left[0] = False
    for k in range(1, n):
        path[k] = np.argmin(np.where(left, distance[path[k - 1]], np.inf))
        left[path[k]] = False
    return path


def _reverse_pieces(path: NDArray[np.intp], distance: NDArray[np.float64]) -> bool:
    """Reverse in place each piece whose reversal shortens the path; say whether any did."""
    improved = False
    for i in range(1, len(path) - 1):
        before, first = path[i - 1], path[i]
        last = path[i + 1 :]
        after = np.append(path[i + 2 :], -1)
        links = np.where(after >= 0, distance[last, after], 0.0)
        new_links = np.where(after >= 0, distance[first, after], 0.0)
        gain = distance[before, first] + links - distance[before, last] - new_links
        best = int(np.argmax(gain))
        if gain[best] > 1e-9:
            path[i : i + best + 2] = path[i : i + best + 2][::-1].copy()
            improved = True
    return improved
