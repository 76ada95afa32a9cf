"""From what an agent suggests to where the beam goes."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from operando.plans.consult import Consultation
from operando.plans.decisions import Decision, decision_from
from operando.plans.grid import MapGrid
from operando.plans.stubs import MappingStation

logger = logging.getLogger(__name__)


class MapFull(Exception):  # noqa: N818 - not an error: there is nothing left to measure
    """Every point has had all the dose it may have."""


class Chooser:
    """Turn an agent's answers into decisions that can be carried out.

    Parameters
    ----------
    station : MappingStation
        Whose stage says where it can go.
    grid : MapGrid
        The map.
    exposure : float
        Exposure of a point that is chosen, s.
    dose_limit : float
        Most exposure a point may have in all, s.
    dose : mapping of int to float
        Exposure that points have had already, s.
    seed : int
        Where the space-filling fallback begins.
    """

    def __init__(
        self,
        station: MappingStation,
        grid: MapGrid,
        exposure: float = 0.0,
        *,
        dose_limit: float = math.inf,
        dose: Mapping[int, float] | None = None,
        seed: int = 0,
    ) -> None:
        self._stage = station.stage
        self._grid = grid
        self._exposure = exposure
        self._limit = dose_limit
        self._dose = dict(dose or {})
        self._seed = seed
        self._fallback = grid.space_filling(seed)
        self._visited: set[int] = set()
        #: Suggestions that could not be measured and that nobody was told about yet.
        self.refused: list[Mapping[str, Any]] = []

    def visited(self, point: int) -> None:
        """Take note of a point that is measured without being asked about."""
        self._take(point)

    def accept(self, suggestion: Mapping[str, Any], **facts: Any) -> Decision:
        """Take a suggestion, or the next point to fall back on when it cannot be measured.

        Parameters
        ----------
        suggestion : mapping
            What the agent suggested.
        **facts
            Fields of the decision that the plan knows.

        Returns
        -------
        Decision
            Where to go.

        Raises
        ------
        MapFull
            If it cannot be measured and no other point may be.
        """
        try:
            x, y = float(suggestion["stage_x"]), float(suggestion["stage_y"])
            self._stage.x.check_value(x)
            self._stage.y.check_value(y)
            point = self._grid.nearest(x, y)
            if point < 0:
                raise ValueError(f"({x:g}, {y:g}) um is off the map")
            if not self._may(point):
                raise ValueError(f"point {point} has had {self._dose.get(point, 0.0):g} s of dose")
            decision = decision_from(suggestion, point=point, **facts)
        except Exception as error:
            if isinstance(suggestion, Mapping):
                self.refused.append(suggestion)
            return self.fall_back(f"bad suggestion: {brief(error)}", **facts)
        self._take(point)
        return decision

    def fall_back(self, why: str, **facts: Any) -> Decision:
        """Take the next point of an even cover of what has not been visited.

        Parameters
        ----------
        why : str
            What went wrong.
        **facts
            Fields of the decision that the plan knows.

        Returns
        -------
        Decision
            Where to go.

        Raises
        ------
        MapFull
            If no point may have more dose.
        """
        point = next(self._unvisited(), None)
        if point is None:
            raise MapFull(f"every point has had its dose of at most {self._limit:g} s")
        self._take(point)
        x, y = self._grid.position(point)
        logger.warning("falling back to point %d at (%g, %g) um: %s", point, x, y, why)
        return Decision(x=x, y=y, point=point, reason=f"fallback: {why}", **facts)

    def decide(
        self, question: Consultation, wanted: int, timeout: float, facts: Mapping[str, int]
    ) -> list[Decision]:
        """Make decisions of an agent's answer, or without it.

        Parameters
        ----------
        question : Consultation
            Answered or not.
        wanted : int
            Number of points that were asked for.
        timeout : float
            How long the plan waited, real seconds.
        facts : mapping
            Fields of the decisions that the plan knows.

        Returns
        -------
        list of Decision
            At least one.

        Raises
        ------
        MapFull
            If nothing may be measured any more.
        """
        if not question.done:
            late = {**facts, "think_time": timeout}
            return self.fall_back_all(wanted, f"no answer within {timeout:g} s", **late)
        known = {**facts, "think_time": question.seconds}
        try:
            suggestions = question.result()
        except Exception as error:
            return self.fall_back_all(wanted, f"the agent failed: {brief(error)}", **known)
        if not suggestions:
            return self.fall_back_all(wanted, "the agent had nothing to suggest", **known)
        return list(_until_full(self.accept(suggestion, **known) for suggestion in suggestions))

    def fall_back_all(self, wanted: int, why: str, **facts: Any) -> list[Decision]:
        """Fall back on up to `wanted` points, at least one; see `fall_back`."""
        return list(_until_full(self.fall_back(why, **facts) for _ in range(wanted)))

    def _may(self, point: int) -> bool:
        # A millionth of tolerance: limits are often a multiple of the exposure.
        return self._dose.get(point, 0.0) + self._exposure <= self._limit * (1.0 + 1e-6)

    def _take(self, point: int) -> None:
        self._visited.add(point)
        self._dose[point] = self._dose.get(point, 0.0) + self._exposure

    def _unvisited(self) -> Iterator[int]:
        for _ in range(2):
            for point in self._fallback:
                if point not in self._visited and self._may(point):
                    yield point
            # More visits than points: begin again.
            self._visited.clear()
            self._fallback = self._grid.space_filling(self._seed)


def _until_full(decisions: Iterator[Decision]) -> Iterator[Decision]:
    """Yield decisions until no more can be made; raise if not even one can."""
    count = 0
    while True:
        try:
            decision = next(decisions)
        except StopIteration:
            return
        except MapFull:
            if count == 0:
                raise
            return
        yield decision
        count += 1


def brief(error: Exception) -> str:
    """Return an error's type and message on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
