"""The micro-diffraction station behind process variables."""

from __future__ import annotations

import math
from pathlib import Path

from operando.devices.beam import Beam
from operando.devices.fly import SerpentineFlyer
from operando.devices.ion_chamber import IonChamber
from operando.devices.shutter import Shutter
from operando.devices.stage import KBStage
from operando.ioc.served import (
    Lines,
    ServedPilatus,
    serve_counts,
    serve_mirrors,
    serve_shutter,
)
from operando.ioc.settings import IocSettings
from operando.physics.geometry import DetectorGeometry
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.ioc_motor import MotorRecord
from operando.simulations.ioc_profile import ProfileMove
from operando.simulations.soft_ioc import Board
from operando.simulations.specimen import CorrodedSteel


def mapping_board(settings: IocSettings, folder: Path) -> Board:
    """Build the process variables of the micro-diffraction station.

    Parameters
    ----------
    settings : IocSettings
    folder : Path
        For what the IOC itself keeps; its frames go where clients say.

    Returns
    -------
    Board
    """
    geometry = DetectorGeometry()
    specimen = CorrodedSteel(settings.seed, settings.shape, settings.step_um)
    source = MapBeamline(specimen, geometry, settings.seed)
    clock = Clock(settings.speed)
    board = Board(settings.prefix_of("mapping"), clock.now)
    stage = KBStage("", name="stage", clock=clock)
    shutter = Shutter("", name="shutter", clock=clock)
    beam = Beam(source, stage, shutter)
    detector = ServedPilatus(
        "", name="pilatus", beam=beam, clock=clock, data_dir=folder, geometry=geometry
    )
    monitor = IonChamber("", name="i0", beam=beam, gate=detector, clock=clock)
    flyer = SerpentineFlyer(
        "", name="fly", stage=stage, detector=detector, monitor=monitor, clock=clock
    )
    MotorRecord(board, "stage:x", stage.x)
    MotorRecord(board, "stage:y", stage.y)
    serve_mirrors(board, stage)
    serve_shutter(board, shutter)
    serve_counts(board, monitor, detector)
    detector.serve(board, folder)
    ProfileMove(board, "prof1:", Lines(flyer, detector, waits=math.isfinite(clock.speed)))
    return board
