"""Monochromator, ion chambers and strip detector of the battery station over EPICS."""

from __future__ import annotations

from typing import Any

import numpy as np
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO, FormattedComponent
from ophyd.status import Status

from operando.devices.epics_signals import put_status
from operando.devices.epics_stage import EpicsAxis
from operando.devices.soft import check_range
from operando.errors import BadInput


class Setting(EpicsSignal):  # type: ignore[misc]
    """A number that a device is set up with, within the limits that its record says."""

    def check_value(self, value: float) -> None:
        """Refuse what is outside the record's limits, by a LimitError."""
        low, high = self.limits
        if low is not None and low != high:
            check_range(self.name, float(value), low, high, str(self.metadata.get("units") or ""))


class EpicsMonochromator(EpicsAxis):
    """A motor record in eV, with what the crystals do.

    Parameters
    ----------
    prefix : str
        Name of the record.
    crystals : str
        Begin of the names of ``bragg`` (deg), ``settle`` (s), ``backlash`` (eV) and
        ``d_spacing`` (Å).
    **kwargs
        What ophyd's EpicsMotor takes.
    """

    bragg = FormattedComponent(EpicsSignalRO, "{_crystals}bragg", kind="normal")
    settle = FormattedComponent(Setting, "{_crystals}settle", kind="config")
    backlash = FormattedComponent(Setting, "{_crystals}backlash", kind="config")
    d_spacing = FormattedComponent(EpicsSignalRO, "{_crystals}d_spacing", kind="config")

    def __init__(self, prefix: str, *, crystals: str, **kwargs: Any) -> None:
        self._crystals = crystals
        super().__init__(prefix, **kwargs)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe energy and Bragg angle."""
        key = {**self.bragg.describe()[self.bragg.name], "dtype_numpy": "<f8", "units": "deg"}
        return {**super().describe(), self.bragg.name: key}


class Acquiring(Device):  # type: ignore[misc]
    """A device whose busy record acquires; its data are there when the put is done."""

    acquire = Component(EpicsSignal, "Acquire", kind="omitted")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._status: Status | None = None

    def trigger(self) -> Status:
        """Acquire.

        Returns
        -------
        Status
            Finished when the data are there.

        Raises
        ------
        BadInput
            If an acquisition is going on.
        """
        if self._status is not None and not self._status.done:
            raise BadInput(f"{self.name} is busy: wait for it or stop it first")
        self._status = put_status(self.acquire, 1)
        return self._status

    def stop(self, *, success: bool = False) -> None:
        """Give up the acquisition that is going on; nothing of it is kept.

        Parameters
        ----------
        success : bool
            Makes no difference: whoever waits goes on.
        """
        if self._status is not None and not self._status.done:
            self.acquire.put(0)

    def pause(self) -> None:
        """Give up the acquisition: it is repeated when the run is resumed."""
        self.stop()

    def unstage(self) -> list[Any]:
        """Give up whatever is going on."""
        self.stop()
        return list(super().unstage())

    def read(self) -> dict[str, dict[str, Any]]:
        """Read what was acquired last; arrays as lists."""
        reading = dict(super().read())
        for item in reading.values():
            if isinstance(item["value"], np.ndarray):
                item["value"] = item["value"].tolist()
        return reading

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe it."""
        described = dict(super().describe())
        return {key: {**item, "dtype_numpy": "<f8"} for key, item in described.items()}

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Read the settings; arrays as lists."""
        reading = dict(super().read_configuration())
        for item in reading.values():
            if isinstance(item["value"], np.ndarray):
                item["value"] = item["value"].tolist()
        return reading


class EpicsQuickScan(Acquiring):
    """One sweep over one or more edges: an event with four arrays, as of `QuickScan`."""

    energy = Component(EpicsSignalRO, "energy", kind="normal")
    i0 = Component(EpicsSignalRO, "i0", kind="normal")
    i1 = Component(EpicsSignalRO, "i1", kind="normal")
    ir = Component(EpicsSignalRO, "ir", kind="normal")
    energies = Component(EpicsSignalRO, "energies", kind="config")
    dwell = Component(Setting, "dwell", kind="config")
    elements = Component(EpicsSignalRO, "elements", kind="config", string=True)
    dark = Component(EpicsSignalRO, "dark", kind="config")
    d_spacing = Component(EpicsSignalRO, "d_spacing", kind="config")

    @property
    def duration(self) -> float:
        """Counting time of the scan, s."""
        return float(self.dwell.get()) * np.size(self.energies.get())


class EpicsStrip(Acquiring):
    """The strip detector of the 003 reflection, as `StripDetector`."""

    counts = Component(EpicsSignalRO, "counts", kind="normal")
    exposure = Component(Setting, "exposure", kind="config")
    energy = Component(EpicsSignalRO, "energy", kind="config")
    wavelength = Component(EpicsSignalRO, "wavelength", kind="config")
    distance = Component(EpicsSignalRO, "distance", kind="config")
    pixel_size = Component(EpicsSignalRO, "pixel_size", kind="config")
    two_theta = Component(EpicsSignalRO, "two_theta", kind="config")


class EpicsPointChambers(Acquiring):
    """I0, I1 and Ir where the monochromator stands, as `PointChambers`."""

    i0 = Component(EpicsSignalRO, "i0", kind="normal")
    i1 = Component(EpicsSignalRO, "i1", kind="hinted")
    ir = Component(EpicsSignalRO, "ir", kind="normal")
    dwell = Component(Setting, "dwell", kind="config")
    dark = Component(EpicsSignalRO, "dark", kind="config")
    begin = Component(EpicsSignal, "Begin", kind="omitted")

    def stage(self) -> list[Any]:
        """Get ready for a scan."""
        self.begin.put(1)
        return list(super().stage())


class EpicsDose(Device):  # type: ignore[misc]
    """Dose that the spot has absorbed, MGy.

    Parameters
    ----------
    prefix : str
        Name of the record; with ``:rate`` it is what the open beam gives, MGy/s.
    **kwargs
        What ophyd's devices take.
    """

    value = FormattedComponent(EpicsSignalRO, "{prefix}", kind="hinted")
    per_second = Component(EpicsSignalRO, ":rate", kind="omitted")

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self.value.name = self.name

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the dose."""
        return {self.name: {**super().describe()[self.name], "dtype_numpy": "<f8"}}

    @property
    def rate(self) -> float:
        """Dose that the open beam gives, MGy/s."""
        return float(self.per_second.get())
