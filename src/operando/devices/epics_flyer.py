"""A line of the map over EPICS: a profile move of the motion controller that gates the camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ophyd import Component, EpicsSignal, EpicsSignalRO
from ophyd.status import Status

from operando.devices.epics_beam import EpicsMonitor
from operando.devices.epics_pilatus import EXTERNAL, EpicsPilatus
from operando.devices.epics_signals import put_and_wait
from operando.devices.epics_stage import EpicsStage
from operando.devices.exposure import READOUT_S
from operando.devices.fly_line import FlyLine
from operando.devices.line_flyer import LineFlyer
from operando.devices.soft import done
from operando.devices.timed import in_background
from operando.errors import DeviceError

#: Time beside the sweep after which a profile move has failed, s.
PATIENCE_S = 60.0
_SUCCESS = 1


class EpicsFlyer(LineFlyer):
    """Fly lines by the profile move of EPICS' motor module.

    The controller is given the positions of the pulses and the time between them, checks them
    (Build), and sweeps with a pulse at each (Execute); the detector takes a frame at each pulse.
    Documents, stops and pauses are as those of `SerpentineFlyer`.

    Parameters
    ----------
    prefix : str
        Name of the profile move, such as ``"BL16:prof1:"``; axis M1 is x and M2 is y.
    stage : EpicsStage
        What moves.
    detector : EpicsPilatus
        What takes the frames; it must be staged.
    monitor : EpicsMonitor
        What counts the beam.
    **kwargs
        What ophyd's devices take.
    """

    num_points = Component(EpicsSignal, "NumPoints", kind="omitted")
    num_pulses = Component(EpicsSignal, "NumPulses", kind="omitted")
    time_mode = Component(EpicsSignal, "TimeMode", kind="omitted")
    move_mode = Component(EpicsSignal, "MoveMode", kind="omitted")
    fixed_time = Component(EpicsSignal, "FixedTime", kind="omitted")
    x_positions = Component(EpicsSignal, "M1Positions", kind="omitted")
    y_positions = Component(EpicsSignal, "M2Positions", kind="omitted")
    x_readbacks = Component(EpicsSignalRO, "M1Readbacks", kind="omitted")
    y_readbacks = Component(EpicsSignalRO, "M2Readbacks", kind="omitted")
    build = Component(EpicsSignal, "Build", kind="omitted")
    build_status = Component(EpicsSignalRO, "BuildStatus", kind="omitted")
    build_message = Component(EpicsSignalRO, "BuildMessage", kind="omitted", string=True)
    execute = Component(EpicsSignal, "Execute", kind="omitted")
    execute_status = Component(EpicsSignalRO, "ExecuteStatus", kind="omitted")
    execute_message = Component(EpicsSignalRO, "ExecuteMessage", kind="omitted", string=True)
    pulses = Component(EpicsSignalRO, "NumActualPulses", kind="omitted")
    abort = Component(EpicsSignal, "Abort", kind="omitted")

    def __init__(
        self,
        prefix: str,
        *,
        stage: EpicsStage,
        detector: EpicsPilatus,
        monitor: EpicsMonitor,
        **kwargs: Any,
    ) -> None:
        super().__init__(prefix, stage=stage, detector=detector, monitor=monitor, **kwargs)
        self._camera = detector

    def prepare(self, value: Mapping[str, float]) -> Status:
        """Hand a line to the controller; it goes to where the run-up begins when kicked off.

        Parameters
        ----------
        value : mapping
            The fields of `FlyLine`.

        Returns
        -------
        Status
            Finished when the controller has taken it; fails with what it says against it.

        Raises
        ------
        BadInput, LimitError
            What `check_value` refuses.
        DeviceError
            If a line is being flown.
        """
        if self._status is not None and not self._status.done:
            raise DeviceError(f"{self.name} is flying: wait for the line or stop it first")
        self.check_value(value)
        self._line = FlyLine(**value)  # type: ignore[arg-type]
        self._forget()
        return self._in_thread(lambda: self._build(FlyLine(**value)))  # type: ignore[arg-type]

    def _build(self, line: FlyLine) -> None:
        self._camera.expose_for(line.exposure).wait()
        for signal, value in (
            (self.num_points, line.num),
            (self.num_pulses, line.num),
            (self.time_mode, 0),
            (self.move_mode, 1),
            (self.fixed_time, line.exposure + READOUT_S),
            (self.x_positions, line.x.tolist()),
            (self.y_positions, [line.y] * line.num),
        ):
            signal.put(value)
        put_and_wait(self.build, 1)
        self._refuse_failure(self.build_status, self.build_message)

    def kickoff(self) -> Status:
        """Begin the sweep.

        Returns
        -------
        Status
            Finished at once; `complete` has the one that waits for the end.

        Raises
        ------
        DeviceError
            If no line was prepared.
        """
        if self._line is None:
            raise DeviceError(f"{self.name} was kicked off without a line: prepare it first")
        line, self._line = self._line, None
        self._status = self._in_thread(lambda: self._measure(line))
        return done()

    def _measure(self, line: FlyLine) -> None:
        taken = 0
        self._camera.acquire(line.num, EXTERNAL)
        self._camera.wait_until_armed()
        try:
            ramps = 2.0 * float(self._stage.x.ramp_time.get())
            seconds = line.num * (line.exposure + READOUT_S) + ramps
            put_and_wait(self.execute, 1, seconds + PATIENCE_S)
            self._refuse_failure(self.execute_status, self.execute_message)
            taken = int(self.pulses.get())
        finally:
            self._camera.pulses_over(taken)
        if taken:
            self._page = self._page_of(line, taken)

    def _page_of(self, line: FlyLine, taken: int) -> dict[str, Any]:
        columns = {
            self._stage.x.name: self.x_readbacks.get(),
            self._stage.y.name: self.y_readbacks.get(),
            self._monitor.name: self._monitor.counts,
        }
        data = {key: np.atleast_1d(values)[:taken].tolist() for key, values in columns.items()}
        # The controller says when the sweep ended; the pulses before it are evenly spaced.
        ago = (line.exposure + READOUT_S) * np.arange(taken, 0, -1)
        times = (float(self.x_readbacks.timestamp) - ago).tolist()
        return {"time": times, "data": data, "timestamps": dict.fromkeys(data, times)}

    def _refuse_failure(self, status: EpicsSignalRO, message: EpicsSignalRO) -> None:
        if int(status.get()) != _SUCCESS:
            said = str(message.get()) or "the controller does not say why"
            raise DeviceError(f"{self.name}: {status.pvname} is no success: {said}")

    def _in_thread(self, work: Any) -> Status:
        status = Status(self)

        def run() -> None:
            try:
                work()
            except Exception as error:
                status.set_exception(error)
            else:
                status.set_finished()

        in_background(run, "operando-epics-fly")
        return status

    def stop(self, *, success: bool = False) -> None:
        """Stop the sweep where it is; the frames taken so far are kept.

        Parameters
        ----------
        success : bool
            Makes no difference: a line that was cut short is complete as far as it went.
        """
        if self._status is not None and not self._status.done:
            self.abort.put(1)
            self._status.exception(timeout=PATIENCE_S)  # what went wrong is for who waits for it
