"""No plan waits for ever: every wait has a limit, and whoever exceeds it is named."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from bluesky.run_engine import WaitForTimeoutError
from bluesky.utils import Msg, MsgGenerator

from operando.errors import DeviceError

#: How much longer than it should take something may take, real s.
PATIENCE_S = 300.0
#: What can be waited for.
_VERBS = frozenset({"set", "trigger", "prepare", "kickoff", "complete"})


def limit(seconds: float = 0.0) -> float:
    """Longest wait for something that should take so many seconds, real s.

    Parameters
    ----------
    seconds : float
        By the station's clock, s.

    Examples
    --------
    >>> limit(100.0) - limit()
    200.0
    """
    return PATIENCE_S + 2.0 * seconds


def set_within(device: Any, value: Any, seconds: float) -> MsgGenerator[None]:
    """Set a device and wait for it, where that takes a while.

    Parameters
    ----------
    device : movable
    value : object
        What it is set to.
    seconds : float
        How long that should take, s.
    """
    yield Msg("set", device, value, group="set within")
    yield Msg("wait", None, group="set within", timeout=limit(seconds))


def with_limits(plan: MsgGenerator[Any]) -> Generator[Msg, Any, Any]:
    """Give every wait of a plan a limit, and an error that says what did not come to its end.

    Parameters
    ----------
    plan : generator
        A wait that has a ``timeout`` keeps it; the others get `limit` of nothing.

    Returns
    -------
    object
        What the plan returns.

    Raises
    ------
    DeviceError
        In the plan, where it waited, so that it can clean up.
    """
    begun: dict[Any, list[tuple[Msg, Any]]] = {}
    try:
        msg = next(plan)
        while True:
            if msg.command == "wait" and msg.kwargs.get("timeout") is None:
                msg = msg._replace(kwargs={**msg.kwargs, "timeout": limit()})
            try:
                answer = yield msg
            except WaitForTimeoutError as error:
                if msg.command != "wait":  # an agent's answer, say: whoever waits has a way
                    msg = plan.throw(error)
                    continue
                late = begun.pop(_group(msg), [])
                msg = plan.throw(DeviceError(_told(late, msg.kwargs.get("timeout"))))
            except GeneratorExit:
                raise
            except BaseException as error:
                msg = plan.throw(error)
            else:
                if msg.command in _VERBS:
                    begun.setdefault(_group(msg), []).append((msg, answer))
                elif msg.command == "wait":
                    begun.pop(_group(msg), None)
                msg = plan.send(answer)
    except StopIteration as end:
        return end.value
    finally:
        plan.close()


def _group(msg: Msg) -> Any:
    return msg.args[0] if msg.command == "wait" and msg.args else msg.kwargs.get("group")


def _told(late: list[tuple[Msg, Any]], seconds: float | None) -> str:
    open_ones = [one for one, status in late if not getattr(status, "done", False)]
    what = "; ".join(_done_to(one) for one in open_ones) or "something"
    return f"not done within {seconds:g} s: {what}"


def _done_to(msg: Msg) -> str:
    """Say what was asked of a device, and where it stands.

    Examples
    --------
    >>> class Device:
    ...     name = "pilatus"
    >>> _done_to(Msg("trigger", Device()))
    'trigger pilatus'
    """
    name = getattr(msg.obj, "name", repr(msg.obj))
    asked = f"{msg.command} {name}"
    if msg.command != "set":
        standing = getattr(msg.obj, "standing", "")
        return f"{asked} ({standing})" if standing else asked
    value = msg.args[0]
    asked += f" to {value:g}" if isinstance(value, float) else f" to {_short(value)}"
    position = getattr(msg.obj, "position", None)
    units = getattr(msg.obj, "egu", "")
    stands = f", which stands at {position:g}" if isinstance(position, float) else ""
    return f"{asked}{stands}{f' {units}' if stands and units else ''}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("technique", value)
    return str(value)[:60]
