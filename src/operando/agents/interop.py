"""The mapping agent and other packages' optimisers, each in the place of the other.

`GuestOptimiser` lets an optimiser that knows nothing of diffraction choose the points of our
plans: it is told one number a point and says where to measure next, while the mapping agent goes
on labelling. So ways of choosing can be compared on the same specimen, with the same plan,
records and labels. `Positions` is the other way round: our agent for bluesky-adaptive's plans.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_answer import MapAnswer
from operando.agents.map_state import MapGrid, MapMemory
from operando.agents.optimiser_adapters import adapted
from operando.agents.phase_mapping import PhaseMappingAgent

Floats = NDArray[np.float64]
#: From the agent's answer and what it has measured to one number a point, (ny * nx,).
Outcome = Callable[[MapAnswer, MapMemory], Floats]
T = TypeVar("T")


class Positions:
    """The mapping agent, suggesting positions and nothing else.

    bluesky-adaptive 1.0 takes every float in a suggestion for an axis to move when it looks for
    the shortest way through several points, so it cannot be given the reasons of a suggestion.

    Parameters
    ----------
    agent : PhaseMappingAgent
        Asked, told and stopped through this object.
    """

    def __init__(self, agent: PhaseMappingAgent) -> None:
        self._agent = agent
        self.ingest = agent.ingest
        self.get_best_points = agent.get_best_points
        self.should_stop = agent.should_stop
        self.checkpoint = agent.checkpoint
        self.register_failures = agent.register_failures

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give ``_id``, ``stage_x`` and ``stage_y`` of what the agent suggests."""
        keys = ("_id", "stage_x", "stage_y")
        return [{key: one[key] for key in keys} for one in self._agent.suggest(num_points)]


def uncertainty(answer: MapAnswer, memory: MapMemory) -> Floats:
    """Chance that a point's least certain label is wrong: where another look would teach."""
    return answer.uncertainty().ravel().astype(float)


def intensity(answer: MapAnswer, memory: MapMemory) -> Floats:
    """Mean intensity of a point's pattern a second; the scalar that is always there."""
    seconds = np.maximum(memory.exposure_s, 1e-9)
    return np.asarray(memory.intensity.mean(axis=1) / seconds, dtype=float)


class GuestOptimiser:
    """A mapping agent whose points an optimiser of another package chooses.

    It is an agent like any other: give it to ``map_adaptive`` and subscribe it to the run.

    Parameters
    ----------
    optimizer : object
        One with ``suggest`` and ``ingest`` (bluesky-adaptive) or ``ask`` and ``tell``
        (scikit-optimize and the like), or an adapter of this module around one.
    labels : PhaseMappingAgent
        Labels the map meanwhile.
    outcome : callable, optional
        The number a point that the optimiser is told; `intensity` by default.

    Raises
    ------
    BadInput
        If the optimiser has neither pair of methods.
    """

    def __init__(
        self, optimizer: Any, labels: PhaseMappingAgent, outcome: Outcome = intensity
    ) -> None:
        self.name = f"{labels.name}+{type(optimizer).__name__}"
        self.labels = labels
        self._chooser = adapted(optimizer)
        self._kind = type(optimizer)
        self._stops = getattr(optimizer, "should_stop", None)
        self._outcome = outcome
        self._told: NDArray[np.int32] | None = None
        self._numbers = itertools.count(1)

    def spec(self) -> dict[str, Any]:
        """Say what a start document can carry of it; the optimiser's own state is not in it."""
        kind = type(self)
        optimizer = f"{self._kind.__module__}.{self._kind.__qualname__}"
        return {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "config": {"optimizer": optimizer, "labels": self.labels.spec()},
            "seed": None,
            "model_version": self.labels.version,
        }

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Hand a document to the agent that labels."""
        self.labels(name, doc)

    def in_turn(self, ask: Callable[[], T]) -> Future[T]:
        """Answer a question between two documents; see `DocumentWorker.in_turn`."""
        return self.labels.in_turn(ask)

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Tell the optimiser what has been measured since it was last asked, and ask it.

        Parameters
        ----------
        num_points : int, optional
            How many; one by default.

        Returns
        -------
        sequence of mapping
            ``_id``, ``stage_x``, ``stage_y`` (um) of the nearest points of the map, and
            ``probability`` of the labels there.
        """
        answer, memory = self.labels.answer(), self.labels.memory()
        self._tell(answer, memory)
        grid = memory.grid
        probability = answer.probability.reshape(grid.size, -1)
        made = []
        for x, y in self._chooser.ask(num_points or 1):
            point = _nearest(grid, float(x), float(y))
            ((px, py),) = grid.position([point])
            made.append(
                {
                    "_id": next(self._numbers),
                    "point": point,
                    "stage_x": float(px),
                    "stage_y": float(py),
                    "probability": [float(p) for p in probability[point]],
                    "model_version": self.labels.version,
                }
            )
        return made

    def _tell(self, answer: MapAnswer, memory: MapMemory) -> None:
        if self._told is None or self._told.shape != memory.visits.shape:
            self._told = np.zeros_like(memory.visits)
        new = np.flatnonzero(memory.visits > self._told)
        if new.size:
            self._chooser.tell(memory.grid.position(new), self._outcome(answer, memory)[new])
            self._told[new] = memory.visits[new]

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Take measured points without documents; see `PhaseMappingAgent.ingest`."""
        self.labels.ingest(points)

    def report(self) -> Mapping[str, Any]:
        """Summarise what the labelling agent knows."""
        return self.labels.report()

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when the optimiser says so, or the labelling agent."""
        if self._stops is not None:
            stop, reason = self._stops()
            if stop:
                return True, reason
        return self.labels.should_stop()

    def close(self) -> None:
        """Stop the worker thread."""
        self.labels.close()


def _nearest(grid: MapGrid, x: float, y: float) -> int:
    """Nearest point of the grid, however far."""
    last_y, last_x = (n - 1 for n in grid.shape)
    iy = min(max(round((y - grid.origin_um[0]) / grid.step_um[0]), 0), last_y)
    ix = min(max(round((x - grid.origin_um[1]) / grid.step_um[1]), 0), last_x)
    return int(iy * grid.shape[1] + ix)
