"""A simulated station as a client sees a real one: its IOC is a process beside this one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ophyd import EpicsSignalRO

from operando.devices.epics_battery import epics_battery_station
from operando.devices.epics_connection import disconnect, disconnect_station, require_client
from operando.devices.epics_station import (
    LoadingNames,
    epics_loading_station,
    epics_mapping_station,
)
from operando.devices.loading_station import LoadingStation
from operando.devices.station import Station
from operando.devices.xafs_station import BatteryStation
from operando.ioc.running import running_ioc
from operando.ioc.settings import IocSettings
from operando.simulations.clock import Clock

#: Longest time for the process variables of an IOC on this computer to answer, s.
CONNECT_S = 60.0


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
            settings.prefix_of("mapping"), data_dir, clock=_clock(settings), timeout=CONNECT_S
        )
        with _connected(station):
            yield station


@contextmanager
def epics_sim_loading(settings: IocSettings, data_dir: Path) -> Iterator[LoadingStation]:
    """Start an IOC of the gas-loading station, and connect to it.

    Parameters
    ----------
    settings, data_dir
        As for `epics_sim_mapping`.

    Yields
    ------
    LoadingStation
        On process variables alone.
    """
    require_client()
    with running_ioc(settings):
        station = epics_loading_station(
            settings.prefix_of("kinetics"),
            data_dir,
            names=LoadingNames(wait="wait"),
            clock=_clock(settings),
            timeout=CONNECT_S,
        )
        with _connected(station):
            yield station


@contextmanager
def epics_sim_battery(seed: int, soc: float, clock: Clock) -> Iterator[BatteryStation]:
    """Start an IOC of the battery station with a cell in it, and connect to it.

    Parameters
    ----------
    seed : int
        Of the cell's noise and of the beamline's drifts.
    soc : float
        The cell's state of charge.
    clock : Clock
        Time begins there for the IOC, and goes on there when the IOC has ended.

    Yields
    ------
    BatteryStation
        On process variables alone.
    """
    require_client()
    waits = math.isfinite(clock.speed)
    settings = IocSettings("battery", seed=seed, speed=clock.speed, soc=soc, epoch=clock.now())
    prefix = settings.prefix_of("battery")
    with running_ioc(settings):
        station = epics_battery_station(prefix, clock=clock, waits=waits, timeout=CONNECT_S)
        now = EpicsSignalRO(f"{prefix}time", name="time")
        try:
            yield station
        finally:
            clock.sleep_until(float(now.get()))
            disconnect(now)
            disconnect_station(station)


def _clock(settings: IocSettings) -> Clock:
    return Clock(settings.speed if math.isfinite(settings.speed) else 1.0)


@contextmanager
def _connected(station: Any) -> Iterator[None]:
    try:
        yield
    finally:
        disconnect_station(station)
