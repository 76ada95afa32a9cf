"""Points and lines of a map, measured until they are what they should be."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from operando.errors import DeviceError
from operando.plans.care import Care, Lookout, Reading
from operando.plans.stubs import MappingStation, plan
from operando.plans.time_limits import limit

logger = logging.getLogger(__name__)

Again = Callable[[str], MsgGenerator[Any]]


def measure_point(
    station: MappingStation,
    x: float,
    y: float,
    stream: str,
    lookout: Lookout | None = None,
    again: Again | None = None,
) -> MsgGenerator[float | None]:
    """Go to a point, expose and read: one event, and another for each time that it failed.

    Parameters
    ----------
    station : MappingStation
        The devices.
    x, y : float
        Position, um.
    stream : str
        Stream of the event.
    lookout : Lookout, optional
        Judges what was read; without one everything will do.
    again : callable, optional
        Given the reason, a plan that records that the point is measured again.

    Returns
    -------
    float or None
        When the stage was read, in seconds of the station's clock; None when nobody measures.

    Raises
    ------
    DeviceError
        If the stage does not get there or there is no beam, as often as it was tried.
    """
    lookout = lookout or Lookout(Care(least_beam=None, tries=0))
    for left in range(lookout.care.tries, -1, -1):
        yield Msg("checkpoint")
        yield from _go(station, x, y, lookout)
        stage, monitor = yield from _expose(station, stream)
        wrong = lookout.astray(stage, _targets(station, x, y))
        if not wrong and monitor:
            counts = monitor.get(station.monitor.name, {"value": None})["value"]
            wrong = lookout.dark(station.monitor.name, counts)
        if not wrong:
            return timestamp(stage)
        # First of all: a run that waits for the beam is resumed after this event, not before it.
        yield Msg("checkpoint")
        lookout.repeated += 1
        yield from once_more(f"({x:g}, {y:g}) um", wrong, left, lookout.care)
        if again is not None:
            yield from again(wrong)
    return None


def _targets(station: MappingStation, x: float, y: float) -> dict[str, float]:
    return {station.stage.x.name: x, station.stage.y.name: y}


def _go(station: MappingStation, x: float, y: float, lookout: Lookout) -> MsgGenerator[None]:
    """Move, and once more where the stage ends elsewhere."""
    stage = station.stage
    for left in range(lookout.care.tries, -1, -1):
        yield Msg("set", stage.x, x, group="move")
        yield Msg("set", stage.y, y, group="move")
        yield Msg("wait", None, group="move")
        wrong = lookout.astray((yield Msg("read", stage)), _targets(station, x, y))
        if not wrong:
            return
        yield from once_more("the move", wrong, left, lookout.care)


def once_more(what: str, wrong: str, left: int, care: Care) -> MsgGenerator[None]:
    """Wait before something is tried again.

    Parameters
    ----------
    what, wrong : str
        What it is, and what was wrong with it.
    left : int
        How often it may be tried yet.
    care : Care

    Raises
    ------
    DeviceError
        If it may not.
    """
    if not left:
        often = f"; given up after {care.tries + 1} tries" if care.tries else ""
        raise DeviceError(f"{what}: {wrong}{often}")
    logger.warning("%s: once more, %s", what, wrong)
    yield Msg("sleep", None, care.pause)


def _expose(
    station: MappingStation, stream: str
) -> MsgGenerator[tuple[Reading | None, Reading | None]]:
    """Expose and read: one event. What stage and monitor read is returned.

    The messages are written out: each of bluesky's stubs formats the call stack when it is
    called, which took two thirds of the time of a step.
    """
    stage, detector, monitor = station.stage, station.detector, station.monitor
    yield Msg("trigger", detector, group="expose")
    yield Msg("trigger", monitor, group="expose")
    yield Msg("wait", None, group="expose")
    yield Msg("create", None, name=stream)
    readings = []
    for device in (stage, monitor, detector):
        readings.append((yield Msg("read", device)))
    yield Msg("save")
    return readings[0], readings[1]


def timestamp(reading: Reading | None) -> float | None:
    """Return when a reading was taken, or None when there is none.

    Examples
    --------
    >>> timestamp({"stage_x": {"value": 1.0, "timestamp": 5.0}})
    5.0
    """
    times = [float(item["timestamp"]) for item in (reading or {}).values()]
    return max(times, default=None)


def fly_line(
    flyer: Any, line: Mapping[str, float], exposure: float, stream: str
) -> MsgGenerator[list[Mapping[str, Any]]]:
    """Fly one line and emit its documents, which are returned.

    A run that is paused in the line flies it again from its beginning.

    Parameters
    ----------
    flyer : object
        The flyer; `stream` must have been declared for it.
    line : mapping
        ``x_start``, ``x_stop``, ``y`` (um), ``num`` and ``pitch`` (um).
    exposure : float
        Exposure of each frame, s.
    stream : str
        Stream of the events.
    """
    yield Msg("checkpoint")
    yield Msg("prepare", flyer, {**line, "exposure": exposure}, group="prepare")
    yield Msg("wait", None, group="prepare")
    yield Msg("kickoff", flyer, group="kickoff")
    yield Msg("wait", None, group="kickoff")
    yield Msg("complete", flyer, group="complete")
    yield Msg("wait", None, group="complete", timeout=limit(line["num"] * exposure))
    pages = yield Msg("collect", flyer, stream=False, return_payload=True, name=stream)
    yield Msg("checkpoint")
    return list(pages or ())


@plan
def fly_lines(
    station: MappingStation,
    lines: list[dict[str, float]],
    exposure: float,
    stream: str,
    lookout: Lookout | None = None,
) -> MsgGenerator:
    """Fly lines one after the other; what was measured of a line that fails is kept.

    What of a line had no beam is flown again at once: its points have further events, and the
    monitor tells which count.

    Parameters
    ----------
    station : MappingStation
        The devices.
    lines : list of dict
        The lines; see `fly_line`.
    exposure : float
        Exposure of each frame, s.
    stream : str
        Stream of the events.
    lookout : Lookout, optional
        Judges what was read; without one everything will do.

    Raises
    ------
    DeviceError
        If there is no beam, as often as it was tried.
    """
    flyer = station.flyer
    watch = lookout or Lookout(Care(least_beam=None))
    watch.exposure = exposure

    def fly() -> MsgGenerator:
        for line in lines:
            pieces = [line]
            for left in range(watch.care.tries, -1, -1):
                dark: list[dict[str, float]] = []
                why = ""
                for piece in pieces:
                    pages = yield from fly_line(flyer, piece, exposure, stream)
                    missing, wrong = _dark_pieces(station, piece, pages, watch)
                    dark, why = dark + missing, wrong or why
                if not dark:
                    break
                pieces = dark
                num = sum(int(piece["num"]) for piece in dark)
                what = f"{num} of the points at y = {line['y']:g} um"
                yield from once_more(what, why, left, watch.care)

    def rescue(error: Exception) -> MsgGenerator:
        yield from bps.stop(flyer)
        yield from bps.collect(flyer, return_payload=False, name=stream)

    # First the exposure: the descriptor takes down the configuration when it is declared.
    yield from bps.prepare(station.detector, {"exposure": exposure}, wait=True)
    yield from bps.declare_stream(flyer, name=stream, collect=True)
    yield from bpp.contingency_wrapper(fly(), except_plan=rescue)


def _dark_pieces(
    station: MappingStation,
    line: Mapping[str, float],
    pages: Iterable[Mapping[str, Any]],
    lookout: Lookout,
) -> tuple[list[dict[str, float]], str]:
    """Find what of a line had no beam, as lines of their own; and how that was seen."""
    name = station.monitor.name
    counts = [value for page in pages for value in page["data"].get(name, ())]
    said = [lookout.dark(name, value) for value in counts]
    lookout.repeated += sum(map(bool, said))
    return list(_pieces(line, map(bool, said))), next(filter(None, said), "")


def _pieces(line: Mapping[str, float], wanted: Iterable[bool]) -> Iterable[dict[str, float]]:
    """Yield the runs of wanted points of a line as lines.

    Examples
    --------
    >>> line = {"x_start": 0.0, "x_stop": 8.0, "y": 1.0, "num": 5, "pitch": 2.0}
    >>> [(p["x_start"], p["x_stop"], p["num"]) for p in _pieces(line, [0, 1, 1, 0, 1])]
    [(2.0, 4.0, 2), (8.0, 8.0, 1)]
    """
    begin = 0
    for is_wanted, group in itertools.groupby(wanted, key=bool):
        num = sum(1 for _ in group)
        if is_wanted:
            x = line["x_start"] + line["pitch"] * begin
            stop = x + line["pitch"] * (num - 1)
            yield {**line, "x_start": x, "x_stop": stop, "num": num}
        begin += num
