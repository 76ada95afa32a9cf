"""Shutter and beam monitor over EPICS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO, FormattedComponent
from ophyd.status import Status

from operando.devices.epics_signals import Reached, command
from operando.devices.soft import done
from operando.errors import BadInput

_STATES = ("closed", "open")


class EpicsShutter(Device):  # type: ignore[misc]
    """A shutter that opens when asked and closes whenever a run ends, however it ends.

    It closes when it is set to closed, stopped, unstaged or paused; it opens again only when it
    is set to open, or when a paused run is resumed.

    Parameters
    ----------
    prefix : str
        Name of the record: 0 closes it and 1 opens it. With ``_RBV`` it says where it is.
    **kwargs
        What ophyd's devices take.
    """

    command = FormattedComponent(EpicsSignal, "{prefix}", kind="omitted")
    readback = Component(EpicsSignalRO, "_RBV", kind="omitted", auto_monitor=True)

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self._reopen = False

    @property
    def is_open(self) -> bool:
        """Whether the beam is on the sample."""
        return bool(self.readback.get())

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
        if value not in _STATES:
            raise BadInput(f"{self.name} can be 'open' or 'closed', not {value!r}")

    def set(self, value: str) -> Status:
        """Open or close.

        Parameters
        ----------
        value : str
            "open" or "closed".

        Returns
        -------
        Status
            Finished when the shutter is there.
        """
        self.check_value(value)
        self._reopen = False
        wanted = _STATES.index(value)
        command(self.command, wanted)
        there = (self.readback, lambda state: state == wanted)
        return Reached(there, what=f"{self.name} {value}").status

    def stop(self, *, success: bool = False) -> None:
        """Close, and remember what a resumed run needs.

        Parameters
        ----------
        success : bool
            Makes no difference.
        """
        self._reopen = self._reopen or self.is_open
        command(self.command, 0)

    def pause(self) -> None:
        """Close while the run is paused."""
        self.stop()

    def resume(self) -> None:
        """Open again if it was open when the run was paused."""
        if self._reopen:
            self.set("open").wait()

    def unstage(self) -> list[Any]:
        """Close: the run is over."""
        self._reopen = False
        command(self.command, 0)
        return list(super().unstage())

    def read(self) -> dict[str, dict[str, Any]]:
        """Read "open" or "closed"."""
        value = _STATES[bool(self.readback.get())]
        return {self.name: {"value": value, "timestamp": self.readback.timestamp}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the state."""
        key = {"source": f"PV:{self.readback.pvname}", "dtype": "string", "dtype_numpy": "<U6"}
        return {self.name: {**key, "shape": []}}


class EpicsMonitor(Device):  # type: ignore[misc]
    """Counts of the incoming beam, by a counter that the detector gates.

    Parameters
    ----------
    prefix : str
        Name of the record with the counts of the last exposure.
    array : str
        What is added to it for the counts of all exposures of the last acquisition.
    **kwargs
        What ophyd's devices take.
    """

    last = FormattedComponent(EpicsSignalRO, "{prefix}", kind="omitted")
    all = FormattedComponent(EpicsSignalRO, "{prefix}{_array}", kind="omitted")

    def __init__(self, prefix: str, *, array: str, **kwargs: Any) -> None:
        self._array = array
        super().__init__(prefix, **kwargs)

    @property
    def counts(self) -> NDArray[np.float64]:
        """Counts of the last exposures, one for each frame of the last batch."""
        return np.atleast_1d(np.asarray(self.all.get(), dtype=np.float64))

    def trigger(self) -> Status:
        """Nothing: the detector's exposures are what is counted."""
        return done()

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the counts of the last exposure."""
        return {
            self.name: {"value": float(self.last.get()), "timestamp": float(self.last.timestamp)}
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the counts."""
        key = {"source": f"PV:{self.last.pvname}", "dtype": "number", "dtype_numpy": "<f8"}
        return {self.name: {**key, "shape": [], "units": "counts"}}

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [self.name]}
