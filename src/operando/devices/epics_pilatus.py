"""A PILATUS over EPICS: areaDetector's camera, and its HDF5 plugin for the frames."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ophyd import FormattedComponent
from ophyd.areadetector.base import EpicsSignalWithRBV
from ophyd.device import Staged
from ophyd.status import Status

from operando.devices.detector_facts import DetectorFacts
from operando.devices.epics_camera import Camera, EpicsExposure, FilePlugin
from operando.devices.epics_signals import Reached, wait_for
from operando.devices.exposure import READOUT_S
from operando.devices.frame_series import SeriesDocuments, StreamAsset
from operando.devices.soft import done
from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.physics.geometry import DetectorGeometry

INTERNAL, EXTERNAL = 0, 2
#: Time beside the exposures after which frames are missing, s.
PATIENCE_S = 30.0


class EpicsPilatus(DetectorFacts):
    """A PILATUS 100K behind areaDetector, whose frames the HDF5 plugin writes.

    Parameters
    ----------
    prefix : str
        Begin of all names.
    camera, files : str
        What follows it for the camera and the plugin, such as ``"cam1:"`` and ``"HDF1:"``.
    data_dir : Path
        Folder for the files; the IOC writes and this computer reads it under the same path.
    geometry : DetectorGeometry
        Where the detector stands, as calibrated.
    energy_kev : float
        Photon energy, keV.
    **kwargs
        What ophyd's devices take.

    Notes
    -----
    Series and StreamResources are as those of `Pilatus100K`. A plugin cannot take a frame back:
    when a pause has left one that belongs to no event, the next one begins a new file, which the
    same array of the stream goes on in.
    """

    exposure = FormattedComponent(EpicsExposure, "{prefix}{_camera}AcquireTime", kind="config")
    threshold = FormattedComponent(
        EpicsSignalWithRBV, "{prefix}{_camera}ThresholdEnergy", kind="config"
    )
    cam = FormattedComponent(Camera, "{prefix}{_camera}", kind="omitted")
    hdf = FormattedComponent(FilePlugin, "{prefix}{_files}", kind="omitted")
    origin = "PV"

    def __init__(
        self,
        prefix: str,
        *,
        camera: str,
        files: str,
        data_dir: Path,
        geometry: DetectorGeometry,
        energy_kev: float = 10.0,
        **kwargs: Any,
    ) -> None:
        self._camera, self._files = camera, files
        super().__init__(prefix, **kwargs)
        self._data_dir = Path(data_dir).absolute()
        self._geometry, self._energy = geometry, energy_kev
        self.take_facts(geometry, energy_kev, np.zeros(0, dtype=np.int64))
        self._series: SeriesDocuments | None = None
        self._series_count = 0
        self._file_stem = ""
        self._set: tuple[int, int] | None = None
        #: Frames of the last acquisition, and how many there may be.
        self.last_taken = self._most = 0
        self._waiting: Reached | None = None

    def check(self) -> None:
        """Compare with what the connected camera says of itself, and read its bad pixels.

        Raises
        ------
        BadInput
            If its frames have another shape than the geometry says, or its list of bad pixels
            cannot be read.
        """
        mask = self.cam.bad_pixels_of(self.shape)
        self.take_facts(self._geometry, self._energy, mask)

    @property
    def period(self) -> float:
        """Time from one frame to the next, s."""
        return float(self.exposure.get()) + READOUT_S

    def stage(self) -> list[Any]:
        """Get ready for a run: its first frames open a new file."""
        staged = list(super().stage())
        self._file_stem, self._series_count = f"{self.name}_{uuid.uuid4().hex[:16]}", 0
        self._set = None
        for signal, value in (
            (self.cam.array_callbacks, 1),
            (self.cam.image_mode, 1),
            (self.hdf.enable, 1),
            (self.hdf.write_mode, 2),
            (self.hdf.swmr_mode, 1),
            (self.hdf.num_capture, 0),
            (self.hdf.path, f"{self._data_dir}/"),
            (self.hdf.template, "%s%s.h5"),
        ):
            signal.put(value)
        return staged

    def unstage(self) -> list[Any]:
        """Stop exposing and close the file."""
        self.stop(success=True)
        self._close_series()
        return list(super().unstage())

    def prepare(self, value: Mapping[str, float]) -> Status:
        """Set the exposure and begin a new series.

        Parameters
        ----------
        value : mapping
            ``{"exposure": seconds}``.

        Returns
        -------
        Status
            Finished when the camera has taken it.

        Raises
        ------
        LimitError
            If the exposure is outside its range.
        """
        self._close_series()
        return self.expose_for(float(value["exposure"]))

    def expose_for(self, exposure: float) -> Status:
        """Set the exposure; the status is finished when the camera has taken it."""
        if abs(float(self.exposure.get()) - exposure) <= 1e-9:
            self.exposure.check_value(exposure)
            return done()
        self.exposure.put(exposure)
        self.cam.acquire_period.put(exposure + READOUT_S)
        near = max(1e-3 * exposure, 1e-6)
        taken = (self.exposure, lambda value: abs(value - exposure) <= near)
        return Reached(taken, what=f"an exposure of {exposure:g} s").status

    def trigger(self) -> Status:
        """Take one frame.

        Returns
        -------
        Status
            Finished when the frame is in the file.
        """
        return self.acquire(1, INTERNAL)

    def acquire(self, num: int, mode: int) -> Status:
        """Take frames, or wait for pulses to take them at.

        Parameters
        ----------
        num : int
            How many.
        mode : int
            INTERNAL or EXTERNAL trigger.

        Returns
        -------
        Status
            Finished when they are in the file.

        Raises
        ------
        DeviceError
            If the detector is not staged, is busy, or the file cannot be opened; the status has
            one if there are more frames than that.
        """
        if self._staged is not Staged.yes:
            raise DeviceError(f"{self.name} is not staged: a plan stages it before it takes frames")
        if self._waiting is not None and not self._waiting.status.done:
            raise DeviceError(f"{self.name} is busy: wait for it or stop it first")
        first = self._open_series().frames
        if self._set != (num, mode):
            self.cam.num_images.put(num)
            self.cam.trigger_mode.put(mode)
            self._set = num, mode
        self._most = num
        # Whoever gives pulses knows how long they take.
        patience = num * self.period + (PATIENCE_S if mode == INTERNAL else 3600.0)
        self._waiting = Reached(
            (self.hdf.num_captured, lambda captured: captured >= first + num),
            (self.cam.acquiring, lambda state: state == 0),
            what=f"{num} frames of {self.name}",
            timeout=patience,
            then=self._count,
        )
        self.cam.acquire.put(1)
        return self._waiting.status

    def pulses_over(self, taken: int) -> None:
        """Wait no longer for pulses: there were this many.

        Parameters
        ----------
        taken : int
            How many frames must be in the file.

        Raises
        ------
        DeviceError
            If they do not get there, or more do.
        """
        self._most, waiting = taken, self._waiting
        if waiting is None or self._series is None:
            return
        wanted = self._series.frames + taken
        if not waiting.status.done:
            wait_for(self.hdf.num_captured, lambda captured: captured >= wanted, f"{taken} frames")
            self._disarm()
        waiting.give_up(None)
        self._refuse_surplus()

    def _disarm(self) -> None:
        self.cam.acquire.put(0)
        wait_for(self.cam.acquiring, lambda state: state == 0, f"the end of {self.name}'s exposure")

    def wait_until_armed(self) -> None:
        """Wait until the camera takes pulses."""
        wait_for(self.cam.acquiring, lambda state: state == 1, f"{self.name} waiting for pulses")

    def stop(self, *, success: bool = False) -> None:
        """Give up the exposure that is going on; its frame is not kept.

        Parameters
        ----------
        success : bool
            Whether whoever waits for it should take it for done.
        """
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.status.done:
            return
        self._disarm()
        waiting.give_up(None if success else DeviceError(f"{self.name} was stopped"))

    def pause(self) -> None:
        """Give up the exposure that is going on: it is repeated when the run is resumed."""
        self.stop(success=True)

    def discard(self) -> None:
        """Leave frames that no document was emitted for where they are; a new file follows."""
        if self._series is not None and self._series.dropped:
            self._close_series()

    def _count(self) -> None:
        if self._series is not None:
            self.last_taken = int(self.hdf.num_captured.get()) - self._series.frames
            self._series.took(self.last_taken)
            self._refuse_surplus()

    def _refuse_surplus(self) -> None:
        if self.last_taken > self._most:
            raise DeviceError(
                f"{self.name} wrote {self.last_taken} frames where {self._most} were asked for: "
                f"which of them is of which exposure is not known"
            )

    def _open_series(self) -> SeriesDocuments:
        self.discard()
        if self._series is None:
            suffix = f"_{self._series_count}" if self._series_count else ""
            self.hdf.file_name.put(f"{self._file_stem}{suffix}")
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self.hdf.capture.put(1)
            try:
                wait_for(self.hdf.capturing, lambda state: state == 1, "the file")
            except DeviceError as error:
                raise DeviceError(
                    f"{error}: {self.hdf.write_message.get() or 'the plugin says nothing'}"
                ) from None
            wait_for(self.hdf.num_captured, lambda count: count == 0, "an empty file")
            self._series = SeriesDocuments(self.image_key, self.shape)
            self._series_count += 1
        return self._series

    def _close_series(self) -> None:
        if self._series is not None:
            self._series = None
            self.hdf.capture.put(0)
            wait_for(self.hdf.capturing, lambda state: state == 0, "the closing of the file")

    def get_index(self) -> int:
        """Return the number of frames in the present series."""
        return 0 if self._series is None else self._series.frames

    def collect_asset_docs(self, index: int | None = None) -> Iterator[StreamAsset]:
        """Yield the StreamResource and StreamDatum documents of new frames.

        Parameters
        ----------
        index : int, optional
            Not used: all frames are handed out.
        """
        if self._series is not None:
            if self._series.path is None:
                self._series.path = Path(str(self.hdf.full_name.get()))
            yield from self._series.documents()
