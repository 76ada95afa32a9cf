"""Devices on process variables: a real beamline's, or a soft IOC's beside the session."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from operando.devices.epics_battery import epics_battery_station
from operando.devices.epics_connection import disconnect_station, require_client
from operando.devices.epics_station import (
    LoadingNames,
    epics_loading_station,
    epics_mapping_station,
)
from operando.devices.loading_station import LoadingStation
from operando.devices.station import Station
from operando.devices.xafs_station import BatteryStation
from operando.ioc.epics_sim import CONNECT_S
from operando.ioc.running import running_ioc
from operando.ioc.settings import IocSettings
from operando.simulations.clock import Clock
from operando.stations.parts import BatteryPart, KineticsPart, MappingPart
from operando.stations.station_file import StationFile


class EpicsSide:
    """Connect to the jobs' devices; the soft IOC is started for the first that needs it.

    Parameters
    ----------
    file : StationFile
    frames_dir : callable
        Gives the folder for detector frames.
    """

    def __init__(self, file: StationFile, frames_dir: Callable[[], Path]) -> None:
        self._file, self._frames_dir = file, frames_dir
        self._ioc: IocSettings | None = None
        self._closing = ExitStack()

    def mapping(self, part: MappingPart) -> Station:
        """Connect to the micro-diffraction station."""
        station: Station = self._kept(epics_mapping_station(**self._place(part, "mapping")))
        return station

    def kinetics(self, part: KineticsPart) -> LoadingStation:
        """Connect to the gas-loading station."""
        names = LoadingNames(wait="wait") if part.kind == "soft-ioc" else None
        place = self._place(part, "kinetics")
        station: LoadingStation = self._kept(epics_loading_station(**place, names=names))
        return station

    def battery(self, part: BatteryPart) -> BatteryStation:
        """Connect to the cell on its potentiostat, and to the X-ray side."""
        place = self._place(part, "battery")
        del place["data_dir"]
        if part.kind == "soft-ioc":
            place["waits"] = math.isfinite(self._file.speed)
        station: BatteryStation = self._kept(epics_battery_station(**place))
        return station

    def close(self) -> None:
        """Disconnect, and stop the IOC."""
        self._closing.close()

    def _place(self, part: MappingPart | KineticsPart | BatteryPart, job: str) -> dict[str, Any]:
        """Give prefix, folder, clock and patience; start the IOC if it is the one."""
        require_client()
        place = {"prefix": part.prefix, "data_dir": self._frames_dir()}
        if part.kind == "epics":
            return place
        if self._ioc is None:
            self._ioc = self._started()
        speed = self._file.speed if math.isfinite(self._file.speed) else 1.0
        prefix = self._ioc.prefix_of(job)
        return {**place, "prefix": prefix, "clock": Clock(speed), "timeout": CONNECT_S}

    def _started(self) -> IocSettings:
        section = self._file.mapping or MappingPart()
        loading = self._file.kinetics or KineticsPart()
        told = IocSettings(
            station="all",
            seed=self._file.seed,
            speed=self._file.speed,
            shape=(section.rows, section.columns),
            step_um=section.step_um,
            flux=loading.flux,
        )
        self._closing.enter_context(running_ioc(told))
        return told

    def _kept(self, station: Any) -> Any:
        """Have a station's devices disconnected before the IOC stops."""
        self._closing.callback(lambda: disconnect_station(station))
        return station
