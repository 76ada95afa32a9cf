"""Simulated devices as an IOC's driver sees them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ophyd.status import Status

from operando.devices.exposure import READOUT_S
from operando.devices.fly import SerpentineFlyer
from operando.devices.hdf5_writer import FrameWriter
from operando.devices.ion_chamber import IonChamber
from operando.devices.pilatus import Pilatus100K
from operando.devices.shutter import Shutter
from operando.devices.stage import KBStage
from operando.errors import BadInput, DeviceError
from operando.simulations.ioc_detector import COUNTS_LENGTH, Camera, FileWriting
from operando.simulations.ioc_profile import Flown
from operando.simulations.soft_ioc import Board, Outcome

if TYPE_CHECKING:
    from operando.devices.beam import BeamState


class ServedPilatus(Pilatus100K):
    """The simulated detector, whose frames go to the IOC's file plugin.

    It is staged as long as the IOC runs.
    """

    files: FileWriting
    camera: Camera

    def serve(self, board: Board, folder: Path) -> None:
        """Put the camera and its file plugin on a board.

        Parameters
        ----------
        board : Board
            Where they are served.
        folder : Path
            For the list of bad pixels.
        """
        bad = folder / "bad_pixels.txt"
        rows_columns = np.unravel_index(np.asarray(self.mask.get(), dtype=np.int64), self.shape)
        bad.write_text("".join(f"{x},{y}\n" for y, x in zip(*rows_columns, strict=True)))
        self.camera = Camera(board, "det:cam1:", self, bad)
        self.files = FileWriting(board, "det:HDF1:", self._new_file)
        self.stage()

    def take(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64], state: BeamState) -> None:
        """Take frames, and publish how many when the counters have counted as well."""
        super().take(x_um, y_um, state)
        self.files.announce()
        self.camera.took(len(x_um))

    def keep(self, frames: NDArray[np.int32]) -> None:
        """Hand frames to the file plugin."""
        self.files.put(frames)

    def expose(self, num: int) -> Outcome:
        """Take one frame; more are taken by pulses or in a train."""
        if num != 1:
            raise BadInput(f"NumImages is {num}: with the internal trigger this camera takes 1")
        outcome: Outcome = self.trigger()
        return outcome

    def begin_anew(self) -> None:
        """Nothing: every frame begins when it is asked for."""

    def _new_file(self, path: Path) -> FrameWriter:
        settings = {key: item["value"] for key, item in self.read_configuration().items()}
        return FrameWriter(path, self.shape, settings)


class Lines:
    """The simulated flyer as a motion controller that gates the camera.

    Parameters
    ----------
    flyer : SerpentineFlyer
        What sweeps.
    detector : ServedPilatus
        What takes the frames.
    waits : bool
        Whether time passes by itself.
    """

    def __init__(self, flyer: SerpentineFlyer, detector: ServedPilatus, *, waits: bool) -> None:
        self._flyer, self._detector, self._waits = flyer, detector, waits
        self._line: dict[str, float] | None = None
        self._flown = Flown(np.zeros(0), np.zeros(0))

    def build(self, x: NDArray[np.float64], y: float, period: float) -> None:
        """Check and take a line."""
        exposure = float(self._detector.exposure.get())
        if period < exposure + READOUT_S - 1e-9:
            raise BadInput(
                f"FixedTime is {period:g} s: the camera needs {exposure + READOUT_S:g} s a frame"
            )
        line = {"x_start": float(x[0]), "x_stop": float(x[-1]), "y": y, "num": len(x)}
        line["exposure"] = exposure
        self._flyer.check_value(line)
        self._line = line

    def execute(self) -> Outcome:
        """Go to where the run-up begins, and sweep."""
        if self._line is None:
            raise DeviceError("no profile was built")
        if not self._detector.camera.armed:
            raise DeviceError("the camera does not wait for pulses: arm it first")
        line, self._line = self._line, None
        status = Status()
        if self._waits:
            threading.Thread(target=self._fly, args=(line, status), daemon=True).start()
        else:
            self._fly(line, status)
        return status  # type: ignore[no-any-return]

    def _fly(self, line: dict[str, float], status: Any) -> None:
        self._flown = Flown(np.zeros(0), np.zeros(0))
        try:
            self._flyer.prepare(line).wait()
            self._flyer.kickoff()
            self._flyer.complete().wait()
            list(self._flyer.collect_asset_docs())
            for page in self._flyer.collect_pages():
                x, y = list(page["data"].values())[:2]
                self._flown = Flown(np.asarray(x), np.asarray(y))
        except Exception as error:
            status.set_exception(error)
        else:
            status.set_finished()

    def abort(self) -> None:
        """Stop where it is; what was measured is kept."""
        self._flyer.stop()

    def flown(self) -> Flown:
        """Return where the stage was at each pulse."""
        return self._flown


def serve_shutter(board: Board, shutter: Shutter) -> None:
    """Put a shutter on a board: ``shutter`` and ``shutter_RBV``."""

    def put(value: str) -> Outcome:
        outcome: Outcome = shutter.set(value.lower())
        outcome.add_callback(lambda status: board.post("shutter_RBV", value))
        return outcome

    board.choice("shutter", ("Closed", "Open"), put=put)
    board.choice("shutter_RBV", ("Closed", "Open"), read_only=True)


def serve_counts(board: Board, monitor: IonChamber, detector: ServedPilatus) -> None:
    """Put the gated counter on a board: ``i0`` and, of all exposures at once, ``i0:array``."""
    board.number("i0", read_only=True)
    board.array("i0:array", COUNTS_LENGTH, read_only=True)

    def counted(exposure_s: float, n: int, state: BeamState) -> None:
        counts = monitor.counts
        board.post("i0", float(counts[-1]))
        board.post("i0:array", counts[:COUNTS_LENGTH].tolist())

    detector.on_exposure(counted)


def serve_mirrors(board: Board, stage: KBStage) -> None:
    """Put the mirrors' pitches on a board: ``kb:pitch_v`` and ``kb:pitch_h``."""
    for name, signal in (("kb:pitch_v", stage.pitch_v), ("kb:pitch_h", stage.pitch_h)):

        def put(value: float, signal: Any = signal) -> None:
            signal.check_value(value)
            signal.put(value)

        board.number(name, signal.get(), put=put, units="mrad", limits=signal.limits, rbv=True)
