"""What all maps have in common: checks before anything moves, the start document, staging."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator

from operando.errors import BadInput
from operando.plans.care import Care
from operando.plans.grid import MapGrid
from operando.plans.progress import Progress
from operando.plans.stubs import MappingStation, one_run, spec_of

Metadata = Mapping[str, Any]


def check(station: MappingStation, grid: MapGrid, *exposures: float) -> None:
    """Have the devices refuse what they could not do, before anything moves.

    Parameters
    ----------
    station : MappingStation
        The devices.
    grid : MapGrid
        Its corners must be within the stage's limits.
    *exposures : float
        The detector must be able to make them, s.

    Raises
    ------
    BadInput
        What the devices refuse.
    """
    for axis, ends in zip((station.stage.y, station.stage.x), grid.extents, strict=True):
        for end in ends:
            axis.check_value(end)
    for exposure in exposures:
        station.detector.exposure.check_value(exposure)


def check_dose(exposure: float, dose_limit: float) -> None:
    """Refuse a limit of the dose that not even one exposure keeps.

    Parameters
    ----------
    exposure : float
        What every point gets, s.
    dose_limit : float
        Most that a point may get, s.

    Raises
    ------
    BadInput
        If the limit is too low, or not a number.
    """
    if not dose_limit >= exposure:
        raise BadInput(f"a dose limit of {dose_limit:g} s forbids an exposure of {exposure:g} s")


def check_flight(station: MappingStation, grid: MapGrid, exposure: float) -> None:
    """Have the flyer refuse what it could not fly; all lines one way need the same room.

    Parameters
    ----------
    station, grid
        As for `check`.
    exposure : float
        Of each frame, s.

    Raises
    ------
    BadInput
        What the flyer refuses.
    """
    for line in itertools.islice(grid.lines(), 2):
        station.flyer.check_value({**line, "exposure": exposure})


def start_document(
    plan_name: str,
    station: MappingStation,
    grid: MapGrid,
    exposure: float,
    sample: str,
    seed: int | None,
    agent: Any,
    care: Care,
) -> dict[str, Any]:
    """Return what a map's start document tells; the parameters are those of the plans."""
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
        "agent": spec_of(agent),
        "care": asdict(care),
        "detectors": [station.detector.name, station.monitor.name],
        "motors": [y, x],
        "hints": {
            "dimensions": [[[y], "primary"], [[x], "primary"]],
            "gridding": "rectilinear",
        },
    }


def staged_run(station: MappingStation, inner: MsgGenerator, md: Metadata) -> MsgGenerator[str]:
    """Stage inside the run: when ``stop`` is emitted, files and shutter are closed.

    Parameters
    ----------
    station : MappingStation
        The devices.
    inner : generator
        What happens in the run.
    md : mapping
        For the start document.

    Returns
    -------
    str
        The run's uid.
    """
    devices = [station.detector, station.monitor, station.shutter]
    return (yield from one_run(bpp.stage_wrapper(inner, devices), md))


def continued(start: Mapping[str, Any], resume: Progress | None) -> dict[str, Any]:
    """Return a start document's content with the run that it continues, if any."""
    return {**start} if resume is None else {**start, "resumes": resume.uid}
