"""A sparse map: a few points everywhere, then only where an agent wants to look."""

from __future__ import annotations

import itertools
import math
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.care import USUAL_CARE, Care, Lookout
from operando.plans.chooser import Chooser
from operando.plans.decisions import Decision, DecisionRecorder
from operando.plans.grid import MapGrid
from operando.plans.map_run import (
    Metadata,
    check,
    check_dose,
    continued,
    staged_run,
    start_document,
)
from operando.plans.measuring import timestamp
from operando.plans.progress import Progress
from operando.plans.rounds import Rounds, measure_chosen, measure_decided, routed
from operando.plans.stage_time import StageTime, stage_time
from operando.plans.stubs import MappingStation, plan, with_beam

#: Share of the map that is measured when nothing else is said.
USUAL_SHARE = 0.14
#: Fewest points of the even cover: the mapping agent learns from neighbours from 40 on.
FEWEST_FIRST = 48


@plan
def map_adaptive(
    station: MappingStation,
    agent: Any,
    *,
    shape: tuple[int, int],
    step: float,
    exposure: float,
    n_points: int | None = None,
    seconds: float | None = None,
    first: int | None = None,
    batch: int | None = None,
    lookahead: int = 5,
    dose_limit: float = math.inf,
    timeout: float = 60.0,
    care: Care = USUAL_CARE,
    origin: tuple[float, float] = (0.0, 0.0),
    sample: str = "",
    seed: int | None = None,
    resume: Progress | None = None,
    md: Metadata | None = None,
) -> MsgGenerator[str]:
    """Measure a few points spread evenly, then points that an agent chooses, until a budget.

    The agent may choose any point of the map, measured or not. It is asked, and its failures
    are dealt with, as by `map_two_pass`.

    Parameters
    ----------
    station : MappingStation
        The devices, by role.
    agent : object
        Has ``suggest(num_points)``; with ``should_stop()`` it can end the map. See the
        package's agents, and ``operando.agents.interop`` for optimisers of other packages.
    shape, step, exposure, origin, sample, seed, md
        As for `map_raster`.
    n_points : int, optional
        Number of points in all; 14 % of the map when there is no other budget.
    seconds : float, optional
        Time the map may take by the station's clock, s.
    first : int, optional
        Number of points of the even cover; 2 % of the map, at least 48, at most half of all
        if not given.
    batch : int, optional
        Number of points asked for at a time; a twelfth of the chosen points if not given.
    lookahead, dose_limit, timeout, care, resume
        As for `map_two_pass`.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    BadInput
        As for `map_raster`, or if a budget makes no sense.

    Notes
    -----
    Streams: ``primary`` (every point) and ``decisions``; event n of one belongs to event n of
    the other. Points of the even cover have the reason "start" and the round -1. When the map
    ends before its budget, the stop document gives the reason.
    """
    grid = MapGrid(shape, step, origin)
    check(station, grid, exposure)
    check_dose(exposure, dose_limit)
    if seconds is not None and not seconds > 0:
        raise BadInput(f"a map cannot take {seconds!r} s")
    times = yield from stage_time(station)
    total = _number_of_points(grid, exposure, n_points, seconds, times)
    before = resume.measured if resume else frozenset()
    done = resume.events if resume else 0
    cover = _cover(grid, total, first, seed or 0)
    todo = [point for point in cover if point not in before] if done < len(cover) else []
    chosen = max(total - done - len(todo), 0)
    point_s = exposure + times.readout + times.hop(grid, batch or max(chosen // 12, 1))
    start = start_document("map_adaptive", station, grid, exposure, sample, seed, agent, care)
    start |= {
        "num_points": len(todo) + chosen,
        "adaptive": {
            "n_points": total,
            "seconds": seconds,
            "first": len(cover),
            "num": chosen,
            "batch": max(math.ceil(chosen / 12), 1) if batch is None else batch,
            "lookahead": lookahead,
        },
    }
    chooser = Chooser(
        station,
        grid,
        exposure,
        dose_limit=dose_limit,
        dose=resume.dose if resume else None,
        seed=seed or 0,
    )

    def sparse() -> MsgGenerator[str | None]:
        began = timestamp((yield Msg("read", station.stage)))
        until = None if seconds is None or began is None else began + seconds
        rounds = Rounds(
            num=chosen,
            batch=start["adaptive"]["batch"],
            lookahead=lookahead,
            timeout=timeout,
            until=until,
            point_s=point_s,
        )
        recorder = DecisionRecorder()
        lookout = Lookout(care, exposure, step)
        yield from bps.prepare(station.detector, {"exposure": exposure}, wait=True)
        position = grid.position(0)
        for decision in routed([_even(grid, point) for point in todo], position):
            if rounds.over(began):
                return "the time is up"
            chooser.visited(decision.point)
            began = yield from measure_decided(station, recorder, decision, "primary", lookout)
            position = (decision.x, decision.y)
        return (
            yield from measure_chosen(
                station,
                agent,
                chooser,
                rounds,
                stream="primary",
                measured=len(todo),
                position=position,
                recorder=recorder,
                lookout=lookout,
            )
        )

    # Before anything moves, so that a batch of none is refused like anything else.
    Rounds(chosen, batch if batch is not None else 1, lookahead, timeout)
    run = with_beam(station.shutter, sparse())
    return (yield from staged_run(station, run, {**continued(start, resume), **(md or {})}))


def _number_of_points(
    grid: MapGrid, exposure: float, points: int | None, seconds: float | None, times: StageTime
) -> int:
    if points is not None and points < 1:
        raise BadInput(f"a map needs at least one point, not {points}")
    if points is not None:
        return points
    if seconds is None:
        return max(round(USUAL_SHARE * grid.size), 1)
    return points_in(grid, exposure, seconds, times)


def points_in(grid: MapGrid, exposure: float, seconds: float, times: StageTime) -> int:
    """Estimate how many scattered points can be measured in a time.

    Parameters
    ----------
    grid : MapGrid
        The map.
    exposure : float
        Of each point, s.
    seconds : float
        The time, s.
    times : StageTime
        How long moves take.

    Returns
    -------
    int
        At least one.
    """
    points = 1
    for _ in range(20):  # the way to the next point depends on how many there are
        each = exposure + times.readout + times.hop(grid, max(points // 12, 1))
        points = max(int(seconds / each), 1)
    return points


def _cover(grid: MapGrid, total: int, first: int | None, seed: int) -> list[int]:
    """Return the points of the even cover."""
    if first is None:
        first = min(max(FEWEST_FIRST, round(0.02 * grid.size)), max(total // 2, 1))
    if first < 0:
        raise BadInput(f"the number of first points must not be negative, but is {first}")
    return list(itertools.islice(grid.space_filling(seed), min(first, total)))


def _even(grid: MapGrid, point: int) -> Decision:
    x, y = grid.position(point)
    return Decision(x=x, y=y, point=point, reason="start", round=-1)
