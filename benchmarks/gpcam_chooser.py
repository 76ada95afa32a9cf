"""gpCAM, in a process of its own, choosing points of a map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_process import PeerProcess
from operando.agents.map_state import MapGrid

Points = NDArray[np.int64]


def gpcam_chooser(
    process: PeerProcess, grid: MapGrid, values: NDArray[np.float64], seed: int
) -> Callable[[Points, int], Points]:
    """Begin a map.

    Parameters
    ----------
    process : PeerProcess
        Of ``gpcam_points.py``; serves one map after another.
    grid : MapGrid
        The points of the map.
    values : ndarray of float64, shape (n,)
        What gpCAM would be told of each.
    seed : int
        Of its search.

    Returns
    -------
    callable
        From the points measured so far and a number to as many more; each is told before the
        next is asked for, and moved to the nearest one not yet measured.
    """
    every = grid.position(np.arange(grid.size))
    begin: dict[str, Any] = {
        "bounds": [[low, high] for low, high in zip(every.min(0), every.max(0), strict=True)],
        "seed": seed,
    }
    free = np.ones(grid.size, dtype=bool)

    def choose(done: Points, n: int) -> Points:
        chosen: list[int] = []
        new = done if begin else done[-1:]
        for _ in range(n):
            told = {"xy": every[new].tolist(), "values": values[new].tolist()}
            x, y = process.ask(begin | told)
            begin.clear()
            free[new] = False
            far = np.hypot(every[:, 0] - x, every[:, 1] - y)
            chosen.append(int(np.where(free, far, np.inf).argmin()))
            new = np.array(chosen[-1:])
        return np.array(chosen)

    return choose
