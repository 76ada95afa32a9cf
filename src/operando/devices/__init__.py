"""Ophyd devices, found by role."""

from operando.devices.fly import SerpentineFlyer
from operando.devices.fly_line import FlyLine
from operando.devices.focusing_station import FocusingStation, simulated_focusing_station
from operando.devices.frame_train import FrameTrain
from operando.devices.gas_cell import GasCell
from operando.devices.ion_chamber import IonChamber
from operando.devices.loading_station import LoadingStation, simulated_loading_station
from operando.devices.pilatus import Pilatus100K
from operando.devices.potentiostat import Potentiostat
from operando.devices.shutter import Shutter
from operando.devices.stage import KBStage
from operando.devices.station import Station, simulated_mapping_station
from operando.devices.xafs_station import BatteryStation, simulated_battery_station

__all__ = [
    "BatteryStation",
    "FlyLine",
    "FocusingStation",
    "FrameTrain",
    "GasCell",
    "IonChamber",
    "KBStage",
    "LoadingStation",
    "Pilatus100K",
    "Potentiostat",
    "SerpentineFlyer",
    "Shutter",
    "Station",
    "simulated_battery_station",
    "simulated_focusing_station",
    "simulated_loading_station",
    "simulated_mapping_station",
]
