"""What is used of areaDetector: a camera's process variables, and those of its HDF5 plugin."""

from __future__ import annotations

from ophyd import Component, Device, EpicsSignal, EpicsSignalRO
from ophyd.areadetector.base import EpicsSignalWithRBV

from operando.devices.exposure import check_exposure


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
