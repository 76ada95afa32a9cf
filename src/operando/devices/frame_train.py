"""Frames one after the other without a gap, handed out in portions while they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ophyd.status import StatusBase

from operando.devices.exposure import READOUT_S
from operando.devices.one_action import OneAction
from operando.devices.soft import done
from operando.devices.timed_beam import TimedState
from operando.devices.train_portions import TrainInPortions
from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.devices.ion_chamber import IonChamber
    from operando.devices.pilatus import Pilatus100K
    from operando.devices.timed_beam import TimedBeam
    from operando.simulations.clock import Clock


class FrameTrain(TrainInPortions):
    """A detector that runs by itself, every exposure + readout, from the first portion on.

    A portion is prepared, kicked off, completed and collected: its frames are the next ones of
    the train. Whoever asks late gets frames that are already there, as from a detector's buffer,
    so that neither a plan nor an agent that thinks makes a gap. Another exposure, a pause or
    ``fresh`` begin a new train at once.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    detector : Pilatus100K
        What takes the frames; it must be staged.
    beam : TimedBeam
        What the detector sees, by time.
    monitor : IonChamber
        What counts the beam.
    clock : Clock
        The station's clock.

    Notes
    -----
    Collecting gives one event page a portion, with ``_start`` and ``_stop`` of each exposure
    (seconds of the station's clock), the monitor's counts, and one StreamDatum.
    """

    def __init__(
        self,
        *args: Any,
        detector: Pilatus100K,
        beam: TimedBeam,
        monitor: IonChamber,
        clock: Clock,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, detector=detector, monitor=monitor, **kwargs)
        self._beam, self._clock = beam, clock
        self._next: float | None = None
        self._action = OneAction(self, clock)

    def stage(self) -> list[Any]:
        """Begin a new train with the first portion."""
        self._next = None
        return list(super().stage())

    def prepare(self, value: Mapping[str, float]) -> StatusBase:
        """Say what the next portion is.

        Parameters
        ----------
        value : mapping
            ``exposure`` (s), ``num`` (frames) and, if a new train is to begin, ``fresh``.

        Returns
        -------
        StatusBase
            Already finished.

        Raises
        ------
        BadInput, LimitError
            What `check_value` refuses.
        DeviceError
            If a portion is being taken.
        """
        if self._action.running:
            raise DeviceError(f"{self.name} is taking frames: wait for them or stop it first")
        self.check_value(value)
        exposure = float(value["exposure"])
        if value.get("fresh") or exposure != float(self._detector.exposure.get()):
            self._next = None
        self._detector.exposure.put(exposure)
        self._forget()
        self._num = int(value["num"])
        return done()

    def kickoff(self) -> StatusBase:
        """Begin to wait for the portion.

        Returns
        -------
        StatusBase
            Finished at once; `complete` has the one that waits for the frames.

        Raises
        ------
        DeviceError
            If no portion was prepared.
        """
        if self._num < 1:
            raise DeviceError(f"{self.name} was kicked off without a portion: prepare it first")
        num, self._num = self._num, 0
        exposure = float(self._detector.exposure.get())
        now = self._clock.now()
        first = now if self._next is None else self._next
        starts = first + (exposure + READOUT_S) * np.arange(num, dtype=np.float64)
        ready = float(starts[-1]) + exposure + READOUT_S
        self._status = self._action.begin(
            max(ready - now, 0.0), lambda: self._take(starts, exposure)
        )
        return done()

    def _take(self, starts: NDArray[np.float64], exposure: float) -> None:
        now = self._beam.now()
        state = TimedState(now.size, now.flux_factor, starts)
        still = np.zeros(starts.size)
        self._detector.take(still, still, state)
        stops = starts + exposure
        self._next = float(stops[-1]) + READOUT_S
        data = {
            f"{self.name}_start": starts.tolist(),
            f"{self.name}_stop": stops.tolist(),
            self._monitor.name: self._monitor.counts.tolist(),
        }
        times = stops.tolist()
        self._page = {"time": times, "data": data, "timestamps": dict.fromkeys(data, times)}

    def stop(self, *, success: bool = False) -> None:
        """Give up the portion and the train.

        Parameters
        ----------
        success : bool
            Whether whoever waits should take it for done.
        """
        self._action.stop(success=success)
        self._next = None

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe an event: times of the exposure, beam and frame."""
        time = {"source": f"SIM:{self.name}", "dtype": "number", "dtype_numpy": "<f8"}
        return {
            f"{self.name}_start": {**time, "shape": [], "units": "s"},
            f"{self.name}_stop": {**time, "shape": [], "units": "s"},
            **self._monitor.describe(),
            **self._detector.describe(),
        }
