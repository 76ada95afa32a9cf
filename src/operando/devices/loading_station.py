"""The gas-loading station: a powder in a gas cell, watched by a fast detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.devices.dwell import Dwell
from operando.devices.frame_train import FrameTrain
from operando.devices.gas_cell import GasCell
from operando.devices.ion_chamber import IonChamber
from operando.devices.pilatus import Pilatus100K
from operando.devices.shutter import Shutter
from operando.devices.station import HasNow
from operando.devices.timed_beam import TimedBeam

if TYPE_CHECKING:
    from operando.simulations.clock import Clock
    from operando.simulations.loading_beamline import LoadingBeamline


@dataclass(frozen=True)
class LoadingStation:
    """The devices of a gas-loading experiment, by what they are for.

    Parameters
    ----------
    gas : GasCell or EpicsGasCell
        Lets the gas in, and out.
    detector : Pilatus100K or EpicsPilatus
        Takes the frames.
    monitor : IonChamber or EpicsMonitor
        Counts the incoming beam.
    shutter : Shutter or EpicsShutter
        Lets the beam through.
    train : FrameTrain or EpicsFrameTrain
        Frames without gaps between them.
    dwell : Dwell or EpicsDwell
        Waits.
    clock : Clock
        The time of all of them.
    """

    gas: Any
    detector: Any
    monitor: Any
    shutter: Any
    train: Any
    dwell: Any
    clock: HasNow


def simulated_loading_station(
    source: LoadingBeamline, clock: Clock, data_dir: Path
) -> LoadingStation:
    """Build the simulated gas-loading station.

    Parameters
    ----------
    source : LoadingBeamline
        The simulated beamline and the crystal in its gas cell.
    clock : Clock
        The station's clock.
    data_dir : Path
        Folder for the frames.

    Returns
    -------
    LoadingStation
        With the devices ``gas``, ``pilatus``, ``i0``, ``shutter``, ``frame`` and ``dwell``.
    """
    shutter = Shutter("", name="shutter", clock=clock)
    beam = TimedBeam(source, shutter, clock)
    detector = Pilatus100K(
        "",
        name="pilatus",
        beam=beam,
        clock=clock,
        data_dir=data_dir,
        geometry=source.geometry,
        energy_kev=source.energy_kev,
    )
    monitor = IonChamber("", name="i0", beam=beam, gate=detector, clock=clock)
    train = FrameTrain("", name="frame", detector=detector, beam=beam, monitor=monitor, clock=clock)
    gas = GasCell("", name="gas", gas=source.gas, clock=clock)
    dwell = Dwell("", name="dwell", clock=clock)
    return LoadingStation(gas, detector, monitor, shutter, train, dwell, clock)
