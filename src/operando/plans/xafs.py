"""XAFS step scans: stop at every energy and count."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.stubs import one_run, plan, with_beam


class StepStation(Protocol):
    """The roles that a step scan needs.

    Attributes
    ----------
    mono : object
        Movable to an energy, eV.
    chambers : object
        Counts for ``dwell`` seconds where the monochromator stands.
    shutter : object
        Can be set to "open" and "closed".
    """

    mono: Any
    chambers: Any
    shutter: Any


@plan
def xafs_step(
    station: StepStation,
    energies: Sequence[float],
    *,
    dwell: float = 0.5,
    sample: str = "",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure one spectrum, an event for every energy.

    Parameters
    ----------
    station : StepStation
        The devices.
    energies : sequence of float, (n,)
        Where to count, eV, rising.
    dwell : float
        Counting time of each, s.
    sample : str
        Name of the sample.
    md : mapping, optional
        More for the start document.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    BadInput
        If there are no energies, or they do not rise.
    LimitError
        If one cannot be reached; nothing moves.
    """
    points = [float(energy) for energy in energies]
    if not points or any(b <= a for a, b in itertools.pairwise(points)):
        raise BadInput("a step scan needs energies that rise from one to the next")
    for end in (points[0], points[-1]):
        station.mono.check_value(end)
    station.chambers.dwell.check_value(dwell)
    start = {
        "plan_name": "xafs_step",
        "num_points": len(points),
        "dwell": dwell,
        "sample": sample,
        "motors": [station.mono.name],
        "detectors": [station.chambers.name],
        "hints": {"dimensions": [[[station.mono.name], "primary"]]},
        **(md or {}),
    }

    def scan() -> MsgGenerator:
        yield from bps.abs_set(station.chambers.dwell, dwell, wait=True)
        for energy in points:
            yield Msg("checkpoint")
            yield Msg("set", station.mono, energy, group="move")
            yield Msg("wait", None, group="move")
            yield Msg("trigger", station.chambers, group="count")
            yield Msg("wait", None, group="count")
            yield Msg("create", None, name="primary")
            yield Msg("read", station.mono)
            yield Msg("read", station.chambers)
            yield Msg("save")

    devices = [station.chambers, station.shutter]
    inner = bpp.stage_wrapper(with_beam(station.shutter, scan()), devices)
    return (yield from one_run(inner, start))
