"""Waiting, in the station's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ophyd import Device
from ophyd.status import Status

from operando.devices.one_action import OneAction
from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.simulations.clock import Clock


class WaitingTime:
    """What a device may be told to wait."""

    name: str

    def check_value(self, value: float) -> None:
        """Refuse what is no time to wait.

        Parameters
        ----------
        value : float
            s.

        Raises
        ------
        BadInput
            If it is below 0 or not a number.
        """
        if not value >= 0:
            raise BadInput(f"{self.name} waits 0 s or more, not {value!r}")


class Dwell(WaitingTime, Device):  # type: ignore[misc]
    """A device that is set to a number of seconds and is there when they have passed.

    ``bluesky.plan_stubs.sleep`` waits in real time, whatever the speed of a simulated station.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    clock : Clock
        The station's clock.
    """

    def __init__(self, *args: Any, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._action = OneAction(self, clock)

    def set(self, value: float) -> Status:
        """Wait.

        Parameters
        ----------
        value : float
            s.

        Returns
        -------
        Status
            Finished when the time has passed.
        """
        self.check_value(value)
        return self._action.begin(float(value), lambda: None)

    def stop(self, *, success: bool = False) -> None:
        """Wait no longer.

        Parameters
        ----------
        success : bool
            Whether whoever waits should take it for done.
        """
        self._action.stop(success=success)

    def pause(self) -> None:
        """Give the wait up: a resumed run begins it again."""
        self.stop(success=True)
