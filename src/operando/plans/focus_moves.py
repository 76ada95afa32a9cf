"""Pieces of a focusing run: knobs that always arrive from below, and scans of an edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.focus_record import KNOBS
from operando.plans.stubs import plan

#: The axis that takes an edge through the beam in each direction, and the other one.
_AXES = {"v": ("y", "x"), "h": ("x", "y")}


class FocusStation(Protocol):
    """The roles a focusing plan needs; any object that has them will do, a frozen one as well."""

    @property
    def mirrors(self) -> Any:
        """Has the movable knobs ``pitch_v``, ``bend_v``, ``pitch_h``, ``bend_h``; is readable."""
        ...

    @property
    def stage(self) -> Any:
        """Has the movable axes ``x``, ``y`` (um), and ``clear``: where no edge is in the beam."""
        ...

    @property
    def counters(self) -> Any:
        """Count before and behind the edges; ``dwell`` is the time of a count, s."""
        ...

    @property
    def shutter(self) -> Any:
        """Can be set to "open" and "closed"."""
        ...


class FromBelow:
    """Move the knobs so that backlash and hysteresis are on the same side whenever they arrive.

    Parameters
    ----------
    mirrors : object
        Each of its knobs may have ``approach``: how far below its goal it must have been.

    Notes
    -----
    A knob that goes up keeps what plays on the same side, so it goes straight. One that goes down,
    or that this plan has not moved yet, goes below its goal first. All knobs move at once.
    """

    def __init__(self, mirrors: Any) -> None:
        self._mirrors = mirrors
        self._known: set[str] = set()

    def check(self, setting: Mapping[str, float]) -> None:
        """Have the knobs refuse a setting outside their limits."""
        for name, value in setting.items():
            getattr(self._mirrors, name).check_value(value)

    def move(self, setting: Mapping[str, float]) -> MsgGenerator[None]:
        """Move knobs, by their names; one that is there already stays."""
        first, then = {}, {}
        for name, value in setting.items():
            knob = getattr(self._mirrors, name)
            stands = float((yield from bps.rd(knob)))
            if value == stands:
                continue
            approach = getattr(knob, "approach", None)
            below = 0.0 if approach is None else float((yield from bps.rd(approach)))
            if below and (value < stands or name not in self._known):
                first[knob] = max(value - below, knob.limits[0])
                then[knob] = value
            else:
                first[knob] = value
            self._known.add(name)
        for leg in (first, then):
            yield Msg("checkpoint")
            for knob, value in leg.items():
                yield Msg("set", knob, value, group="knobs")
            yield Msg("wait", None, group="knobs")


def standing(mirrors: Any) -> MsgGenerator[dict[str, float]]:
    """Read where the knobs are."""
    where = {}
    for name in KNOBS:
        where[name] = float((yield from bps.rd(getattr(mirrors, name))))
    return where


def check_scan(station: FocusStation, direction: str, centre: float, half: float, num: int) -> None:
    """Have the stage refuse a scan that it cannot make.

    Raises
    ------
    BadInput
        If it is no scan, or a position is outside the limits.
    """
    if direction not in _AXES:
        raise BadInput(f"an edge is scanned in direction v or h, not {direction!r}")
    if num < 2 or not half > 0:
        raise BadInput(f"a scan of {num} points over {half!r} um to either side is none")
    axis = getattr(station.stage, _AXES[direction][0])
    for end in (centre - half, centre + half):
        axis.check_value(end)


@plan
def scan_edge(
    station: FocusStation, direction: str, centre: float, half: float, num: int
) -> MsgGenerator[None]:
    """Take one edge through the beam, the other one out of its way: events of ``knife_v`` or _h.

    Parameters
    ----------
    station : FocusStation
        The devices; the shutter is open.
    direction : str
        "v" or "h".
    centre, half : float
        Middle and half width of the scan, um.
    num : int
        Points, in the order of the positions.
    """
    check_scan(station, direction, centre, half, num)
    moving, parked = (getattr(station.stage, name) for name in _AXES[direction])
    clear = yield from bps.rd(station.stage.clear)
    yield Msg("checkpoint")
    yield Msg("set", parked, clear, group="move")
    for position in np.linspace(centre - half, centre + half, num).tolist():
        yield Msg("checkpoint")
        yield Msg("set", moving, position, group="move")
        yield Msg("wait", None, group="move")
        yield Msg("trigger", station.counters, group="count")
        yield Msg("wait", None, group="count")
        yield Msg("create", None, name=f"knife_{direction}")
        for device in (station.stage, station.mirrors, station.counters):
            yield Msg("read", device)
        yield Msg("save")
