"""Maps of every point: step by step and on the fly."""

from __future__ import annotations

from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from operando.plans.care import USUAL_CARE, Care, Lookout
from operando.plans.grid import MapGrid
from operando.plans.map_run import (
    Metadata,
    check,
    check_flight,
    continued,
    staged_run,
    start_document,
)
from operando.plans.measuring import fly_lines, measure_point
from operando.plans.progress import Progress
from operando.plans.stubs import MappingStation, plan, with_beam
from operando.plans.two_pass import map_two_pass

__all__ = ["map_fly", "map_raster", "map_two_pass"]


@plan
def map_raster(
    station: MappingStation,
    *,
    shape: tuple[int, int],
    step: float,
    exposure: float,
    origin: tuple[float, float] = (0.0, 0.0),
    sample: str = "",
    seed: int | None = None,
    agent: Any = None,
    care: Care = USUAL_CARE,
    resume: Progress | None = None,
    md: Metadata | None = None,
) -> MsgGenerator[str]:
    """Measure every point of a map, stopping at each.

    Parameters
    ----------
    station : MappingStation
        The devices, by role.
    shape : tuple of int
        Rows (y) and columns (x).
    step : float
        Distance between neighbours, um.
    exposure : float
        Exposure of each frame, s.
    origin : tuple of float
        Position (y, x) of the first point, um.
    sample : str
        Name of the sample.
    seed : int, optional
        Seed of whatever is random about the measurement.
    agent : object, optional
        Agent that follows the run; only its description is used, for the start document.
    care : Care
        When a point counts as measured, and how often it is tried.
    resume : Progress, optional
        What runs before have measured of this map: only the rest is measured.
    md : mapping, optional
        More for the start document.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    BadInput
        If the map is none, or a point or the exposure is outside a device's range; nothing moves.
    """
    grid = MapGrid(shape, step, origin)
    check(station, grid, exposure)
    start = start_document("map_raster", station, grid, exposure, sample, seed, agent, care)
    done: frozenset[int] = frozenset() if resume is None else resume.measured
    start["num_points"] = grid.size - len(done)

    lookout = Lookout(care, exposure, step)

    def raster() -> MsgGenerator:
        for index in grid.serpentine():
            if int(index) in done:
                continue
            yield from measure_point(station, *grid.position(index), "primary", lookout)

    def run() -> MsgGenerator:
        yield from bps.prepare(station.detector, {"exposure": exposure}, wait=True)
        yield from with_beam(station.shutter, raster())

    return (yield from staged_run(station, run(), {**continued(start, resume), **(md or {})}))


@plan
def map_fly(
    station: MappingStation,
    *,
    shape: tuple[int, int],
    step: float,
    exposure: float,
    origin: tuple[float, float] = (0.0, 0.0),
    sample: str = "",
    seed: int | None = None,
    agent: Any = None,
    care: Care = USUAL_CARE,
    resume: Progress | None = None,
    md: Metadata | None = None,
) -> MsgGenerator[str]:
    """Measure every point of a map on the fly, row by row, there and back.

    Parameters
    ----------
    station, shape, step, exposure, origin, sample, seed, agent, care, resume, md
        As for `map_raster`.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    BadInput
        As for `map_raster`.
    """
    grid = MapGrid(shape, step, origin)
    check(station, grid, exposure)
    check_flight(station, grid, exposure)
    start = start_document("map_fly", station, grid, exposure, sample, seed, agent, care)
    done: frozenset[int] = frozenset() if resume is None else resume.measured
    start["num_points"] = grid.size - len(done)
    lookout = Lookout(care, exposure, step)
    lines = list(grid.lines(skip=done))
    flight = fly_lines(station, lines, exposure, "primary", lookout)
    run = with_beam(station.shutter, flight)
    return (yield from staged_run(station, run, {**continued(start, resume), **(md or {})}))
