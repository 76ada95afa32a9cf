"""An areaDetector, as much of it as clients ask for: a PILATUS camera and its HDF5 plugin."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operando.errors import DeviceError
from operando.simulations.soft_ioc import Board, Outcome, Pending

_COMPRESSIONS = ("None", "N-bit", "szip", "zlib", "Blosc", "BSLZ4", "LZ4", "JPEG")
_TRIGGERS = ("Internal", "Ext. Enable", "Ext. Trigger", "Mult. Trigger", "Alignment")
#: Most frames of one acquisition whose ion chamber counts are kept.
COUNTS_LENGTH = 2000


class FrameFile(Protocol):
    """A file that frames are written to."""

    def write(self, frames: NDArray[np.int32], at: int) -> None:
        """Write frames from an index on."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Exposing(Protocol):
    """What stands behind the camera."""

    shape: tuple[int, int]
    exposure: Any
    threshold_energy: Any

    @property
    def period(self) -> float:
        """Time from one frame to the next, s."""
        ...

    def expose(self, num: int) -> Outcome:
        """Take frames, each one period after the one before."""
        ...

    def begin_anew(self) -> None:
        """Take the next frame at once, whenever the one before was."""
        ...

    def stop(self, *, success: bool = False) -> None:
        """Give an exposure up."""
        ...


class FileWriting:
    """The PVs of an NDFileHDF5 plugin that streams frames into one file a capture.

    Parameters
    ----------
    board : Board
        Where they are served.
    name : str
        What their names begin with, such as ``"det:HDF1:"``.
    open_file : callable
        Makes the file, given its path.
    """

    def __init__(self, board: Board, name: str, open_file: Callable[[Path], FrameFile]) -> None:
        self._board, self._name, self._open = board, name, open_file
        self._file: FrameFile | None = None
        self._written = 0
        self._lock = threading.RLock()
        board.choice(f"{name}EnableCallbacks", ("Disable", "Enable"), "Enable", rbv=True)
        board.long_text(f"{name}FilePath", put=self._look, rbv=True)
        board.choice(f"{name}FilePathExists_RBV", ("No", "Yes"), read_only=True)
        board.whole(f"{name}CreateDirectory", -5, rbv=True)
        board.long_text(f"{name}FileName", rbv=True)
        board.long_text(f"{name}FileTemplate", "%s%s_%6.6d.h5", rbv=True)
        board.whole(f"{name}FileNumber", 0, rbv=True)
        board.choice(f"{name}AutoIncrement", ("No", "Yes"), rbv=True)
        board.choice(f"{name}FileWriteMode", ("Single", "Capture", "Stream"), rbv=True)
        board.choice(f"{name}Compression", _COMPRESSIONS, "BSLZ4", rbv=True)
        board.choice(f"{name}SWMRMode", ("Off", "On"), "On", rbv=True)
        board.choice(f"{name}LazyOpen", ("No", "Yes"), rbv=True)
        board.whole(f"{name}NumCapture", 0, rbv=True)
        board.whole(f"{name}NumCaptured_RBV", 0, read_only=True)
        board.choice(f"{name}Capture", ("Done", "Capture"), put=self._capture)
        board.choice(f"{name}Capture_RBV", ("Done", "Capturing"), read_only=True)
        board.choice(f"{name}WriteStatus", ("Write OK", "Write error"), read_only=True)
        board.long_text(f"{name}WriteMessage", read_only=True)
        board.long_text(f"{name}FullFileName_RBV", read_only=True)

    def put(self, frames: NDArray[np.int32]) -> None:
        """Take frames: into the file while capturing, else nowhere."""
        with self._lock:
            if self._file is not None:
                self._file.write(frames, self._written)
                self._written += len(frames)

    def announce(self) -> None:
        """Publish how many frames are in the file."""
        self._post("NumCaptured_RBV", self._written)

    def _look(self, path: str) -> None:
        self._post("FilePathExists_RBV", "Yes" if Path(path).is_dir() else "No")

    def _capture(self, value: str) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
            if value == "Capture":
                self._begin()
        self._post("Capture_RBV", "Done" if self._file is None else "Capturing")
        if self._file is None:
            self._post("Capture", "Done")

    def _begin(self) -> None:
        parts = [self._get("FilePath"), self._get("FileName"), self._get("FileNumber")]
        template = self._get("FileTemplate")
        try:
            if parts[0] and not parts[0].endswith("/"):
                parts[0] += "/"
            path = Path(template % tuple(parts[: template.count("%")]))
            self._file = self._open(path)
        except (OSError, TypeError, ValueError) as error:
            self._post("WriteStatus", "Write error")
            self._post("WriteMessage", str(error))
            return
        self._written = 0
        if self._get("AutoIncrement") == "Yes":
            self._post("FileNumber", parts[2] + 1)
        self._post("FullFileName_RBV", str(path))
        self._post("WriteStatus", "Write OK")
        self._post("NumCaptured_RBV", 0)

    def _get(self, name: str) -> Any:
        return self._board.get(self._name + name)

    def _post(self, name: str, value: Any) -> None:
        self._board.post(self._name + name, value)


class Camera:
    """The PVs of a PILATUS driver.

    Parameters
    ----------
    board : Board
        Where they are served.
    name : str
        What their names begin with, such as ``"det:cam1:"``.
    detector : Exposing
        What takes the frames.
    bad_pixels : Path
        The detector's list of bad pixels, for ``BadPixelFile``.
    """

    def __init__(self, board: Board, name: str, detector: Exposing, bad_pixels: Path) -> None:
        self._board, self._name, self._detector = board, name, detector
        self._counter, self._taken = 0, 0
        self._armed: Pending | None = None
        rows, columns = detector.shape
        board.number(
            f"{name}AcquireTime",
            detector.exposure.get(),
            put=detector.exposure.put,
            units="s",
            rbv=True,
        )
        board.number(f"{name}AcquirePeriod", detector.period, units="s", rbv=True)
        board.whole(f"{name}NumImages", 1, rbv=True)
        board.choice(f"{name}ImageMode", ("Single", "Multiple", "Continuous"), rbv=True)
        board.choice(f"{name}TriggerMode", _TRIGGERS, rbv=True)
        board.number(
            f"{name}ThresholdEnergy",
            detector.threshold_energy.get() / 1e3,
            put=lambda kev: detector.threshold_energy.put(1e3 * kev),
            units="keV",
            rbv=True,
        )
        board.choice(f"{name}Acquire", ("Done", "Acquire"), put=self._acquire)
        board.choice(f"{name}Acquire_RBV", ("Done", "Acquiring"), read_only=True)
        board.choice(f"{name}DetectorState_RBV", ("Idle", "Acquire", "Error"), read_only=True)
        board.text(f"{name}StatusMessage_RBV", read_only=True)
        board.whole(f"{name}ArrayCounter", 0, put=self._count_from, rbv=True)
        board.whole(f"{name}NumImagesCounter_RBV", 0, read_only=True)
        board.choice(f"{name}ArrayCallbacks", ("Disable", "Enable"), "Enable", rbv=True)
        for key, size in (("ArraySizeX", columns), ("ArraySizeY", rows)):
            board.whole(f"{name}{key}_RBV", size, read_only=True)
        board.text(f"{name}Manufacturer_RBV", "operando", read_only=True)
        board.text(f"{name}Model_RBV", "simulated PILATUS 100K", read_only=True)
        board.long_text(f"{name}BadPixelFile", str(bad_pixels))

    def took(self, number: int) -> None:
        """Publish that frames were taken; the last one asked for ends an armed acquisition."""
        self._counter += number
        self._taken += number
        self._post("ArrayCounter", self._counter)
        self._post("ArrayCounter_RBV", self._counter)
        self._post("NumImagesCounter_RBV", self._taken)
        if self._armed is not None and self._taken >= self._get("NumImages"):
            self._disarm()

    @property
    def armed(self) -> bool:
        """Whether the camera waits for pulses."""
        return self._armed is not None

    def _count_from(self, value: int) -> None:
        self._counter = value
        if value == 0:
            self._detector.begin_anew()

    def _acquire(self, value: str) -> Outcome | None:
        if value != "Acquire":
            self._detector.stop(success=True)
            self._disarm()
            return None
        self._taken = 0
        self._state("Acquiring")
        if self._get("TriggerMode") == "Internal":
            return self._ending(self._detector.expose(self._get("NumImages")))
        self._armed = Pending()
        return self._ending(self._armed)

    def _ending(self, outcome: Outcome) -> Outcome:
        outcome.add_callback(lambda status: self._state("Done", outcome.exception()))
        return outcome

    def _disarm(self) -> None:
        armed, self._armed = self._armed, None
        if armed is not None:
            armed.end()

    def _state(self, state: str, error: BaseException | None = None) -> None:
        if error is not None and not isinstance(error, DeviceError):
            self._post("StatusMessage_RBV", str(error)[:39])
        self._post("Acquire_RBV", state)
        if state == "Done":
            self._post("Acquire", "Done")
        self._post("DetectorState_RBV", "Acquire" if state == "Acquiring" else "Idle")

    def _get(self, name: str) -> Any:
        return self._board.get(self._name + name)

    def _post(self, name: str, value: Any) -> None:
        self._board.post(self._name + name, value)
