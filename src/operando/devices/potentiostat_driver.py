"""The potentiostat's own controller: it runs techniques and keeps limits by itself."""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from operando.devices.cell_faults import CellFault, CellLimits
from operando.devices.driver_port import Record, Recording, Snapshot
from operando.devices.slope import VoltageSlope
from operando.devices.soft import check_range
from operando.devices.techniques import Moment, Technique, technique_as_dict, technique_from
from operando.errors import BadInput, DeviceError

if TYPE_CHECKING:
    from operando.simulations.cell_leads import Leads, Measured
    from operando.simulations.clock import Clock

#: How often the controller regulates and looks at its limits, simulated s.
TICK_S = 1.0
#: Shortest real time between two looks of the controller's thread, s.
_REAL_TICK_S = 0.002
#: Volts per ampere with which a voltage is regulated: more than half of what the cell has.
_LOOP_OHM = 120.0


class PotentiostatDriver:
    """Runs techniques on a cell, in its own thread.

    Parameters
    ----------
    leads : Leads
        The simulated cell and what connects it.
    clock : Clock
        At finite speed a thread follows it; at unlimited speed the driver catches up with
        the clock whenever it is asked for something.
    limits : CellLimits
        Kept in every tick, whatever runs and whoever is still there.
    recording : Recording
        When readings are recorded.
    charge : float
        Where the coulomb count begins, Ah: what is known of a cell that is not fresh.

    Notes
    -----
    States: ``stopped`` (output off, the cell is still watched and recorded), ``running`` and
    ``fault`` (output off until `clear_fault`). The charge is counted from the measured current.
    A voltage is kept by an integrating loop, I += (V wanted - V) / 120 ohm in each tick, within
    the current limit.
    """

    def __init__(
        self,
        leads: Leads,
        clock: Clock,
        limits: CellLimits | None = None,
        recording: Recording | None = None,
        *,
        charge: float = 0.0,
    ) -> None:
        self.leads, self.limits = leads, limits or CellLimits()
        self._clock, self._recording = clock, recording or Recording()
        self._lock = threading.RLock()
        self._time = clock.now()
        self._technique: Technique | None = None
        self._state, self._reason, self._runs = "stopped", "", 0
        self._fault: CellFault | None = None
        self._began, self._asked, self._charge = self._time, 0.0, charge
        self._end_voltage = math.nan
        self._slope = VoltageSlope()
        self._reading: Measured = leads.apply(0.0, 0.0)
        self._records: deque[Record] = deque(maxlen=200_000)
        self._number = 0
        self._record()
        self._closed = threading.Event()
        if self.waits:
            threading.Thread(target=self._follow, name="operando-potentiostat", daemon=True).start()

    @property
    def waits(self) -> bool:
        """Whether time passes by itself."""
        return not math.isinf(self._clock.speed)

    @property
    def endless(self) -> bool:
        """Whether what is loaded only ends when it is stopped."""
        return self._technique is None or self._technique.endless

    def load(self, technique: Mapping[str, Any]) -> None:
        """Check and take a technique.

        Parameters
        ----------
        technique : mapping
            See `operando.devices.techniques.technique_from`.

        Raises
        ------
        BadInput
            If it makes no sense.
        LimitError
            If it asks for a current or a voltage outside the limits.
        DeviceError
            If another one is running.
        """
        checked = technique_from(technique)
        self.check(checked)
        with self._lock:
            self.catch_up()
            if self._state == "running":
                raise DeviceError("the potentiostat is running: stop it before loading")
            self._technique = checked

    def check(self, technique: Technique) -> None:
        """Refuse, by a LimitError, a technique that would leave the limits."""
        for key, value in technique_as_dict(technique).items():
            if value is None:
                continue
            if key == "current":
                check_range("current", value, -self.limits.current, self.limits.current, "A")
            elif key in ("voltage", "to_voltage", "low", "high"):
                check_range(key, value, *self.limits.voltage, "V")

    def start(self) -> None:
        """Begin the loaded technique.

        Raises
        ------
        DeviceError
            If nothing is loaded, one is running, or (a CellFault) a fault was not cleared.
        """
        with self._lock:
            self.catch_up()
            if self._fault is not None:
                raise type(self._fault)(f"{self._fault}; clear the fault before starting")
            if self._technique is None or self._state == "running":
                raise DeviceError("load a technique and let the one before it end, then start")
            self._runs += 1
            self._state, self._reason, self._began = "running", "", self._time
            self._slope.clear()
            self._finish_if_over()
            self._record()

    def stop(self) -> None:
        """Switch the output off; the cell rests and is still watched."""
        with self._lock:
            self.catch_up()
            if self._state == "running":
                self._finish("stopped")

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change parameters of the technique that is loaded or runs; BadInput if they are none."""
        with self._lock:
            self.catch_up()
            if self._technique is None:
                raise BadInput("no technique to update: load one first")
            try:
                updated: Technique = replace(self._technique, **changes)  # type: ignore[type-var]
            except TypeError as error:
                raise BadInput(f"{type(self._technique).__name__}: {error}") from None
            self.check(updated)
            self._technique = updated

    def clear_fault(self) -> None:
        """Allow the output to be switched on again; a fault that is still there comes back."""
        with self._lock:
            self.catch_up()
            if self._state == "fault":
                self._state, self._fault, self._asked = "stopped", None, 0.0

    def snapshot(self) -> Snapshot:
        """Return the present state and the last reading, as plain values."""
        with self._lock:
            self.catch_up()
            return {
                **self._values(),
                "run": self._runs,
                "reason": self._reason,
                "end_voltage": self._end_voltage,
                "error": type(self._fault).__name__ if self._fault else "",
                "message": str(self._fault or ""),
                "number": self._number,
            }

    def records(self, after: int) -> list[Record]:
        """Return the records whose number is larger than `after`, oldest first."""
        with self._lock:
            self.catch_up()
            new = min(self._number - after, len(self._records))
            return [self._records[k] for k in range(-new, 0)] if new > 0 else []

    def run(self) -> None:
        """Let time pass until a technique that has an end is over, where time has to be told."""
        while not self.waits and not self.endless and self._state == "running":
            with self._lock:
                self._clock.sleep(self._next_tick(TICK_S))
                self.catch_up()

    def close(self) -> None:
        """Stop, and end the thread."""
        self.stop()
        self._closed.set()

    def catch_up(self) -> None:
        """Bring the cell to the clock's time, tick by tick."""
        with self._lock:
            now = self._clock.now()
            while now - self._time > 1e-9:
                self._tick(self._next_tick(now - self._time))

    def _follow(self) -> None:
        while not self._closed.is_set():
            self._clock.wait(self._closed, max(TICK_S, _REAL_TICK_S * self._clock.speed))
            self.catch_up()

    def _next_tick(self, longest: float) -> float:
        if self._state != "running" or self._technique is None:
            return min(TICK_S, longest)
        left = self._technique.time_left(self._moment())
        return min(TICK_S, longest, left if left > 0 else TICK_S)

    def _tick(self, dt: float) -> None:
        asked = self._regulate()
        self._asked = asked
        self._reading = self.leads.apply(dt, asked)
        self._time += dt
        if math.isfinite(self._reading.current):
            self._charge += self._reading.current * dt / 3600.0
        self._slope.add(self._time, self._reading.voltage)
        reading = self._reading
        fault = self.limits.violation(reading.voltage, reading.current, reading.temperature, asked)
        if fault is not None and self._fault is None:
            self._fault = fault
            self._finish("fault")
        elif self._state == "running":
            self._finish_if_over()
        self._record_if_due()

    def _regulate(self) -> float:
        if self._state != "running" or self._technique is None:
            return 0.0
        current, voltage = self._technique.target(self._time - self._began)
        if voltage is None:
            return current or 0.0
        asked = self._asked + (voltage - self._reading.voltage) / _LOOP_OHM
        most = 0.999 * self.limits.current
        return min(max(asked, -most), most)

    def _moment(self) -> Moment:
        reading = self._reading
        slope = self._slope.value() if getattr(self._technique, "slope", None) else math.nan
        elapsed = self._time - self._began
        return Moment(elapsed, reading.voltage, reading.current, self._charge, slope)

    def _finish_if_over(self) -> None:
        assert self._technique is not None
        reason = self._technique.end(self._moment())
        if reason:
            self._finish(reason)

    def _finish(self, reason: str) -> None:
        if self._asked:
            self._end_voltage = self._reading.voltage
        self._record()  # the last moment with the current on
        self._state = "fault" if self._fault is not None else "stopped"
        self._reason, self._asked = reason, 0.0
        fresh = self.leads.apply(0.0, 0.0)
        if self._fault is None:
            self._reading = fresh
        self._record()

    def _values(self) -> Record:
        reading = self._reading
        return {
            "time": self._time,
            "state": self._state,
            "voltage": reading.voltage,
            "current": reading.current,
            "charge": self._charge,
            "temperature": reading.temperature,
        }

    def _record_if_due(self) -> None:
        last, rule = self._records[-1], self._recording
        late = self._time - last["time"] >= rule.interval - 1e-6
        if late or abs(self._reading.voltage - last["voltage"]) >= rule.voltage_step:
            self._record()

    def _record(self) -> None:
        self._number += 1
        record = {"number": self._number, **self._values()}
        self._records.append(record)
        if self._recording.log is not None:
            with self._recording.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
