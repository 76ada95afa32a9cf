"""The battery station behind process variables."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from operando.devices.cell_faults import CellLimits
from operando.devices.soft import SoftSignal
from operando.devices.xafs_station import SimulatedBattery, simulated_battery_station
from operando.ioc.served import serve_shutter
from operando.ioc.settings import IocSettings
from operando.simulations.clock import Clock
from operando.simulations.ioc_instrument import InstrumentPanel
from operando.simulations.ioc_motor import MotorRecord
from operando.simulations.ioc_potentiostat import PotentiostatPanel
from operando.simulations.soft_ioc import Board


def battery_board(settings: IocSettings, folder: Path) -> Board:
    """Build the process variables of the battery station.

    Parameters
    ----------
    settings : IocSettings
    folder : Path
        Not used: everything of this station goes over Channel Access.

    Returns
    -------
    Board
    """
    # From a whole second on, the same seed gives the same numbers to the last bit.
    epoch = math.ceil(time.time()) if settings.epoch is None else settings.epoch
    clock = Clock(settings.speed, epoch=epoch)
    battery = simulated_battery_station(clock, settings.seed, soc=settings.soc)
    station = battery.station
    board = Board(settings.prefix_of("battery"), clock.now)
    PotentiostatPanel(board, battery.driver, _facts(battery))
    MotorRecord(board, "mono:energy", station.mono, "eV")
    for name in ("settle", "backlash"):
        _serve_setting(board, f"mono:{name}", getattr(station.mono, name))
    board.number("mono:bragg", station.mono.bragg.get(), units="deg", ask=station.mono.bragg.get)
    board.number("mono:d_spacing", float(station.mono.d_spacing.get()), read_only=True)
    serve_shutter(board, station.shutter)
    for instrument in (station.xrd, station.chambers, *station.scans.values()):
        InstrumentPanel(board, instrument, _settings(instrument))
    board.whole("chambers:Begin", 0, put=lambda value: _begin(station.chambers))
    dose = station.dose
    board.number("dose", units="MGy", read_only=True, ask=lambda: dose.read()["dose"]["value"])
    board.number("dose:rate", dose.rate, units="MGy/s", read_only=True)
    board.number("time", clock.now(), units="s", read_only=True, ask=clock.now)
    return board


def _facts(battery: SimulatedBattery) -> dict[str, float]:
    cell, limits = battery.station.cell, CellLimits()
    return {
        "NominalCapacity": float(cell.nominal_capacity.get()),
        "ActiveMass": float(cell.active_mass.get()),
        "LimitVoltageLow": limits.voltage[0],
        "LimitVoltageHigh": limits.voltage[1],
        "LimitCurrent": limits.current,
        "LimitTemperature": limits.temperature,
    }


def _settings(instrument: Any) -> dict[str, Any]:
    found = {name: getattr(instrument, name) for name in instrument.component_names}
    return {name: signal for name, signal in found.items() if isinstance(signal, SoftSignal)}


def _serve_setting(board: Board, name: str, signal: Any) -> None:
    def put(value: float) -> None:
        signal.check_value(value)
        signal.put(value)

    board.number(name, float(signal.get()), put=put, limits=signal.limits)


def _begin(chambers: Any) -> None:
    chambers.unstage()
    chambers.stage()
