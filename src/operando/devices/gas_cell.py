"""The gas cell: a valve to the gas, the same to the pump, and a gauge."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ophyd import Device
from ophyd.status import Status

from operando.devices.soft import done
from operando.devices.timed import Timed
from operando.errors import BadInput, DeviceError

if TYPE_CHECKING:
    from operando.simulations.clock import Clock
    from operando.simulations.gas_cell import GasLoading

#: Time the valve takes from the command to open, s.
OPENING_S = 0.05
POSITIONS = ("closed", "open", "vacuum")


class ValvePositions:
    """What a valve may be told to be."""

    name: str

    def check_value(self, value: str) -> None:
        """Refuse anything that is no position of the valve.

        Parameters
        ----------
        value : str
            What the valve is to be.

        Raises
        ------
        BadInput
            If it is something else than "closed", "open" or "vacuum".
        """
        if value not in POSITIONS:
            raise BadInput(f"{self.name} can be {', '.join(POSITIONS)}, not {value!r}")


class GasCell(ValvePositions, Device):  # type: ignore[misc]
    """A valve that is closed, open to the gas or open to the pump, and notes when it opened.

    It closes when it is set to closed, stopped, paused or unstaged; it opens again only when it
    is set to, or when a paused run is resumed.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    gas : GasLoading
        What is in the cell.
    clock : Clock
        The station's clock, which detector and valve share.

    Notes
    -----
    Data: ``_valve`` (its position), ``_pressure`` (kPa) and ``_opened_at``, when it last opened
    to the gas, seconds of the station's clock; 0 before it ever did.
    """

    def __init__(self, *args: Any, gas: GasLoading, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gas, self._clock = gas, clock
        self._position, self._reopen = "closed", ""
        self._opened_at = 0.0
        self._status: Status | None = None
        self._timed: Timed | None = None
        self._lock = threading.RLock()

    @property
    def position(self) -> str:
        """Where the valve is: "closed", "open" or "vacuum"."""
        return self._position

    def set(self, value: str) -> Status:
        """Turn the valve.

        Parameters
        ----------
        value : str
            "closed", "open" or "vacuum".

        Returns
        -------
        Status
            Finished when the valve is there; closing counts at once.

        Raises
        ------
        BadInput
            If `value` is something else.
        """
        self.check_value(value)
        with self._lock:
            self._give_up(f"{self.name} was told to be {value}")
            self._reopen = ""
            if value == "closed":
                self._close()
                return done()
            # Not a DeviceStatus: that would, when it fails, stop the device some time later.
            status = Status(self)
            self._status = status

            def finish() -> None:
                with self._lock:
                    superseded = self._status is not status
                    if superseded:
                        return
                    self._status = None
                    self._turn(value)
                status.set_finished()

            timed = Timed(self._clock, OPENING_S, finish)
            self._timed = None if status.done else timed
        return status

    def stop(self, *, success: bool = False) -> None:
        """Close, and remember what a resumed run needs.

        Parameters
        ----------
        success : bool
            Makes no difference.
        """
        with self._lock:
            self._give_up(f"{self.name} was stopped")
            if self._position != "closed":
                self._reopen = self._position
            self._close()

    def pause(self) -> None:
        """Close while the run is paused: the gas that is in the cell stays there."""
        self.stop()

    def resume(self) -> None:
        """Turn the valve back to where it was when the run was paused."""
        with self._lock:
            position, self._reopen = self._reopen, ""
            if position:
                self._turn(position, again=True)

    def unstage(self) -> list[Any]:
        """Close: the run is over."""
        self.stop()
        self._reopen = ""
        return list(super().unstage())

    def _turn(self, position: str, *, again: bool = False) -> None:
        now = self._clock.now()
        self._position = position
        if position == "vacuum":
            self._gas.pump(now)
        else:
            self._gas.open(now)
            if not again:
                self._opened_at = now

    def _close(self) -> None:
        if self._position != "closed":
            self._gas.close(self._clock.now())
        self._position = "closed"

    def _give_up(self, why: str) -> None:
        status, self._status = self._status, None
        timed, self._timed = self._timed, None
        if timed is not None:
            timed.cancel()
        if status is not None:
            status.set_exception(DeviceError(why))

    def read(self) -> dict[str, dict[str, Any]]:
        """Read valve, pressure and time of opening."""
        now = self._clock.now()
        values = {
            "valve": self._position,
            "pressure": self._gas.pressure(now),
            "opened_at": self._opened_at,
        }
        return {f"{self.name}_{k}": {"value": v, "timestamp": now} for k, v in values.items()}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe valve, pressure and time of opening."""
        number = {"source": f"SIM:{self.name}", "dtype": "number", "dtype_numpy": "<f8"}
        return {
            f"{self.name}_valve": {
                "source": f"SIM:{self.name}",
                "dtype": "string",
                "dtype_numpy": "<U6",
                "shape": [],
            },
            f"{self.name}_pressure": {**number, "shape": [], "units": "kPa"},
            f"{self.name}_opened_at": {**number, "shape": [], "units": "s"},
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [f"{self.name}_pressure"]}
