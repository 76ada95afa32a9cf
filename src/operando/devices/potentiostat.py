"""The potentiostat for Bluesky: settable to a technique, readable, and a stream of its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

from ophyd import Component, Device
from ophyd.status import Status

from operando.devices.cell_faults import FAULTS, CellFault, CellLimits
from operando.devices.cell_stream import CellStream, Reading
from operando.devices.driver_port import DriverPort, Snapshot
from operando.devices.soft import SoftSignal, done
from operando.errors import DeviceError

#: How often a driver that keeps its own time is asked, real s.
POLL_S = 0.02


class ReadBack(SoftSignal):
    """A value that the driver measures; reading it asks the driver."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(writable=False, **kwargs)

    def take(self, value: float | str, timestamp: float) -> None:
        """Keep what the driver said."""
        self.put(value, timestamp=timestamp, force=True)

    def read(self) -> Reading:
        """Ask the driver."""
        self.parent.refresh()
        return self.kept()

    def kept(self) -> Reading:
        """Return what the driver said last."""
        return {self.name: {"value": self._readback, "timestamp": self.timestamp}}


class Potentiostat(Device):  # type: ignore[misc]
    """A potentiostat with a cell.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    driver : DriverPort
        What runs the techniques and keeps the limits, whatever becomes of this object.
    nominal_capacity : float
        Charge that counts as 100 % state of charge, Ah.
    active_mass : float
        Mass of active material, g.
    limits : CellLimits
        The driver's limits, for the descriptor.

    Notes
    -----
    ``set(technique)`` loads and starts; its status is finished when the technique has ended and
    fails with a `CellFault` when the driver has switched off. Techniques are mappings, see
    `operando.devices.techniques.technique_from`. A charge to an absolute ``to_charge`` can be set
    again after a pause: only what is left flows. `stop` (and so a pause or an abort of the
    RunEngine) switches the output off and the cell rests.

    ``stream`` is what to monitor.
    """

    voltage = Component(ReadBack, value=0.0, units="V", kind="hinted")
    current = Component(ReadBack, value=0.0, units="A", kind="normal")
    charge = Component(ReadBack, value=0.0, units="Ah", kind="normal")
    temperature = Component(ReadBack, value=0.0, units="degC", kind="normal")
    soc = Component(ReadBack, value=0.0, kind="normal")
    state = Component(ReadBack, value="stopped", kind="normal")
    end_voltage = Component(ReadBack, value=math.nan, units="V", kind="omitted")
    reason = Component(ReadBack, value="", kind="omitted")
    time = Component(ReadBack, value=0.0, units="s", kind="omitted")
    nominal_capacity = Component(SoftSignal, value=0.0, units="Ah", writable=False, kind="config")
    active_mass = Component(SoftSignal, value=0.0, units="g", writable=False, kind="config")
    limit_voltage = Component(SoftSignal, value=[], units="V", writable=False, kind="config")
    limit_current = Component(SoftSignal, value=0.0, units="A", writable=False, kind="config")
    limit_temperature = Component(
        SoftSignal, value=0.0, units="degC", writable=False, kind="config"
    )

    def __init__(
        self,
        *args: Any,
        driver: DriverPort,
        nominal_capacity: float,
        active_mass: float,
        limits: CellLimits | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        limits = limits or CellLimits()
        for signal, value in (
            (self.nominal_capacity, float(nominal_capacity)),
            (self.active_mass, float(active_mass)),
            (self.limit_voltage, list(limits.voltage)),
            (self.limit_current, limits.current),
            (self.limit_temperature, limits.temperature),
        ):
            signal.put(value, force=True)
        self.driver = driver
        self.stream = CellStream(self)
        self._status: Status | None = None
        self._run = -1
        self._lock = threading.RLock()
        self._watcher: threading.Thread | None = None
        self.stream.cursor = int(self.refresh()["number"])

    def load(self, technique: Mapping[str, Any]) -> None:
        """Check and take a technique.

        Raises
        ------
        BadInput
            If it makes no sense or is beyond the limits.
        DeviceError
            If another one is running.
        """
        self.driver.load(technique)

    def start(self) -> Status:
        """Begin the technique that is loaded.

        Returns
        -------
        Status
            Finished when the technique has ended or was stopped.

        Raises
        ------
        DeviceError
            If nothing is loaded, one is running, or a fault was not cleared.
        """
        status = Status(self)  # a DeviceStatus that fails would stop the technique after this one
        with self._lock:
            self.driver.start()
            self._status, self._run = status, self.driver.snapshot()["run"]
        if self.driver.waits:
            self.watch()
        else:
            self.driver.run()
        self._look()
        return status

    def set(self, technique: Mapping[str, Any]) -> Status:
        """Load and start.

        Parameters
        ----------
        technique : mapping
            See `operando.devices.techniques.technique_from`.

        Returns
        -------
        Status
            Finished when the technique has ended or was stopped.

        Raises
        ------
        BadInput
            If it makes no sense or is beyond the limits.
        DeviceError
            If one is running, or a fault was not cleared.
        """
        self.load(technique)
        return self.start()

    def prepare(self, technique: Mapping[str, Any]) -> Any:
        """Load; the same as `load`, for plans."""
        self.load(technique)
        return done()

    def update(self, **changes: Any) -> None:
        """Change parameters of the technique while it runs."""
        self.driver.update(changes)

    def clear_fault(self) -> None:
        """Allow the output to be switched on again after a fault."""
        self.driver.clear_fault()

    def stop(self, *, success: bool = False) -> None:
        """Switch the output off; the cell rests.

        Parameters
        ----------
        success : bool
            Whether whoever waits for the technique should take it for done.
        """
        with self._lock:
            status, self._status = self._status, None
            try:
                self.driver.stop()
            finally:
                if status is not None and not status.done:
                    if success:
                        status.set_finished()
                    else:
                        status.set_exception(DeviceError(f"{self.name} was stopped"))

    def refresh(self) -> Snapshot:
        """Ask the driver, and keep what it says.

        Returns
        -------
        dict
            The driver's snapshot.

        Raises
        ------
        DriverLost
            If it does not answer.
        """
        snapshot = self.driver.snapshot()
        values = {**snapshot, "soc": snapshot["charge"] / self.nominal_capacity.get()}
        for name in self.component_names:
            signal = getattr(self, name)
            if isinstance(signal, ReadBack):
                signal.take(values[name], snapshot["time"])
        self._hand_out(snapshot)
        return snapshot

    def read(self) -> Reading:
        """Read voltage, current, charge, state of charge, temperature and state, all of one moment.

        The state of charge is what was counted over the nominal capacity.
        """
        self.refresh()
        reading: Reading = {}
        for name in self.read_attrs:
            signal = getattr(self, name)
            reading |= signal.kept()
        return reading

    def watch(self) -> None:
        """Have a driver that keeps its own time asked again and again, while anybody waits."""
        if not self.driver.waits:
            return
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(
                    target=self._watch, name=f"operando-{self.name}", daemon=True
                )
                self._watcher.start()

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                if self._status is None and not self.stream.watched:
                    self._watcher = None
                    return
            try:
                self._look()
            except CellFault as error:  # the driver is gone
                self._end(error)
                self.stream.clear_sub(lambda reading: None)
            pause.wait(POLL_S)

    def _look(self) -> None:
        snapshot = self.refresh()
        with self._lock:  # one piece: the next technique may be started from another thread
            if snapshot["state"] != "running" and snapshot["run"] == self._run:
                kind = FAULTS.get(snapshot["error"])
                self._end(None if kind is None else kind(snapshot["message"]))

    def _end(self, error: Exception | None) -> None:
        with self._lock:
            status, self._status = self._status, None
        if status is None or status.done:
            return
        if error is None:
            status.set_finished()
        else:
            status.set_exception(error)

    def _hand_out(self, snapshot: Snapshot) -> None:
        if self.stream.watched and snapshot["number"] > self.stream.cursor:
            with self._lock:
                self.stream.emit(self.driver.records(self.stream.cursor))
