"""A device's one action at a time: it takes simulated time, and can be given up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ophyd.status import Status

from operando.devices.timed import Timed
from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.simulations.clock import Clock


class OneAction:
    """Begin, finish or give up an action.

    Parameters
    ----------
    device : ophyd.Device
        Whose action it is.
    clock : Clock
        The station's clock.
    """

    def __init__(self, device: Any, clock: Clock) -> None:
        self._device, self._clock = device, clock
        self._status: Status | None = None
        self._timed: Timed | None = None
        self._lock = threading.RLock()

    @property
    def running(self) -> bool:
        """Whether it is going on."""
        return self._status is not None

    def begin(self, seconds: float, finish: Callable[[], None]) -> Status:
        """Begin; `finish` is called when the time is over, then the status is finished.

        Parameters
        ----------
        seconds : float
            How long it takes, simulated s.
        finish : callable
            What the action comes to. If it raises, the status fails with what it raised.

        Returns
        -------
        Status

        Raises
        ------
        DeviceError
            If it is going on already.
        """
        # Not a DeviceStatus: that would, when it fails, stop the device from a thread of its own,
        # some time later, and so give up the action after this one.
        status = Status(self._device)
        with self._lock:
            if self._status is not None:
                raise DeviceError(f"{self._device.name} is busy: wait for it or stop it first")
            self._status = status

        def over() -> None:
            with self._lock:
                if self._status is not status:
                    return
                try:
                    finish()
                except Exception as error:
                    self._end(error)
                else:
                    self._end(None)

        timed = Timed(self._clock, seconds, over)
        with self._lock:
            if self._status is status:
                self._timed = timed
        return status

    def stop(self, *, success: bool) -> None:
        """Give it up.

        Parameters
        ----------
        success : bool
            Whether whoever waits should take it for done.
        """
        with self._lock:
            self._end(None if success else DeviceError(f"{self._device.name} was stopped"))

    def _end(self, error: Exception | None) -> None:
        status, self._status = self._status, None
        timed, self._timed = self._timed, None
        if timed is not None:
            timed.cancel()
        if status is None:
            return
        if error is None:
            status.set_finished()
        else:
            status.set_exception(error)
