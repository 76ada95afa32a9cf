"""The pieces that plans of a scanning measurement are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException
from bluesky.utils import plan as _bluesky_plan

P = ParamSpec("P")
R = TypeVar("R")


def plan(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a plan, so that bluesky warns when it is called and never iterated."""
    return cast("Callable[P, R]", _bluesky_plan(function))


def spec_of(agent: Any) -> dict[str, Any] | None:
    """Give all it takes to rebuild an agent, for the start document.

    Parameters
    ----------
    agent : object
        Anything a plan asks, or None.

    Returns
    -------
    dict or None
        Its ``spec()``; of an agent that has none, what kind of thing it is. None for no agent.
    """
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


class MappingStation(Protocol):
    """The roles a mapping plan needs; any object that has them will do, a frozen one as well."""

    @property
    def stage(self) -> Any:
        """Has the movable axes ``x`` and ``y`` (um) and is readable."""
        ...

    @property
    def detector(self) -> Any:
        """Can be triggered, read, staged and prepared with ``{"exposure": seconds}``."""
        ...

    @property
    def monitor(self) -> Any:
        """Counts the incoming beam; can be triggered and read."""
        ...

    @property
    def shutter(self) -> Any:
        """Can be set to "open" and "closed"."""
        ...

    @property
    def flyer(self) -> Any:
        """Can be prepared with a line, kicked off, completed and collected."""
        ...


@plan
def one_run(inner: MsgGenerator, md: Mapping[str, Any]) -> MsgGenerator[str]:
    """Enclose a plan in a run.

    Parameters
    ----------
    inner : generator
        What happens in the run. When it returns a text, that is the reason of the stop document.
    md : mapping
        For the start document.

    Returns
    -------
    str
        The run's uid.

    Notes
    -----
    ``bluesky.preprocessors.run_wrapper`` closes an aborted run without the reason that was given
    to ``RE.abort``. Here an aborted or stopped run is left for the RunEngine to close, which
    knows the reason.
    """
    uid: str = yield from bps.open_run(dict(md))
    returned: list[Any] = []

    def measure() -> MsgGenerator:
        returned.append((yield from inner))

    def close_well() -> MsgGenerator:
        reason = returned[0] if isinstance(returned[0], str) else None
        yield from bps.close_run(reason=reason)

    def close(error: Exception) -> MsgGenerator:
        if isinstance(error, RunEngineControlException):
            yield from bps.null()
        else:
            yield from bps.close_run(exit_status="fail", reason=str(error))

    yield from bpp.contingency_wrapper(measure(), except_plan=close, else_plan=close_well)
    return uid


@plan
def with_beam(shutter: Any, measurement: MsgGenerator) -> MsgGenerator:
    """Open the shutter for a plan and close it afterwards, whatever happens.

    Parameters
    ----------
    shutter : movable
        The shutter.
    measurement : generator
        What needs the beam.
    """

    def inner() -> MsgGenerator:
        yield from bps.mv(shutter, "open")
        return (yield from measurement)

    def close() -> MsgGenerator:
        yield from bps.mv(shutter, "closed")

    return (yield from bpp.finalize_wrapper(inner(), close))


def measure_point(
    station: MappingStation, x: float, y: float, stream: str
) -> MsgGenerator[float | None]:
    """Go to a point, expose and read: one event.

    Parameters
    ----------
    station : MappingStation
        The devices.
    x, y : float
        Position, um.
    stream : str
        Stream of the event.

    Returns
    -------
    float or None
        When the stage was read, in seconds of the station's clock; None when nobody measures.

    Notes
    -----
    The messages are written out: each of bluesky's stubs formats the call stack when it is
    called, which here took two thirds of the time of a step.
    """
    stage, detector, monitor = station.stage, station.detector, station.monitor
    yield Msg("checkpoint")
    yield Msg("set", stage.x, x, group="move")
    yield Msg("set", stage.y, y, group="move")
    yield Msg("wait", None, group="move")
    yield Msg("trigger", detector, group="expose")
    yield Msg("trigger", monitor, group="expose")
    yield Msg("wait", None, group="expose")
    yield Msg("create", None, name=stream)
    readings = []
    for device in (stage, monitor, detector):
        readings.append((yield Msg("read", device)))
    yield Msg("save")
    return timestamp(readings[0])


def timestamp(reading: Mapping[str, Mapping[str, Any]] | None) -> float | None:
    """Return when a reading was taken, or None when there is none.

    Examples
    --------
    >>> timestamp({"stage_x": {"value": 1.0, "timestamp": 5.0}})
    5.0
    """
    times = [float(item["timestamp"]) for item in (reading or {}).values()]
    return max(times, default=None)


def fly_line(flyer: Any, line: Mapping[str, float], exposure: float, stream: str) -> MsgGenerator:
    """Fly one line and emit its documents.

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
    yield Msg("wait", None, group="complete")
    yield Msg("collect", flyer, stream=False, return_payload=False, name=stream)
    yield Msg("checkpoint")


@plan
def fly_lines(
    station: MappingStation, lines: list[dict[str, float]], exposure: float, stream: str
) -> MsgGenerator:
    """Fly lines one after the other; what was measured of a line that fails is kept.

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
    """
    flyer = station.flyer

    def fly() -> MsgGenerator:
        for line in lines:
            yield from fly_line(flyer, line, exposure, stream)

    def rescue(error: Exception) -> MsgGenerator:
        yield from bps.stop(flyer)
        yield from bps.collect(flyer, return_payload=False, name=stream)

    # First the exposure: the descriptor takes down the configuration when it is declared.
    yield from bps.prepare(station.detector, {"exposure": exposure}, wait=True)
    yield from bps.declare_stream(flyer, name=stream, collect=True)
    yield from bpp.contingency_wrapper(fly(), except_plan=rescue)
