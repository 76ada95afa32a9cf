"""The pieces that plans of a scanning measurement are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import FailedStatus, MsgGenerator, RunEngineControlException
from bluesky.utils import plan as _bluesky_plan

from operando.plans.time_limits import with_limits

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


def why_failed(error: Exception) -> str:
    """Say what went wrong: of a device's failure what the device said, not that it failed.

    Examples
    --------
    >>> why_failed(ValueError("no such thing"))
    'ValueError: no such thing'
    """
    cause = error.__cause__ if isinstance(error, FailedStatus) else None
    told = error if cause is None else cause
    return f"{type(told).__name__}: {told}"


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
        returned.append((yield from with_limits(inner)))

    def close_well() -> MsgGenerator:
        reason = returned[0] if isinstance(returned[0], str) else None
        yield from bps.close_run(reason=reason)

    def close(error: Exception) -> MsgGenerator:
        if isinstance(error, RunEngineControlException):
            yield from bps.null()
        else:
            yield from bps.close_run(exit_status="fail", reason=why_failed(error))

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
