"""Frames one after the other over EPICS, handed out in portions while they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ophyd import Component, EpicsSignalRO
from ophyd.status import Status

from operando.devices.epics_beam import EpicsMonitor
from operando.devices.epics_pilatus import INTERNAL, EpicsPilatus
from operando.devices.soft import done
from operando.devices.train_portions import TrainInPortions
from operando.errors import DeviceError


class EpicsFrameTrain(TrainInPortions):
    """Portions of a detector's frames, each an acquisition of so many images.

    Documents are as those of `FrameTrain`. The camera's ``ArrayCounter`` is set to 0 where a new
    train begins.

    Parameters
    ----------
    prefix : str
        Begin of the names of ``start`` and ``stop``: arrays of when the counter's gate opened and
        closed for each image of the last acquisition, s since 1970, by the clock that stamps the
        valve.
    detector : EpicsPilatus
        What takes the frames; it must be staged.
    monitor : EpicsMonitor
        What counts the beam.
    **kwargs
        What ophyd's devices take.

    Notes
    -----
    The simulated camera takes the next frames of a train that runs by itself. One that begins
    each acquisition when it is told to leaves a gap between two portions; the times of the frames
    are the gate's, so that what is fitted to them stays right.
    """

    start = Component(EpicsSignalRO, "start", kind="omitted")
    end = Component(EpicsSignalRO, "stop", kind="omitted")

    def __init__(
        self, prefix: str, *, detector: EpicsPilatus, monitor: EpicsMonitor, **kwargs: Any
    ) -> None:
        super().__init__(prefix, detector=detector, monitor=monitor, **kwargs)
        self._camera = detector
        self._fresh = True

    def stage(self) -> list[Any]:
        """Begin a new train with the first portion."""
        self._fresh = True
        return list(super().stage())

    def prepare(self, value: Mapping[str, float]) -> Status:
        """Say what the next portion is.

        Parameters
        ----------
        value : mapping
            ``exposure`` (s), ``num`` (frames) and, if a new train is to begin, ``fresh``.

        Returns
        -------
        Status
            Finished when the camera has taken the exposure.

        Raises
        ------
        BadInput, LimitError
            What `check_value` refuses.
        DeviceError
            If a portion is being taken.
        """
        if self._status is not None and not self._status.done:
            raise DeviceError(f"{self.name} is taking frames: wait for them or stop it first")
        self.check_value(value)
        self._forget()
        exposure = float(value["exposure"])
        if value.get("fresh") or abs(exposure - float(self._camera.exposure.get())) > 1e-9:
            self._fresh = True
        self._num = int(value["num"])
        return self._camera.expose_for(exposure)

    def kickoff(self) -> Status:
        """Begin to take the portion.

        Returns
        -------
        Status
            Finished at once; `complete` has the one that waits for the frames.

        Raises
        ------
        DeviceError
            If no portion was prepared.
        """
        if self._num < 1:
            raise DeviceError(f"{self.name} was kicked off without a portion: prepare it first")
        num, self._num = self._num, 0
        if self._fresh:
            self._camera.cam.array_counter.put(0)
            self._fresh = False
        waiting = self._status = Status(self)
        taken = self._camera.acquire(num, INTERNAL)

        def end(status: Status) -> None:
            error = taken.exception()
            if error is None and self._camera.last_taken == num:
                self._page = self._page_of(num)
            if error is None:
                waiting.set_finished()
            else:
                waiting.set_exception(error)

        taken.add_callback(end)
        return done()

    def _page_of(self, num: int) -> dict[str, Any]:
        columns = {
            f"{self.name}_start": self.start.get(),
            f"{self.name}_stop": self.end.get(),
            self._monitor.name: self._monitor.counts,
        }
        data = {key: np.atleast_1d(values)[:num].tolist() for key, values in columns.items()}
        times = data[f"{self.name}_stop"]
        return {"time": times, "data": data, "timestamps": dict.fromkeys(data, times)}

    def stop(self, *, success: bool = False) -> None:
        """Give up the portion and the train.

        Parameters
        ----------
        success : bool
            Whether whoever waits should take it for done.
        """
        self._camera.stop(success=success)
        self._fresh = True

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe an event: times of the exposure, beam and frame."""
        time = {"dtype": "number", "dtype_numpy": "<f8", "shape": [], "units": "s"}
        return {
            f"{self.name}_start": {**time, "source": f"PV:{self.start.pvname}"},
            f"{self.name}_stop": {**time, "source": f"PV:{self.end.pvname}"},
            **self._monitor.describe(),
            **self._detector.describe(),
        }
