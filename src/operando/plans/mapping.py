"""Maps: step by step, on the fly, and in two passes with an agent choosing the second."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator

from operando.errors import BadInput
from operando.plans.grid import MapGrid
from operando.plans.revisits import revisit
from operando.plans.stubs import MappingStation, fly_lines, measure_point, one_run, plan, with_beam

Metadata = Mapping[str, Any]


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
    _check(station, grid, exposure)
    start = _start_document("map_raster", station, grid, exposure, sample, seed, agent)
    start["num_points"] = grid.size

    def raster() -> MsgGenerator:
        for index in grid.serpentine():
            yield from measure_point(station, *grid.position(index), "primary")

    def run() -> MsgGenerator:
        yield from bps.prepare(station.detector, {"exposure": exposure}, wait=True)
        yield from with_beam(station.shutter, raster())

    return (yield from _staged_run(station, run(), {**start, **(md or {})}))


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
    md: Metadata | None = None,
) -> MsgGenerator[str]:
    """Measure every point of a map on the fly, row by row, there and back.

    Parameters
    ----------
    station, shape, step, exposure, origin, sample, seed, agent, md
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
    _check(station, grid, exposure)
    _check_flight(station, grid, exposure)
    start = _start_document("map_fly", station, grid, exposure, sample, seed, agent)
    start["num_points"] = grid.size
    flight = fly_lines(station, list(grid.lines()), exposure, "primary")
    run = with_beam(station.shutter, flight)
    return (yield from _staged_run(station, run, {**start, **(md or {})}))


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
    timeout: float = 60.0,
    origin: tuple[float, float] = (0.0, 0.0),
    sample: str = "",
    seed: int | None = None,
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
    timeout : float
        Longest wait for an answer, real seconds.

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
    batch = revisits if batch is None else batch
    if batch < 1 < revisits:
        raise BadInput(f"a batch needs at least one point, not {batch}")
    _check(station, grid, exposure, revisit_exposure)
    _check_flight(station, grid, exposure)
    start = _start_document("map_two_pass", station, grid, exposure, sample, seed, agent)
    start |= {
        "num_points": grid.size + revisits,
        "revisits": {"num": revisits, "exposure": revisit_exposure, "batch": batch},
    }

    def both() -> MsgGenerator:
        yield from fly_lines(station, list(grid.lines()), exposure, "primary")
        yield from bps.prepare(station.detector, {"exposure": revisit_exposure}, wait=True)
        yield from revisit(
            station, agent, grid, num=revisits, batch=batch, timeout=timeout, seed=seed or 0
        )

    run = with_beam(station.shutter, both())
    return (yield from _staged_run(station, run, {**start, **(md or {})}))


def _number_of_revisits(grid: MapGrid, number: int | None, fraction: float) -> int:
    if number is None:
        if not 0.0 <= fraction <= 1.0:
            raise BadInput(f"revisit_fraction must be from 0 to 1, not {fraction!r}")
        return round(fraction * grid.size)
    if number < 0:
        raise BadInput(f"n_revisits must not be negative, but is {number}")
    return number


def _check(station: MappingStation, grid: MapGrid, *exposures: float) -> None:
    """Have the devices refuse what they could not do, before anything moves."""
    for axis, ends in zip((station.stage.y, station.stage.x), grid.extents, strict=True):
        for end in ends:
            axis.check_value(end)
    for exposure in exposures:
        station.detector.exposure.check_value(exposure)


def _check_flight(station: MappingStation, grid: MapGrid, exposure: float) -> None:
    """Have the flyer refuse what it could not fly; all lines one way need the same room."""
    for line in itertools.islice(grid.lines(), 2):
        station.flyer.check_value({**line, "exposure": exposure})


def _start_document(
    plan_name: str,
    station: MappingStation,
    grid: MapGrid,
    exposure: float,
    sample: str,
    seed: int | None,
    agent: Any,
) -> dict[str, Any]:
    y, x = station.stage.y.name, station.stage.x.name
    return {
        "plan_name": plan_name,
        "shape": list(grid.shape),
        "extents": grid.extents,
        "step": grid.step,
        "exposure": exposure,
        "snaking": [False, True],
        "sample": sample,
        "seed": seed,
        "agent": _describe(agent),
        "detectors": [station.detector.name, station.monitor.name],
        "motors": [y, x],
        "hints": {
            "dimensions": [[[y], "primary"], [[x], "primary"]],
            "gridding": "rectilinear",
        },
    }


def _describe(agent: Any) -> dict[str, Any] | None:
    """Return all it takes to rebuild the agent, as far as it tells."""
    if agent is None:
        return None
    if hasattr(agent, "spec"):
        return dict(agent.spec())
    kind = type(agent)
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "config": {},
        "seed": None,
        "model_version": "",
    }


def _staged_run(station: MappingStation, inner: MsgGenerator, md: Metadata) -> MsgGenerator[str]:
    """Stage inside the run: when ``stop`` is emitted, files and shutter are closed."""
    devices = [station.detector, station.monitor, station.shutter]
    return (yield from one_run(bpp.stage_wrapper(inner, devices), md))
