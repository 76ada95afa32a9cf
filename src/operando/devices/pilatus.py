"""The PILATUS 100K: exposures, frames in HDF5, and the documents that point at them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ophyd import Component
from ophyd.device import Staged
from ophyd.status import DeviceStatus, Status

from operando.devices.detector_facts import DetectorFacts
from operando.devices.exposure import READOUT_S, Exposure
from operando.devices.frame_series import FrameSeries, StreamAsset
from operando.devices.hdf5_writer import FrameWriter
from operando.devices.one_action import OneAction
from operando.devices.soft import SoftSignal, done
from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.devices.beam import BeamState, SeenBeam
    from operando.physics.geometry import DetectorGeometry
    from operando.simulations.clock import Clock


class Pilatus100K(DetectorFacts):
    """An area detector of 195 rows and 487 columns that writes its frames to HDF5.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    beam : SeenBeam
        What the detector sees.
    clock : Clock
        The station's clock.
    data_dir : Path
        Folder for the files.
    geometry : DetectorGeometry
        Where the detector stands.
    energy_kev : float
        Photon energy, keV.

    Notes
    -----
    A run's first stream and every `prepare` after frames were taken begin a new series: a file
    and a StreamResource of their own, with the frames in ``/entry/data/data``. A plan that
    measures into a second stream prepares the detector first, as bluesky-tiled-plugins appends
    all frames of one StreamResource to one array. The StreamDatums of a series have indices from
    0, one for each event of its stream.
    """

    exposure = Component(Exposure, value=0.1, units="s", kind="config")
    threshold_energy = Component(
        SoftSignal, value=5000.0, units="eV", limits=(2700.0, 18000.0), kind="config"
    )

    def __init__(
        self,
        *args: Any,
        beam: SeenBeam,
        clock: Clock,
        data_dir: Path,
        geometry: DetectorGeometry,
        energy_kev: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._beam = beam
        self._data_dir = Path(data_dir)
        self.take_facts(geometry, energy_kev, beam.mask())
        self._listeners: list[Callable[[float, int, BeamState], None]] = []
        self._file_stem = ""
        self._series: FrameSeries | None = None
        self._series_count = 0
        self._action = OneAction(self, clock)

    @property
    def beam(self) -> SeenBeam:
        """What the detector sees."""
        return self._beam

    @property
    def period(self) -> float:
        """Time from one frame to the next, s."""
        return float(self.exposure.get()) + READOUT_S

    def on_exposure(self, listener: Callable[[float, int, BeamState], None]) -> None:
        """Have a counter gated by this detector.

        Parameters
        ----------
        listener : callable
            Called with the exposure (s), the number of frames and the beam when frames were taken.
        """
        self._listeners.append(listener)

    def stage(self) -> list[Any]:
        """Get ready for a run: its first frames open a new file."""
        staged = list(super().stage())
        self._file_stem = f"{self.name}_{uuid.uuid4().hex[:16]}"
        self._series_count = 0
        return staged

    def unstage(self) -> list[Any]:
        """Stop exposing and close the file."""
        self.stop(success=True)
        self._close_series()
        return list(super().unstage())

    def prepare(self, value: Mapping[str, float]) -> DeviceStatus:
        """Set the exposure and begin a new series.

        Parameters
        ----------
        value : mapping
            ``{"exposure": seconds}``.

        Returns
        -------
        DeviceStatus
            Already finished.

        Raises
        ------
        LimitError
            If the exposure is outside its range.
        """
        self.exposure.put(float(value["exposure"]))
        self._close_series()
        return done()

    def trigger(self) -> Status:
        """Take one frame.

        Returns
        -------
        Status
            Finished when the frame is in the file.

        Raises
        ------
        DeviceError
            If one is being taken.
        """
        x, y = (np.array([place]) for place in self._beam.position())
        state = self._beam.now()
        return self._action.begin(self.period, lambda: self.take(x, y, state))

    def take(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64], state: BeamState) -> None:
        """Have frames taken at positions and write them; the flyer calls this too.

        Parameters
        ----------
        x_um, y_um : ndarray of float64, shape (n,)
            Where the beam was in the middle of each exposure, um.
        state : BeamState
            The beam when the exposures began.

        Raises
        ------
        DeviceError
            If the detector is not staged, or gives other frames than were asked for.
        """
        if self._staged is not Staged.yes:
            raise DeviceError(f"{self.name} is not staged: a plan stages it before it takes frames")
        exposure = float(self.exposure.get())
        threshold = float(self.threshold_energy.get())
        frames = self._beam.frames(x_um, y_um, exposure, threshold, state)
        self.refuse_other_than(len(x_um), frames)
        self.keep(frames)
        for listener in self._listeners:
            listener(exposure, len(frames), state)

    def refuse_other_than(self, num: int, frames: NDArray[Any]) -> None:
        """Refuse frames of which nobody could say which points they belong to.

        Parameters
        ----------
        num : int
            How many there must be.
        frames : ndarray

        Raises
        ------
        DeviceError
            Unless they are that many, of the detector's shape, and whole numbers.
        """
        wanted = (num, *self.shape)
        if frames.shape != wanted or frames.dtype.kind not in "iu":
            raise DeviceError(
                f"{self.name} gave frames of shape {frames.shape}, {frames.dtype}; "
                f"{num} of {self.shape[0]} x {self.shape[1]} whole numbers were asked for"
            )

    def keep(self, frames: NDArray[np.int32]) -> None:
        """Write frames to the file of the present series."""
        self._open_series().put(frames)

    def discard(self) -> None:
        """Forget frames that no document was emitted for."""
        if self._series is not None:
            self._series.discard()

    def stop(self, *, success: bool = False) -> None:
        """Give up the exposure that is going on; its frame is not kept.

        Parameters
        ----------
        success : bool
            Whether whoever waits for it should take it for done.
        """
        self._action.stop(success=success)

    def pause(self) -> None:
        """Give up the exposure that is going on: it is repeated when the run is resumed."""
        self.stop(success=True)

    def _open_series(self) -> FrameSeries:
        if self._series is None:
            suffix = f"_{self._series_count}" if self._series_count else ""
            settings = {key: item["value"] for key, item in self.read_configuration().items()}
            path = self._data_dir / f"{self._file_stem}{suffix}.h5"
            writer = FrameWriter(path, self.shape, settings)
            self._series = FrameSeries(writer, self.image_key, self.shape)
            self._series_count += 1
        return self._series

    def _close_series(self) -> None:
        # Gone even if closing fails: the next run has a file of its own.
        series, self._series = self._series, None
        if series is not None:
            series.close()

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
            yield from self._series.documents()
