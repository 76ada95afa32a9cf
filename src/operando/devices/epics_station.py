"""Stations over EPICS: the same roles as the simulated ones have, on process variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operando.devices.dwell import Dwell
from operando.devices.epics_beam import EpicsMonitor, EpicsShutter
from operando.devices.epics_connection import connect, let_go_unless_sound, require_client
from operando.devices.epics_flyer import EpicsFlyer
from operando.devices.epics_gas import EpicsDwell, EpicsGasCell
from operando.devices.epics_pilatus import EpicsPilatus
from operando.devices.epics_stage import EpicsStage
from operando.devices.epics_train import EpicsFrameTrain
from operando.devices.loading_station import LoadingStation
from operando.devices.station import Station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.clock import Clock
from operando.simulations.porous_crystal import ENERGY_KEV, GEOMETRY


@dataclass(frozen=True)
class MappingNames:
    """Names of the mapping station's process variables, after the prefix.

    Parameters
    ----------
    x, y : str
        Motor records of the stage, um.
    shutter : str
        Record that opens (1) and closes (0) it; ``_RBV`` says where it is.
    i0 : str
        Counts of the last exposure.
    i0_array : str
        What is added to `i0` for the counts of all exposures of the last acquisition.
    camera, files : str
        areaDetector camera and its HDF5 plugin.
    profile : str
        Profile move of the motion controller; axis M1 is x and M2 is y.
    """

    x: str = "stage:x"
    y: str = "stage:y"
    shutter: str = "shutter"
    i0: str = "i0"
    i0_array: str = ":array"
    camera: str = "det:cam1:"
    files: str = "det:HDF1:"
    profile: str = "prof1:"


def epics_mapping_station(
    prefix: str,
    data_dir: Path,
    geometry: DetectorGeometry | None = None,
    energy_kev: float = 10.0,
    *,
    names: MappingNames | None = None,
    clock: Clock | None = None,
    timeout: float = 5.0,
) -> Station:
    """Connect to a micro-diffraction station.

    Parameters
    ----------
    prefix : str
        Begin of the name of every process variable.
    data_dir : Path
        Folder for the frames; the IOC must see it under the same path.
    geometry : DetectorGeometry, optional
        Where the detector stands, as calibrated.
    energy_kev : float
        Photon energy, keV.
    names : MappingNames, optional
        Where they are not called as in ``operando ioc``.
    clock : Clock, optional
        The station's clock; real time if not given.
    timeout : float
        Longest wait for all process variables together, s.

    Returns
    -------
    Station
        With the devices ``stage``, ``pilatus``, ``i0``, ``shutter`` and ``fly``.

    Raises
    ------
    MissingPVs
        Names the process variables that do not answer.
    BadInput
        If there is no client of Channel Access, or the camera is another than the geometry says.
    """
    require_client()
    names = names or MappingNames()
    stage = EpicsStage(prefix, x=names.x, y=names.y, name="stage")
    shutter, monitor, detector = _x_ray_side(
        prefix, names, data_dir, geometry or DetectorGeometry(), energy_kev
    )
    flyer = EpicsFlyer(
        prefix + names.profile, stage=stage, detector=detector, monitor=monitor, name="fly"
    )
    devices = stage, shutter, monitor, detector, flyer
    with let_go_unless_sound(*devices):
        connect(*devices, timeout=timeout)
        detector.check()
    return Station(stage, detector, monitor, shutter, flyer, clock or Clock())


@dataclass(frozen=True)
class LoadingNames:
    """Names of the gas-loading station's process variables, after the prefix.

    Parameters
    ----------
    gas : str
        Begin of the names of valve, pressure and time of opening.
    gate : str
        Begin of the names of the arrays of when each image's gate opened and closed.
    shutter, i0, i0_array, camera, files : str
        As of `MappingNames`.
    wait : str
        Record that lets the time of a simulated station pass; none for real time.
    """

    gas: str = "gas:"
    gate: str = "gate:"
    shutter: str = "shutter"
    i0: str = "i0"
    i0_array: str = ":array"
    camera: str = "det:cam1:"
    files: str = "det:HDF1:"
    wait: str = ""


def epics_loading_station(
    prefix: str,
    data_dir: Path,
    geometry: DetectorGeometry | None = None,
    energy_kev: float = ENERGY_KEV,
    *,
    names: LoadingNames | None = None,
    clock: Clock | None = None,
    timeout: float = 5.0,
) -> LoadingStation:
    """Connect to a gas-loading station.

    Parameters
    ----------
    prefix : str
        Begin of the name of every process variable.
    data_dir : Path
        Folder for the frames; the IOC must see it under the same path.
    geometry : DetectorGeometry, optional
        Where the detector stands, as calibrated; the simulated station's if not given.
    energy_kev : float
        Photon energy, keV.
    names : LoadingNames, optional
        Where they are not called as in ``operando ioc``.
    clock : Clock, optional
        The station's clock; real time if not given.
    timeout : float
        Longest wait for all process variables together, s.

    Returns
    -------
    LoadingStation
        With the devices ``gas``, ``pilatus``, ``i0``, ``shutter``, ``frame`` and ``dwell``.

    Raises
    ------
    MissingPVs, BadInput
        As `epics_mapping_station`.
    """
    require_client()
    names, clock = names or LoadingNames(), clock or Clock()
    gas = EpicsGasCell(prefix + names.gas, name="gas")
    shutter, monitor, detector = _x_ray_side(
        prefix, names, data_dir, geometry or GEOMETRY, energy_kev
    )
    train = EpicsFrameTrain(prefix + names.gate, detector=detector, monitor=monitor, name="frame")
    dwell = (
        EpicsDwell(prefix + names.wait, name="dwell")
        if names.wait
        else Dwell("", name="dwell", clock=clock)
    )
    devices = gas, shutter, monitor, detector, train, dwell
    with let_go_unless_sound(*devices):
        connect(*devices, timeout=timeout)
        detector.check()
    return LoadingStation(gas, detector, monitor, shutter, train, dwell, clock)


def _x_ray_side(
    prefix: str,
    names: MappingNames | LoadingNames,
    data_dir: Path,
    geometry: DetectorGeometry,
    energy_kev: float,
) -> tuple[EpicsShutter, EpicsMonitor, EpicsPilatus]:
    """Make what both stations have."""
    detector = EpicsPilatus(
        prefix,
        camera=names.camera,
        files=names.files,
        data_dir=data_dir,
        geometry=geometry,
        energy_kev=energy_kev,
        name="pilatus",
    )
    monitor = EpicsMonitor(prefix + names.i0, array=names.i0_array, name="i0")
    return EpicsShutter(prefix + names.shutter, name="shutter"), monitor, detector
