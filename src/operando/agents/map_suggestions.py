"""What the mapping agent has suggested, and what it suggests next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_answer import MapAnswer
from operando.agents.map_gain import most_gain
from operando.agents.map_network import FULLEST
from operando.agents.map_state import MapGrid
from operando.agents.phase_classifier import expit
from operando.errors import AgentError
from operando.physics.phases import LABELS


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

        In a sparse map those come first that tell most of it, none of them measured.

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
        chosen: list[int] = []
        if answer.measured.mean() < FULLEST:
            chance = acquisition.reshape(grid.shape)
            known = answer.measured | (chance < 0.0)
            chosen = most_gain(chance, known, grid.step_um, num_points)
        if len(chosen) < num_points:
            left = acquisition.copy()
            left[chosen] = -1.0
            # A stable sort, so that ties fall the same way in a replay.
            order = np.argsort(-left, kind="stable")[: num_points - len(chosen)]
            chosen += [int(i) for i in order if left[i] >= 0.0]
        self.points.update(chosen)
        probability = expit(answer.logit.reshape(-1, len(LABELS))[chosen])
        made = []
        for point, (x, y), odds in zip(chosen, grid.position(chosen), probability, strict=True):
            self.next_id += 1
            self._points_by_id[self.next_id] = point
            made.append(
                {
                    "_id": self.next_id,
                    "point": point,
                    "stage_x": float(x),
                    "stage_y": float(y),
                    "acquisition": float(acquisition[point]),
                    "probability": odds.tolist(),
                }
            )
        return made

    def indices(self, outcomes: Sequence[Mapping[str, Any]], grid: MapGrid) -> NDArray[np.int64]:
        """Find the points of several outcomes, as :meth:`point` does that of one."""
        if all("stage_x" in outcome and "stage_y" in outcome for outcome in outcomes):
            return grid.index([o["stage_x"] for o in outcomes], [o["stage_y"] for o in outcomes])
        return np.array([self.point(outcome, grid) for outcome in outcomes])

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
