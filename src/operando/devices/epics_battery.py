"""The battery station over EPICS."""

from __future__ import annotations

from types import MappingProxyType

from operando.devices.cell_faults import CellLimits
from operando.devices.epics_beam import EpicsShutter
from operando.devices.epics_connection import connect, let_go_unless_sound, require_client
from operando.devices.epics_potentiostat import EpicsDriver
from operando.devices.epics_xafs import (
    EpicsDose,
    EpicsMonochromator,
    EpicsPointChambers,
    EpicsQuickScan,
    EpicsStrip,
)
from operando.devices.potentiostat import Potentiostat
from operando.devices.xafs_station import SCANS, BatteryStation
from operando.simulations.clock import Clock


def epics_battery_station(
    prefix: str,
    *,
    clock: Clock | None = None,
    waits: bool = True,
    timeout: float = 5.0,
) -> BatteryStation:
    """Connect to a battery station.

    Parameters
    ----------
    prefix : str
        Begin of the name of every process variable; what follows is as in ``operando ioc``.
    clock : Clock, optional
        The station's clock; real time if not given.
    waits : bool
        False for a simulated station that does not wait, where techniques are told to pass.
    timeout : float
        Longest wait for all process variables together, s.

    Returns
    -------
    BatteryStation
        With the devices ``cell``, ``mono``, ``shutter``, ``xrd``, ``xafs_ni_co``, ``xafs_mn``,
        ``chambers`` and ``dose``.

    Raises
    ------
    MissingPVs
        Names the process variables that do not answer.
    BadInput
        If there is no client of Channel Access.
    """
    require_client()
    driver = EpicsDriver(f"{prefix}cell:", waits=waits, name="driver")
    mono = EpicsMonochromator(f"{prefix}mono:energy", crystals=f"{prefix}mono:", name="mono")
    shutter = EpicsShutter(f"{prefix}shutter", name="shutter")
    xrd = EpicsStrip(f"{prefix}xrd:", name="xrd")
    scans = {name: EpicsQuickScan(f"{prefix}{name}:", name=name) for name in SCANS}
    chambers = EpicsPointChambers(f"{prefix}chambers:", name="chambers")
    dose = EpicsDose(f"{prefix}dose", name="dose")
    devices = driver, mono, shutter, xrd, *scans.values(), chambers, dose
    with let_go_unless_sound(*devices):
        connect(*devices, timeout=timeout)
        cell = Potentiostat(
            "",
            name="cell",
            driver=driver,
            nominal_capacity=float(driver.nominal_capacity.get()),
            active_mass=float(driver.active_mass.get()),
            limits=CellLimits(
                (float(driver.limit_low.get()), float(driver.limit_high.get())),
                float(driver.limit_current.get()),
                float(driver.limit_temperature.get()),
            ),
        )
    return BatteryStation(
        cell=cell,
        mono=mono,
        shutter=shutter,
        xrd=xrd,
        scans=MappingProxyType(scans),
        chambers=chambers,
        dose=dose,
        clock=clock or Clock(),
    )
