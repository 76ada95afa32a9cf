"""The gas-loading station behind process variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from operando.devices.dwell import Dwell
from operando.devices.frame_train import FrameTrain
from operando.devices.gas_cell import GasCell
from operando.devices.ion_chamber import IonChamber
from operando.devices.shutter import Shutter
from operando.devices.timed_beam import TimedBeam
from operando.ioc.served import ServedPilatus, serve_counts, serve_shutter
from operando.ioc.settings import IocSettings
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading
from operando.simulations.ioc_detector import COUNTS_LENGTH
from operando.simulations.ioc_gas import GasPanel
from operando.simulations.loading_beamline import LoadingBeamline
from operando.simulations.soft_ioc import Board, Outcome, Pending


class TrainPilatus(ServedPilatus):
    """The simulated detector that runs by itself: an acquisition takes the train's next frames."""

    train: FrameTrain
    board: Board
    _fresh = True

    def begin_anew(self) -> None:
        """Begin a new train with the next frame."""
        self._fresh = True

    def expose(self, num: int) -> Outcome:
        """Take the next frames of the train."""
        portion = {"exposure": float(self.exposure.get()), "num": num, "fresh": self._fresh}
        self.train.prepare(portion)
        self._fresh = False
        self.train.kickoff()
        taken, over = self.train.complete(), Pending()

        def end(status: Any) -> None:
            self._publish_times()
            over.end(taken.exception())

        taken.add_callback(end)
        return over

    def stop(self, *, success: bool = False) -> None:
        """Give the portion and the train up."""
        self.train.stop(success=success)
        super().stop(success=success)

    def _publish_times(self) -> None:
        list(self.train.collect_asset_docs())
        for page in self.train.collect_pages():
            for edge in ("start", "stop"):
                times = page["data"][f"{self.train.name}_{edge}"][:COUNTS_LENGTH]
                self.board.post(f"gate:{edge}", times)


def loading_board(settings: IocSettings, folder: Path) -> Board:
    """Build the process variables of the gas-loading station.

    Parameters
    ----------
    settings : IocSettings
    folder : Path
        For what the IOC itself keeps; its frames go where clients say.

    Returns
    -------
    Board
    """
    clock, gas = Clock(settings.speed), GasLoading(settings.truth)
    source = LoadingBeamline(gas, settings.seed, flux=settings.flux, began=clock.now())
    board = Board(settings.prefix_of("kinetics"), clock.now)
    shutter = Shutter("", name="shutter", clock=clock)
    beam = TimedBeam(source, shutter, clock)
    detector = TrainPilatus(
        "",
        name="pilatus",
        beam=beam,
        clock=clock,
        data_dir=folder,
        geometry=source.geometry,
        energy_kev=source.energy_kev,
    )
    monitor = IonChamber("", name="i0", beam=beam, gate=detector, clock=clock)
    detector.board = board
    detector.train = FrameTrain(
        "", name="frame", detector=detector, beam=beam, monitor=monitor, clock=clock
    )
    serve_shutter(board, shutter)
    serve_counts(board, monitor, detector)
    for edge in ("start", "stop"):
        board.array(f"gate:{edge}", COUNTS_LENGTH, units="s", read_only=True)
    detector.serve(board, folder)
    GasPanel(board, GasCell("", name="gas", gas=gas, clock=clock))
    board.number("wait", units="s", put=Dwell("", name="dwell", clock=clock).set)
    return board
