"""The gas cell over EPICS, and waiting in the time of an IOC that is ahead of real time."""

from __future__ import annotations

from typing import Any

from ophyd import Component, Device, EpicsSignal, EpicsSignalRO, FormattedComponent
from ophyd.status import Status

from operando.devices.dwell import WaitingTime
from operando.devices.epics_signals import Reached, command, put_status
from operando.devices.gas_cell import POSITIONS, ValvePositions


class EpicsGasCell(ValvePositions, Device):  # type: ignore[misc]
    """A valve that is closed, open to the gas or open to the pump, and notes when it opened.

    It closes when it is set to closed, stopped, paused or unstaged; it opens again only when it
    is set to, or when a paused run is resumed. Data are as those of `GasCell`.

    Parameters
    ----------
    prefix : str
        Begin of the names of ``valve`` (0 closed, 1 open to the gas, 2 open to the pump),
        ``valve_RBV``, ``pressure`` (kPa) and ``opened_at`` (s since 1970, of the clock that stamps
        the frames).
    **kwargs
        What ophyd's devices take.
    """

    valve = Component(EpicsSignal, "valve", kind="omitted")
    readback = Component(EpicsSignalRO, "valve_RBV", kind="omitted", auto_monitor=True)
    pressure = Component(EpicsSignalRO, "pressure", kind="omitted")
    opened = Component(EpicsSignalRO, "opened_at", kind="omitted")

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self._reopen, self._first_opened = 0, 0.0

    @property
    def position(self) -> str:
        """Where the valve is: "closed", "open" or "vacuum"."""
        return POSITIONS[int(self.readback.get())]

    @property
    def opened_at(self) -> float:
        """When it last opened to the gas; what a resumed run opens again counts from before."""
        return self._first_opened or float(self.opened.get())

    def set(self, value: str) -> Status:
        """Turn the valve.

        Parameters
        ----------
        value : str
            "closed", "open" or "vacuum".

        Returns
        -------
        Status
            Finished when the valve is there.

        Raises
        ------
        BadInput
            If `value` is something else.
        """
        self.check_value(value)
        self._reopen, self._first_opened = 0, 0.0
        return self._turn(POSITIONS.index(value))

    def _turn(self, wanted: int) -> Status:
        command(self.valve, wanted)
        there = (self.readback, lambda state: state == wanted)
        return Reached(there, what=f"{self.name} {POSITIONS[wanted]}").status

    def stop(self, *, success: bool = False) -> None:
        """Close, and remember what a resumed run needs.

        Parameters
        ----------
        success : bool
            Makes no difference.
        """
        self._reopen = int(self.readback.get()) or self._reopen
        command(self.valve, 0)

    def pause(self) -> None:
        """Close while the run is paused: the gas that is in the cell stays there."""
        self.stop()

    def resume(self) -> None:
        """Turn the valve back to where it was when the run was paused."""
        position, self._reopen = self._reopen, 0
        if position:
            if position == POSITIONS.index("open"):
                self._first_opened = self.opened_at
            self._turn(position).wait()

    def unstage(self) -> list[Any]:
        """Close: the run is over."""
        self.stop()
        self._reopen = 0
        return list(super().unstage())

    def read(self) -> dict[str, dict[str, Any]]:
        """Read valve, pressure and time of opening."""
        pressure = float(self.pressure.get())
        values = {"valve": self.position, "pressure": pressure, "opened_at": self.opened_at}
        now = float(self.pressure.timestamp)
        return {f"{self.name}_{k}": {"value": v, "timestamp": now} for k, v in values.items()}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe valve, pressure and time of opening."""
        number = {"dtype": "number", "dtype_numpy": "<f8", "shape": []}
        return {
            f"{self.name}_valve": {
                "source": f"PV:{self.readback.pvname}",
                "dtype": "string",
                "dtype_numpy": "<U6",
                "shape": [],
            },
            f"{self.name}_pressure": {
                **number,
                "source": f"PV:{self.pressure.pvname}",
                "units": "kPa",
            },
            f"{self.name}_opened_at": {
                **number,
                "source": f"PV:{self.opened.pvname}",
                "units": "s",
            },
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [f"{self.name}_pressure"]}


class EpicsDwell(WaitingTime, Device):  # type: ignore[misc]
    """Waits by a process variable: the time of a simulated station that does not wait itself.

    Parameters
    ----------
    prefix : str
        Name of the record; a put of seconds is done when they have passed.
    **kwargs
        What ophyd's devices take.
    """

    seconds = FormattedComponent(EpicsSignal, "{prefix}", kind="omitted")

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
        return put_status(self.seconds, float(value))
