"""A potentiostat's controller over EPICS; its limits are its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO

from operando import errors
from operando.devices.cell_faults import FAULTS
from operando.devices.driver_port import Record, Snapshot
from operando.devices.epics_signals import put_and_wait
from operando.devices.techniques import technique_as_dict, technique_from
from operando.errors import DeviceError

#: What the numbers of ``Snapshot`` and of each row of ``Records`` are; the state follows.
SNAPSHOT = ("time", "voltage", "current", "charge", "temperature", "number", "run", "end_voltage")
RECORD = ("number", "time", "voltage", "current", "charge", "temperature")
STATES = ("stopped", "running", "fault")
TECHNIQUES = ("rest", "galvanostatic", "hold", "cv")
_WHOLE = ("number", "run")
#: Longest time for a technique to pass in a simulation that does not wait, real s.
_RUN_S = 600.0


class EpicsDriver(Device):  # type: ignore[misc]
    """The controller's process variables, as the port that `Potentiostat` wants.

    Parameters
    ----------
    prefix : str
        Begin of all names, such as ``"BL8:cell:"``.
    waits : bool
        Whether time passes by itself; only a simulation that does not wait has ``Run``.
    **kwargs
        What ophyd's devices take.

    Notes
    -----
    ``Technique`` (0 rest, 1 galvanostatic, 2 hold, 3 cyclic voltammetry) and its parameters are
    put first, NaN for what it does not have, then ``Load``, ``Start``, ``Stop``, ``Update`` or
    ``ClearFault``; ``Message`` is empty when that was done. ``Snapshot`` is one moment in one
    array; ``RecordsAfter`` says which records ``Records`` has, row after row.
    """

    technique = Component(EpicsSignal, "Technique", kind="omitted")
    current = Component(EpicsSignal, "Current", kind="omitted")
    to_charge = Component(EpicsSignal, "ToCharge", kind="omitted")
    to_voltage = Component(EpicsSignal, "ToVoltage", kind="omitted")
    voltage = Component(EpicsSignal, "Voltage", kind="omitted")
    until_current = Component(EpicsSignal, "UntilCurrent", kind="omitted")
    duration = Component(EpicsSignal, "Duration", kind="omitted")
    slope = Component(EpicsSignal, "Slope", kind="omitted")
    low = Component(EpicsSignal, "Low", kind="omitted")
    high = Component(EpicsSignal, "High", kind="omitted")
    rate = Component(EpicsSignal, "Rate", kind="omitted")
    cycles = Component(EpicsSignal, "Cycles", kind="omitted")
    load_command = Component(EpicsSignal, "Load", kind="omitted")
    start_command = Component(EpicsSignal, "Start", kind="omitted")
    stop_command = Component(EpicsSignal, "Stop", kind="omitted")
    update_command = Component(EpicsSignal, "Update", kind="omitted")
    clear_command = Component(EpicsSignal, "ClearFault", kind="omitted")
    run_command = Component(EpicsSignal, "Run", kind="omitted")
    message = Component(EpicsSignalRO, "Message", kind="omitted", string=True)
    now = Component(EpicsSignalRO, "Snapshot", kind="omitted")
    reason = Component(EpicsSignalRO, "Reason", kind="omitted", string=True)
    fault = Component(EpicsSignalRO, "Fault", kind="omitted", string=True)
    fault_message = Component(EpicsSignalRO, "FaultMessage", kind="omitted", string=True)
    after = Component(EpicsSignal, "RecordsAfter", kind="omitted")
    new = Component(EpicsSignalRO, "Records", kind="omitted")
    nominal_capacity = Component(EpicsSignalRO, "NominalCapacity", kind="omitted")
    active_mass = Component(EpicsSignalRO, "ActiveMass", kind="omitted")
    limit_low = Component(EpicsSignalRO, "LimitVoltageLow", kind="omitted")
    limit_high = Component(EpicsSignalRO, "LimitVoltageHigh", kind="omitted")
    limit_current = Component(EpicsSignalRO, "LimitCurrent", kind="omitted")
    limit_temperature = Component(EpicsSignalRO, "LimitTemperature", kind="omitted")

    _parameters = (
        "current", "to_charge", "to_voltage", "voltage", "until_current", "duration", "slope",
        "low", "high", "rate", "cycles",
    )  # fmt: skip

    def __init__(self, prefix: str, *, waits: bool, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self.waits = waits
        self._port_lock = threading.RLock()
        self._words: tuple[Any, dict[str, str]] = (None, {})

    def load(self, technique: Mapping[str, Any]) -> None:
        """Check and take a technique."""
        values = technique_as_dict(technique_from(technique))
        with self._port_lock:
            self.technique.put(TECHNIQUES.index(values.pop("technique")))
            for name in self._parameters:
                value = values.get(name)
                getattr(self, name).put(math.nan if value is None else float(value))
            self._command(self.load_command)

    def start(self) -> None:
        """Begin the loaded technique."""
        self._command(self.start_command)

    def stop(self, **kwargs: Any) -> None:
        """Switch the output off."""
        self._command(self.stop_command)

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change parameters of the technique that runs."""
        with self._port_lock:
            for name, value in changes.items():
                if name not in self._parameters:
                    raise errors.BadInput(f"a technique has no {name}")
                getattr(self, name).put(math.nan if value is None else float(value))
            self._command(self.update_command)

    def clear_fault(self) -> None:
        """Allow the output to be switched on again."""
        self._command(self.clear_command)

    def run(self) -> None:
        """Let time pass until the technique ends (only if time does not pass by itself)."""
        if not self.waits:
            self._command(self.run_command, _RUN_S)

    def snapshot(self) -> Snapshot:
        """Return the present state and the last reading."""
        with self._port_lock:
            *numbers, state = np.asarray(self.now.get(), dtype=np.float64).tolist()
            found: Snapshot = dict(zip(SNAPSHOT, numbers, strict=True))
            found |= {key: int(found[key]) for key in _WHOLE}
            found["state"] = STATES[int(state)]
            # Words change only with the state, and cost a question each.
            key = found["run"], found["state"]
            if self._words[0] != key:
                names = {"reason": self.reason, "error": self.fault, "message": self.fault_message}
                self._words = key, {name: str(signal.get()) for name, signal in names.items()}
            return found | self._words[1]

    def records(self, after: int) -> list[Record]:
        """Return the records whose number is larger than `after`."""
        found: list[Record] = []
        with self._port_lock:
            while True:
                put_and_wait(self.after, after)
                rows = np.asarray(self.new.get(), dtype=np.float64)
                if rows.size < len(RECORD):
                    return found
                for *numbers, state in rows.reshape(-1, len(RECORD) + 1).tolist():
                    record: Record = dict(zip(RECORD, numbers, strict=True))
                    record |= {"number": int(record["number"]), "state": STATES[int(state)]}
                    found.append(record)
                after = found[-1]["number"]

    def _command(self, signal: EpicsSignal, timeout: float = 10.0) -> None:
        with self._port_lock:
            put_and_wait(signal, 1, timeout)
            said = str(self.message.get())
        if said:
            kind, _, message = said.partition(": ")
            error: type[Exception] | None = FAULTS.get(kind) or getattr(errors, kind, None)
            raise (error or DeviceError)(message)
