"""gpCAM in a process of its own, choosing points of a map."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_state import MapGrid

Points = NDArray[np.int64]


class GpCamProcess:
    """The other end of ``gpcam_points.py``; serves one map after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("gpcam_points.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()

    def chooser(
        self, grid: MapGrid, values: NDArray[np.float64], seed: int
    ) -> Callable[[Points, int], Points]:
        """Begin a map.

        Parameters
        ----------
        grid : MapGrid
            Its points.
        values : ndarray of float64, shape (n,)
            What it would be told of each.
        seed : int
            Of its search.

        Returns
        -------
        callable
            From the points measured so far and a number to as many more; each is told before
            the next is asked for, and moved to the nearest one not yet measured.
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
                x, y = self._answer(begin | told)
                begin.clear()
                free[new] = False
                far = np.hypot(every[:, 0] - x, every[:, 1] - y)
                chosen.append(int(np.where(free, far, np.inf).argmin()))
                new = np.array(chosen[-1:])
            return np.array(chosen)

        return choose

    def _answer(self, told: dict[str, Any]) -> list[float]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("gpCAM's process ended")
        answer: list[float] = json.loads(line)
        return answer
