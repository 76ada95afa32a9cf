"""What the mapping agent has suggested, and what it suggests next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_answer import MapAnswer
from operando.agents.map_state import MapGrid
from operando.errors import AgentError
from operando.physics.phases import LABELS

#: Distance over which an unmeasured point is expected to learn from one chosen with it, µm.
_SPEAKS_UM = 3.0


class Suggestions:
    """Number suggestions and keep track of the points that need no other.

    Attributes
    ----------
    points : set of int
        Points that have been suggested, or that are not to be.
    next_id : int
        Number of suggestions made.
    """

    def __init__(self) -> None:
        self.points: set[int] = set()
        self.next_id = 0
        self._points_by_id: dict[Any, int] = {}

    def clear(self) -> None:
        """Begin another map; numbers go on."""
        self.points.clear()
        self._points_by_id.clear()

    def choose(
        self,
        answer: MapAnswer,
        labels: Sequence[str],
        grid: MapGrid,
        num_points: int,
        chosen_before: Iterable[int] = (),
    ) -> list[dict[str, Any]]:
        """Take the least certain points that have not been suggested yet.

        Where part of the map is not measured, points of one batch keep their distance there.

        Parameters
        ----------
        answer : MapAnswer
        labels : sequence of str
            Those whose uncertainty counts.
        grid : MapGrid
        num_points : int
        chosen_before : iterable of int
            Points that are not to be suggested either.

        Returns
        -------
        list of dict
            With ``_id``, ``point``, ``stage_x``, ``stage_y``, ``acquisition``, ``probability``.
        """
        acquisition = answer.uncertainty(labels).ravel().astype(np.float64)
        acquisition[list(self.points.union(chosen_before))] = -1.0
        if answer.measured.all():
            # A stable sort, so that ties fall the same way in a replay.
            order = np.argsort(-acquisition, kind="stable")[:num_points]
            chosen = [int(i) for i in order if acquisition[i] >= 0.0]
        else:
            chosen = _apart(acquisition, answer.measured, grid.step_um, num_points)
        self.points.update(chosen)
        probability = answer.probability.reshape(-1, len(LABELS))
        made = []
        for point, (x, y) in zip(chosen, grid.position(chosen), strict=True):
            self.next_id += 1
            self._points_by_id[self.next_id] = point
            made.append(
                {
                    "_id": self.next_id,
                    "point": point,
                    "stage_x": float(x),
                    "stage_y": float(y),
                    "acquisition": float(acquisition[point]),
                    "probability": [float(p) for p in probability[point]],
                }
            )
        return made

    def point(self, outcome: Mapping[str, Any], grid: MapGrid) -> int:
        """Find the point that a suggestion or its outcome is about.

        Raises
        ------
        AgentError
            If it has neither a position on the map nor the ``_id`` of a suggestion.
        """
        if "stage_x" in outcome and "stage_y" in outcome:
            return int(grid.index([outcome["stage_x"]], [outcome["stage_y"]])[0])
        try:
            return self._points_by_id[outcome["_id"]]
        except (KeyError, TypeError):
            raise AgentError(f"no point was suggested with _id {outcome.get('_id')!r}") from None


def _apart(
    acquisition: NDArray[np.float64],
    measured: NDArray[np.bool_],
    step_um: tuple[float, float],
    num_points: int,
) -> list[int]:
    """Take the largest one by one; each speaks for the unmeasured points around it."""
    ny, nx = measured.shape
    left = acquisition.reshape(ny, nx).copy()
    reach_y, reach_x = (math.ceil(2.0 * _SPEAKS_UM / step) for step in step_um)
    y, x = np.ogrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    square = np.square(y * step_um[0]) + np.square(x * step_um[1])
    damping = 1.0 - 0.9 * np.exp(-0.5 * square / _SPEAKS_UM**2)
    chosen: list[int] = []
    while len(chosen) < num_points:
        point = int(left.argmax())
        row, column = divmod(point, nx)
        if left[row, column] < 0.0:
            break
        chosen.append(point)
        rows = slice(max(row - reach_y, 0), row + reach_y + 1)
        columns = slice(max(column - reach_x, 0), column + reach_x + 1)
        part = left[rows, columns]
        first_y, first_x = rows.start - row + reach_y, columns.start - column + reach_x
        factor = damping[first_y : first_y + part.shape[0], first_x : first_x + part.shape[1]]
        free = ~measured[rows, columns] & (part > 0.0)
        part[free] *= factor[free]
        left[row, column] = -1.0
    return chosen
