"""What is used of areaDetector: a camera's process variables, and those of its HDF5 plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ophyd import Component, Device, EpicsSignal, EpicsSignalRO
from ophyd.areadetector.base import EpicsSignalWithRBV

from operando.devices.exposure import check_exposure
from operando.errors import BadInput


class EpicsExposure(EpicsSignalWithRBV):  # type: ignore[misc]
    """Exposure of a frame, s, within what the frame rate allows."""

    def check_value(self, value: float) -> None:
        """Refuse an exposure the detector cannot make, by a LimitError."""
        check_exposure(self.name, float(value))


class Camera(Device):  # type: ignore[misc]
    """What is used of an areaDetector camera."""

    acquire = Component(EpicsSignal, "Acquire", kind="omitted")
    acquiring = Component(EpicsSignalRO, "Acquire_RBV", kind="omitted", auto_monitor=True)
    acquire_period = Component(EpicsSignalWithRBV, "AcquirePeriod", kind="omitted")
    num_images = Component(EpicsSignalWithRBV, "NumImages", kind="omitted")
    image_mode = Component(EpicsSignalWithRBV, "ImageMode", kind="omitted")
    trigger_mode = Component(EpicsSignalWithRBV, "TriggerMode", kind="omitted")
    array_counter = Component(EpicsSignalWithRBV, "ArrayCounter", kind="omitted")
    array_callbacks = Component(EpicsSignalWithRBV, "ArrayCallbacks", kind="omitted")
    rows = Component(EpicsSignalRO, "ArraySizeY_RBV", kind="omitted")
    columns = Component(EpicsSignalRO, "ArraySizeX_RBV", kind="omitted")
    bad_pixels = Component(EpicsSignal, "BadPixelFile", kind="omitted", string=True)

    def bad_pixels_of(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Read the list of bad pixels of a camera that has as many pixels as it should.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of its frames.

        Returns
        -------
        ndarray of int64
            Their places in a frame that is read row by row, sorted.

        Raises
        ------
        BadInput
            If its frames have another shape, or its list cannot be read.
        """
        found = int(self.rows.get()), int(self.columns.get())
        if found != shape:
            raise BadInput(
                f"{self.rows.pvname}: frames are {found[0]} x {found[1]} pixels, the "
                f"geometry is of {shape[0]} x {shape[1]}"
            )
        name = str(self.bad_pixels.get()).strip()
        if not name:
            return np.zeros(0, dtype=np.int64)
        try:
            lines = [line.split()[0] for line in Path(name).read_text().splitlines() if line]
            x, y = np.array([line.split(",") for line in lines], dtype=np.int64).reshape(-1, 2).T
            return np.sort(np.ravel_multi_index((y, x), shape))
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.bad_pixels.pvname} = {name}: {error}") from None


class FilePlugin(Device):  # type: ignore[misc]
    """What is used of an areaDetector HDF5 plugin."""

    enable = Component(EpicsSignalWithRBV, "EnableCallbacks", kind="omitted")
    path = Component(EpicsSignalWithRBV, "FilePath", kind="omitted", string=True)
    file_name = Component(EpicsSignalWithRBV, "FileName", kind="omitted", string=True)
    template = Component(EpicsSignalWithRBV, "FileTemplate", kind="omitted", string=True)
    write_mode = Component(EpicsSignalWithRBV, "FileWriteMode", kind="omitted")
    swmr_mode = Component(EpicsSignalWithRBV, "SWMRMode", kind="omitted")
    num_capture = Component(EpicsSignalWithRBV, "NumCapture", kind="omitted")
    num_captured = Component(EpicsSignalRO, "NumCaptured_RBV", kind="omitted", auto_monitor=True)
    capture = Component(EpicsSignal, "Capture", kind="omitted")
    capturing = Component(EpicsSignalRO, "Capture_RBV", kind="omitted", auto_monitor=True)
    write_message = Component(EpicsSignalRO, "WriteMessage", kind="omitted", string=True)
    full_name = Component(EpicsSignalRO, "FullFileName_RBV", kind="omitted", string=True)
