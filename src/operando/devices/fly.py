"""The flyer: a line of the map in one sweep, frames taken on the way."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from ophyd.status import AndStatus, DeviceStatus, StatusBase
from ophyd.utils import WaitTimeoutError

from operando.devices.exposure import READOUT_S
from operando.devices.fly_line import FlyLine
from operando.devices.line_flyer import LineFlyer
from operando.devices.soft import done
from operando.devices.timed import in_background
from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.devices.ion_chamber import IonChamber
    from operando.devices.pilatus import Pilatus100K
    from operando.devices.stage import KBStage
    from operando.simulations.clock import Clock


class SerpentineFlyer(LineFlyer):
    """Sweep the stage along lines while the detector takes a series of frames.

    Each line is prepared (the stage goes to where the run-up begins), kicked off, completed and
    collected. Collecting gives one event page a line (stage_x and stage_y in the middle of each
    exposure, i0) and one StreamDatum for its frames. A line that is stopped keeps the frames
    whose exposure was over; a line that is prepared again after a pause is flown again.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    stage : KBStage
        What moves.
    detector : Pilatus100K
        What takes the frames; it must be staged.
    monitor : IonChamber
        What counts the beam.
    clock : Clock
        The station's clock.

    Notes
    -----
    Frames follow each other every exposure + readout, so the sweep's velocity is
    v = step / (exposure + readout). The stage gets up to it on a run-up of v^2 / 2a and slows
    down on one as long: a line of n frames lasts n (exposure + readout) + 2 v / a, and the
    turnaround is the time of the move to the next line's run-up.

    The configuration of detector and stage is in the descriptor under the flyer's name.
    """

    def __init__(
        self,
        *args: Any,
        stage: KBStage,
        detector: Pilatus100K,
        monitor: IonChamber,
        clock: Clock,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, stage=stage, detector=detector, monitor=monitor, **kwargs)
        self._clock = clock
        self._stopped = threading.Event()

    def prepare(self, value: Mapping[str, float]) -> StatusBase:
        """Go to where a line's run-up begins.

        Parameters
        ----------
        value : mapping
            The fields of `FlyLine`.

        Returns
        -------
        StatusBase
            Finished when the stage is there.

        Raises
        ------
        BadInput
            If the line is none.
        LimitError
            If the exposure is too short, the stage would be too fast or the line with its
            run-up would leave the stage's range; nothing moves.
        DeviceError
            If a line is being flown.
        """
        if self._status is not None and not self._status.done:
            raise DeviceError(f"{self.name} is flying: wait for the line or stop it first")
        self.check_value(value)
        line = FlyLine(**value)  # type: ignore[arg-type]
        self._detector.exposure.put(line.exposure)
        self._forget()
        self._line = line
        self._stopped.clear()
        return AndStatus(self._stage.x.set(self._sweep(line).start), self._stage.y.set(line.y))

    def kickoff(self) -> DeviceStatus:
        """Begin the sweep.

        Returns
        -------
        DeviceStatus
            Finished at once; `complete` has the one that waits for the end.

        Raises
        ------
        DeviceError
            If no line was prepared.
        """
        if self._line is None:
            raise DeviceError(f"{self.name} was kicked off without a line: prepare it first")
        line, self._line = self._line, None
        status = DeviceStatus(self)
        in_background(lambda: self._fly(line, status), "operando-fly")
        self._status = status
        return done()

    def _fly(self, line: FlyLine, status: DeviceStatus) -> None:
        try:
            self._measure(line)
        except Exception as error:
            status.set_exception(error)
        else:
            status.set_finished()

    def _measure(self, line: FlyLine) -> None:
        sweep = self._sweep(line)
        period = line.exposure + READOUT_S
        began, state = self._clock.now(), self._detector.beam.now()
        if sweep.distance and not self._stopped.is_set():
            self._refuse_astray(sweep.start, line)
            move = self._stage.x.follow(sweep)
            if self._stopped.is_set():  # just before the move began
                self._stage.x.stop(success=True)
            move.wait()
            flown = self._stage.x.last_duration
            if not self._stopped.is_set():
                self._refuse_astray(sweep.stop, line)
        else:
            self._clock.wait(self._stopped, period)
            flown = self._clock.now() - began
        ends = sweep.ramp + period * np.arange(1, line.num + 1)
        # Half a readout's tolerance: the last exposure ends exactly where the ramp begins.
        taken = int(np.count_nonzero(ends - 0.5 * period + 0.5 * line.exposure <= flown))
        if taken == 0:
            return
        x, y = line.x[:taken], np.full(taken, line.y)
        self._detector.take(x, y, state)
        times = (began + ends[:taken] - 0.5 * period).tolist()
        data = {
            self._stage.x.name: x.tolist(),
            self._stage.y.name: y.tolist(),
            self._monitor.name: self._monitor.counts.tolist(),
        }
        self._page = {"time": times, "data": data, "timestamps": dict.fromkeys(data, times)}

    def _refuse_astray(self, x: float, line: FlyLine) -> None:
        """Refuse to say where frames are when the stage is not where it should be."""
        near = max(0.5 * abs(line.step), 1e-6)
        for axis, target in ((self._stage.x, x), (self._stage.y, line.y)):
            place = float(axis.position)
            if not abs(place - target) <= near:
                raise DeviceError(
                    f"{axis.name} stands at {place:g} um where {target:g} um was asked for"
                )

    def stop(self, *, success: bool = False) -> None:
        """Stop the sweep where it is; the frames taken so far are kept.

        Parameters
        ----------
        success : bool
            Makes no difference: a line that was cut short is complete as far as it went.
        """
        self._stopped.set()
        if self._status is not None and not self._status.done:
            self._stage.stop(success=True)
            with suppress(WaitTimeoutError):  # a stage that does not even stop
                self._status.exception(timeout=30)  # what went wrong is for whoever waits
