"""The second pass: points chosen by an agent, with something to fall back on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.run_engine import WaitForTimeoutError
from bluesky.utils import Msg, MsgGenerator

from operando.plans.consult import Consultation, Suggests
from operando.plans.decisions import Decision, DecisionRecorder, decision_from
from operando.plans.grid import MapGrid, route
from operando.plans.stubs import MappingStation, measure_point, plan

logger = logging.getLogger(__name__)


class Chooser:
    """Turn an agent's answers into decisions that can be carried out.

    Parameters
    ----------
    station : MappingStation
        Whose stage says where it can go.
    grid : MapGrid
        The map.
    seed : int
        Where the space-filling fallback begins.
    """

    def __init__(self, station: MappingStation, grid: MapGrid, seed: int) -> None:
        self._stage = station.stage
        self._grid = grid
        self._seed = seed
        self._fallback = grid.space_filling(seed)
        self._visited: set[int] = set()

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
        """
        try:
            x, y = float(suggestion["stage_x"]), float(suggestion["stage_y"])
            self._stage.x.check_value(x)
            self._stage.y.check_value(y)
            point = self._grid.nearest(x, y)
            if point < 0:
                raise ValueError(f"({x:g}, {y:g}) um is off the map")
            decision = decision_from(suggestion, point=point, **facts)
        except Exception as error:
            return self.fall_back(f"bad suggestion: {_brief(error)}", **facts)
        self._visited.add(point)
        return decision

    def fall_back(self, why: str, **facts: Any) -> Decision:
        """Take the next point of an even cover of what has not been revisited.

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
        """
        point = next(self._unvisited())
        self._visited.add(point)
        x, y = self._grid.position(point)
        logger.warning("falling back to point %d at (%g, %g) um: %s", point, x, y, why)
        return Decision(x=x, y=y, point=point, reason=f"fallback: {why}", **facts)

    def _unvisited(self) -> Iterator[int]:
        while True:
            for point in self._fallback:
                if point not in self._visited:
                    yield point
            # More revisits than points: begin again.
            self._visited.clear()
            self._fallback = self._grid.space_filling(self._seed)


@plan
def revisit(
    station: MappingStation,
    agent: Suggests,
    grid: MapGrid,
    *,
    num: int,
    batch: int,
    timeout: float,
    seed: int = 0,
) -> MsgGenerator:
    """Measure points again that an agent chooses, in the streams ``decisions`` and ``revisits``.

    Parameters
    ----------
    station : MappingStation
        The devices; the detector must have been prepared.
    agent : Suggests
        Whom to ask.
    grid : MapGrid
        The map, measured once.
    num : int
        Number of points to measure.
    batch : int
        Number of points to ask for at a time.
    timeout : float
        Longest wait for an answer, real seconds.
    seed : int
        Seed of the fallback.
    """
    chooser = Chooser(station, grid, seed)
    recorder = DecisionRecorder()
    question: Consultation | None = None
    position = grid.position(int(grid.serpentine()[-1]))
    measured = round_ = 0
    while measured < num:
        wanted = min(batch, num - measured)
        facts = {"round": round_, "after": grid.size + measured}
        if question is None or question.done:
            question = Consultation(agent, wanted)
            yield from _await(question, timeout)
            decisions = _decide(chooser, question, wanted, timeout, facts)
        else:
            why = "the agent has not answered an earlier question"
            decisions = [chooser.fall_back(why, **facts) for _ in range(wanted)]
        for decision in _routed(decisions, position):
            yield from _record(recorder, decision)
            yield from measure_point(station, decision.x, decision.y, "revisits")
            position = (decision.x, decision.y)
        measured += len(decisions)
        round_ += 1


def _await(question: Consultation, timeout: float) -> MsgGenerator:
    yield from bps.checkpoint()
    try:
        yield from bps.wait_for([question.awaitable], timeout=timeout)
    except WaitForTimeoutError:
        pass  # the question is not done, which is what counts


def _decide(
    chooser: Chooser,
    question: Consultation,
    wanted: int,
    timeout: float,
    facts: Mapping[str, int],
) -> list[Decision]:
    if not question.done:
        why = f"no answer within {timeout:g} s"
        return [chooser.fall_back(why, think_time=timeout, **facts) for _ in range(wanted)]
    known = {**facts, "think_time": question.seconds}
    try:
        suggestions = question.result()
    except Exception as error:
        why = f"the agent failed: {_brief(error)}"
        return [chooser.fall_back(why, **known) for _ in range(wanted)]
    if not suggestions:
        why = "the agent had nothing to suggest"
        return [chooser.fall_back(why, **known) for _ in range(wanted)]
    return [chooser.accept(suggestion, **known) for suggestion in suggestions]


def _routed(decisions: list[Decision], position: tuple[float, float]) -> list[Decision]:
    x = np.array([decision.x for decision in decisions])
    y = np.array([decision.y for decision in decisions])
    return [decisions[k] for k in route(x, y, position)]


def _record(recorder: DecisionRecorder, decision: Decision) -> MsgGenerator:
    reason = decision.reason[:200]
    yield Msg("checkpoint")
    yield Msg("set", recorder, replace(decision, reason=reason), group="decide")
    yield Msg("wait", None, group="decide")
    yield Msg("create", None, name="decisions")
    yield Msg("read", recorder)
    yield Msg("save")


def _brief(error: Exception) -> str:
    """Return an error's type and message on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
