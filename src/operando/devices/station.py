"""A station: its devices, found by role."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from operando.devices.beam import Beam
from operando.devices.fly import SerpentineFlyer
from operando.devices.ion_chamber import IonChamber
from operando.devices.pilatus import Pilatus100K
from operando.devices.shutter import Shutter
from operando.devices.stage import KBStage

if TYPE_CHECKING:
    from operando.physics.geometry import DetectorGeometry
    from operando.simulations.beamline import FrameSource
    from operando.simulations.clock import Clock


class HasNow(Protocol):
    """A clock."""

    def now(self) -> float:
        """Return the time, seconds since 1970-01-01 UTC."""
        ...


@dataclass(frozen=True)
class Station:
    """The devices of a station, by what they are for.

    Plans and sessions ask for a role and never for a class, so that real hardware can take the
    place of any of them.

    Parameters
    ----------
    stage : KBStage or EpicsStage
        Moves the sample: ``stage.x`` and ``stage.y``, um.
    detector : Pilatus100K or EpicsPilatus
        Takes the frames.
    monitor : IonChamber or EpicsMonitor
        Counts the incoming beam.
    shutter : Shutter or EpicsShutter
        Lets the beam through.
    flyer : SerpentineFlyer or EpicsFlyer
        Flies lines of a map.
    clock : Clock
        The time of all of them.
    """

    stage: Any
    detector: Any
    monitor: Any
    shutter: Any
    flyer: Any
    clock: HasNow


def simulated_mapping_station(
    source: FrameSource,
    clock: Clock,
    data_dir: Path,
    geometry: DetectorGeometry,
    energy_kev: float = 10.0,
) -> Station:
    """Build the simulated micro-diffraction station.

    Parameters
    ----------
    source : FrameSource
        The simulated beamline and its specimen.
    clock : Clock
        The station's clock.
    data_dir : Path
        Folder for the frames.
    geometry : DetectorGeometry
        Where the detector stands.
    energy_kev : float
        Photon energy, keV.

    Returns
    -------
    Station
        With the devices ``stage``, ``pilatus``, ``i0``, ``shutter`` and ``fly``.
    """
    stage = KBStage("", name="stage", clock=clock)
    shutter = Shutter("", name="shutter", clock=clock)
    beam = Beam(source, stage, shutter)
    detector = Pilatus100K(
        "",
        name="pilatus",
        beam=beam,
        clock=clock,
        data_dir=data_dir,
        geometry=geometry,
        energy_kev=energy_kev,
    )
    monitor = IonChamber("", name="i0", beam=beam, gate=detector, clock=clock)
    flyer = SerpentineFlyer(
        "", name="fly", stage=stage, detector=detector, monitor=monitor, clock=clock
    )
    return Station(stage, detector, monitor, shutter, flyer, clock)
