"""The shutter: the beam is on the sample only while somebody measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ophyd import Device
from ophyd.status import DeviceStatus

from operando.devices.soft import done
from operando.devices.timed import Timed
from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.simulations.clock import Clock

#: Time the blade takes to open, s.
OPENING_S = 0.005


class Shutter(Device):  # type: ignore[misc]
    """A shutter that opens when asked and closes whenever a run ends, however it ends.

    It closes when it is set to closed, stopped, unstaged or paused; it opens again only when it
    is set to open, or when a paused run is resumed.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    clock : Clock
        The station's clock.

    Attributes
    ----------
    upstream : callable or None
        Whether there is beam before the shutter; None if there always is.
    """

    def __init__(self, *args: Any, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock
        self.upstream: Callable[[], bool] | None = None
        self._open = False
        self._reopen = False

    @property
    def is_open(self) -> bool:
        """Whether the beam is on the sample."""
        return self._open and (self.upstream is None or self.upstream())

    def check_value(self, value: str) -> None:
        """Refuse anything but "open" and "closed".

        Parameters
        ----------
        value : str
            What the shutter is to be.

        Raises
        ------
        BadInput
            If it is something else.
        """
        if value not in ("open", "closed"):
            raise BadInput(f"{self.name} can be 'open' or 'closed', not {value!r}")

    def set(self, value: str) -> DeviceStatus:
        """Open or close.

        Parameters
        ----------
        value : str
            "open" or "closed".

        Returns
        -------
        DeviceStatus
            Finished when the blade is there; closing counts at once.

        Raises
        ------
        BadInput
            If `value` is something else.
        """
        self.check_value(value)
        self._reopen = False
        if value == "closed":
            self._open = False
            return done()
        status = DeviceStatus(self)
        self._open = True
        Timed(self._clock, OPENING_S, status.set_finished)
        return status

    def stop(self, *, success: bool = False) -> None:
        """Close, and remember what a resumed run needs.

        Parameters
        ----------
        success : bool
            Makes no difference.
        """
        self._reopen = self._reopen or self._open
        self._open = False

    def pause(self) -> None:
        """Close while the run is paused."""
        self.stop()

    def resume(self) -> None:
        """Open again if it was open when the run was paused."""
        self._open, self._reopen = self._reopen, False

    def unstage(self) -> list[Any]:
        """Close: the run is over."""
        self._open = self._reopen = False
        return list(super().unstage())

    def read(self) -> dict[str, dict[str, Any]]:
        """Read "open" or "closed"."""
        value = "open" if self._open else "closed"
        return {self.name: {"value": value, "timestamp": self._clock.now()}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the state."""
        return {
            self.name: {
                "source": f"SIM:{self.name}",
                "dtype": "string",
                "dtype_numpy": "<U6",
                "shape": [],
            }
        }
