"""A map in two passes: all of it quickly, then longer where an agent is unsure."""

from __future__ import annotations

import math
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from operando.errors import BadInput
from operando.plans.care import USUAL_CARE, Care, Lookout
from operando.plans.chooser import Chooser
from operando.plans.grid import MapGrid
from operando.plans.map_run import (
    Metadata,
    check,
    check_dose,
    check_flight,
    continued,
    staged_run,
    start_document,
)
from operando.plans.measuring import fly_lines
from operando.plans.progress import Progress
from operando.plans.rounds import Rounds, measure_chosen
from operando.plans.stubs import MappingStation, plan, with_beam


@plan
def map_two_pass(
    station: MappingStation,
    agent: Any,
    *,
    shape: tuple[int, int],
    step: float,
    exposure: float,
    revisit_exposure: float,
    n_revisits: int | None = None,
    revisit_fraction: float = 0.1,
    batch: int | None = None,
    lookahead: int = 0,
    dose_limit: float = math.inf,
    timeout: float = 60.0,
    care: Care = USUAL_CARE,
    origin: tuple[float, float] = (0.0, 0.0),
    sample: str = "",
    seed: int | None = None,
    resume: Progress | None = None,
    md: Metadata | None = None,
) -> MsgGenerator[str]:
    """Fly over the map with a short exposure, then look longer where the agent is unsure.

    The agent hears of the run by its documents (the plan subscribes nothing) and is asked for
    points on a thread of its own. When it raises, is late or suggests a point that cannot be
    measured, the plan takes points that fill the map evenly, says so in the stream
    ``decisions``, and goes on.

    Parameters
    ----------
    station : MappingStation
        The devices, by role.
    agent : object
        Has ``suggest(num_points)``; see the package's agents.
    shape, step, exposure, origin, sample, seed, md
        As for `map_raster`; `exposure` is that of the first pass.
    revisit_exposure : float
        Exposure of the second pass, s.
    n_revisits : int, optional
        Number of points of the second pass.
    revisit_fraction : float
        The same as a share of the map, when `n_revisits` is not given.
    batch : int, optional
        Number of points asked for at a time; all at once if not given.
    lookahead : int
        The question for the next batch is put when this many points of the present one are
        left, so that the agent thinks while they are exposed; 0 puts it when none is.
    dose_limit : float
        Most exposure a point may have in all, s.
    timeout : float
        Longest wait for an answer, real seconds.
    care : Care
        When a point counts as measured, and how often it is tried.
    resume : Progress, optional
        What runs before have measured of this map: only the rest is measured.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    BadInput
        As for `map_raster`, or if the numbers of revisits make no sense.

    Notes
    -----
    Streams: ``primary`` (first pass), ``decisions`` (one event before each revisit) and
    ``revisits``; event n of ``decisions`` tells why event n of ``revisits`` was measured.
    """
    grid = MapGrid(shape, step, origin)
    revisits = _number_of_revisits(grid, n_revisits, revisit_fraction)
    rounds = Rounds(
        num=max(revisits - (resume.revisits if resume else 0), 0),
        batch=revisits if batch is None else batch,
        lookahead=lookahead,
        timeout=timeout,
    )
    check(station, grid, exposure, revisit_exposure)
    check_flight(station, grid, exposure)
    check_dose(exposure, dose_limit)
    lines = list(grid.lines(skip=resume.measured if resume else ()))
    first = sum(int(line["num"]) for line in lines)
    start = start_document("map_two_pass", station, grid, exposure, sample, seed, agent, care)
    start |= {
        "num_points": first + rounds.num,
        "revisits": {
            "num": rounds.num,
            "exposure": revisit_exposure,
            "batch": rounds.batch,
            "lookahead": lookahead,
        },
    }
    dose = dict.fromkeys(range(grid.size), exposure) | dict(resume.revisited if resume else {})
    chooser = Chooser(
        station, grid, revisit_exposure, dose_limit=dose_limit, dose=dose, seed=seed or 0
    )

    lookout = Lookout(care, exposure, step)

    def both() -> MsgGenerator[str | None]:
        if lines:
            yield from fly_lines(station, lines, exposure, "primary", lookout)
        lookout.exposure = revisit_exposure
        yield from bps.prepare(station.detector, {"exposure": revisit_exposure}, wait=True)
        return (
            yield from measure_chosen(
                station,
                agent,
                chooser,
                rounds,
                stream="revisits",
                measured=first,
                position=grid.position(int(grid.serpentine()[-1])),
                lookout=lookout,
            )
        )

    run = with_beam(station.shutter, both())
    return (yield from staged_run(station, run, {**continued(start, resume), **(md or {})}))


def _number_of_revisits(grid: MapGrid, number: int | None, fraction: float) -> int:
    if number is None:
        if not 0.0 <= fraction <= 1.0:
            raise BadInput(f"revisit_fraction must be from 0 to 1, not {fraction!r}")
        return round(fraction * grid.size)
    if number < 0:
        raise BadInput(f"n_revisits must not be negative, but is {number}")
    return number
