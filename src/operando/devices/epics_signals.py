"""What the devices over EPICS share: waiting for a process variable, and writing to it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from ophyd import Signal
from ophyd.status import Status
from ophyd.utils import DisconnectedError, WaitTimeoutError

from operando.devices.epics_watch import watch_over
from operando.errors import DeviceError

#: Longest time for what a controller does at once, s.
ANSWER_S = 10.0


Step = tuple[Signal, Callable[[Any], bool]]


class Reached:
    """A status that is finished when signals have passed tests, one after the other.

    Parameters
    ----------
    *steps : tuple of Signal and callable
        What is watched, and the test that says whether its value is it.
    what : str
        For the error: what was waited for.
    timeout : float
        Longest wait for all of them, s.
    then : callable, optional
        Called when it has ended, before whoever waits goes on.

    Attributes
    ----------
    status : Status
        Fails with a DeviceError when the time is over, or with what `give_up` is told.
    """

    def __init__(
        self,
        *steps: Step,
        what: str,
        timeout: float = ANSWER_S,
        then: Callable[[], None] | None = None,
    ) -> None:
        # Not a DeviceStatus: that would stop the device from a thread of its own when it fails.
        self.status = Status(steps[0][0])
        self._steps, self._what, self._then = list(steps), what, then
        self._lock = threading.RLock()
        self._ended = False
        watch_over(self._steps[0][0], timeout, lambda: self._ended, self._late)
        self._watch()

    def _watch(self) -> None:
        self._steps[0][0].subscribe(self._look, run=True)

    def _look(self, *args: Any, value: Any, obj: Any = None, **kwargs: Any) -> None:
        with self._lock:
            if self._ended or obj is not self._steps[0][0] or not self._steps[0][1](value):
                return
            if len(self._steps) == 1:
                self.give_up(None)
                return
            self._steps.pop(0)[0].clear_sub(self._look)
            self._watch()

    def _late(self, why: str) -> None:
        name = getattr(self._steps[0][0], "pvname", self._steps[0][0].name)
        self.give_up(DeviceError(f"{self._what} did not come: {name} {why}"))

    def give_up(self, error: Exception | None) -> None:
        """End the wait now; without an error as if the values had come."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._steps[0][0].clear_sub(self._look)
            try:
                if self._then is not None:
                    self._then()
            except Exception as trouble:  # whoever waits must hear of something
                error = error or trouble
        if error is None:
            self.status.set_finished()
        else:
            self.status.set_exception(error)


def command(signal: Any, value: Any) -> None:
    """Write to a process variable without waiting.

    Parameters
    ----------
    signal : EpicsSignal
    value : object

    Raises
    ------
    DeviceError
        If it does not answer.
    """
    try:
        signal.put(value)
    except (TimeoutError, DisconnectedError):
        raise DeviceError(
            f"{signal.setpoint_pvname} does not answer: it could not be set to {value!r}"
        ) from None


def put_status(signal: Any, value: Any) -> Status:
    """Write to a process variable; the status is finished when the controller has done it.

    Parameters
    ----------
    signal : EpicsSignal
    value : object

    Returns
    -------
    Status
        Fails with a DeviceError when the process variable does not answer any more.
    """
    status, lock = Status(signal), threading.Lock()

    def end(error: Exception | None = None) -> None:
        with lock:
            if status.done:
                return
            if error is None:
                status.set_finished()
            else:
                status.set_exception(error)

    def fail(why: str) -> None:
        end(DeviceError(f"{signal.setpoint_pvname} {why}"))

    signal.put(value, use_complete=True, callback=lambda **kwargs: end())
    watch_over(signal, math.inf, lambda: status.done, fail)
    return status


def wait_for(signal: Signal, test: Callable[[Any], bool], what: str) -> None:
    """Wait until a signal's value passes a test.

    Parameters
    ----------
    signal : Signal
        What is watched.
    test : callable
        Given the value, says whether that is it.
    what : str
        For the error: what was waited for.

    Raises
    ------
    DeviceError
        If it does not in `ANSWER_S`.
    """
    Reached((signal, test), what=what).status.wait()


def put_and_wait(signal: Any, value: Any, timeout: float = ANSWER_S) -> None:
    """Write to a process variable, and wait until the controller has done what it asks for.

    Parameters
    ----------
    signal : EpicsSignal
    value : object
    timeout : float
        s.

    Raises
    ------
    DeviceError
        If it takes longer.
    """
    ended = put_status(signal, value)
    try:
        ended.wait(timeout)
    except WaitTimeoutError:
        raise DeviceError(f"{signal.setpoint_pvname} was not done within {timeout:g} s") from None
