"""A simulated station as a client sees a real one: its IOC is a process beside this one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operando.devices.epics_signals import disconnect, require_client
from operando.devices.epics_station import epics_mapping_station
from operando.devices.station import Station
from operando.ioc.running import running_ioc
from operando.ioc.settings import IocSettings
from operando.simulations.clock import Clock

#: Longest time for the process variables of an IOC on this computer to answer, s.
CONNECT_S = 20.0


@contextmanager
def epics_sim_mapping(settings: IocSettings, data_dir: Path) -> Iterator[Station]:
    """Start an IOC of the mapping station, and connect to it.

    Parameters
    ----------
    settings : IocSettings
    data_dir : Path
        Folder for the frames.

    Yields
    ------
    Station
        On process variables alone; its clock is real time unless the IOC's runs faster.
    """
    require_client()
    with running_ioc(settings):
        station = epics_mapping_station(
            settings.prefix_of("mapping"),
            data_dir,
            clock=Clock(settings.speed if math.isfinite(settings.speed) else 1.0),
            timeout=CONNECT_S,
        )
        devices = station.stage, station.shutter, station.monitor, station.detector, station.flyer
        try:
            yield station
        finally:
            disconnect(*devices)
