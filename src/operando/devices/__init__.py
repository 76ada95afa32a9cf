"""Ophyd devices, found by role."""

from operando.devices.fly import FlyLine, SerpentineFlyer
from operando.devices.ion_chamber import IonChamber
from operando.devices.pilatus import Pilatus100K
from operando.devices.shutter import Shutter
from operando.devices.stage import KBStage
from operando.devices.station import Station, simulated_mapping_station

__all__ = [
    "FlyLine",
    "IonChamber",
    "KBStage",
    "Pilatus100K",
    "SerpentineFlyer",
    "Shutter",
    "Station",
    "simulated_mapping_station",
]
