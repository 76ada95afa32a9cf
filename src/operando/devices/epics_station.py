"""Stations over EPICS: the same roles as the simulated ones have, on process variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operando.devices.epics_beam import EpicsMonitor, EpicsShutter
from operando.devices.epics_flyer import EpicsFlyer
from operando.devices.epics_pilatus import EpicsPilatus
from operando.devices.epics_signals import connect, require_client
from operando.devices.epics_stage import EpicsStage
from operando.devices.station import Station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.clock import Clock


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
    shutter = EpicsShutter(prefix + names.shutter, name="shutter")
    monitor = EpicsMonitor(prefix + names.i0, array=names.i0_array, name="i0")
    detector = EpicsPilatus(
        prefix,
        camera=names.camera,
        files=names.files,
        data_dir=data_dir,
        geometry=geometry or DetectorGeometry(),
        energy_kev=energy_kev,
        name="pilatus",
    )
    flyer = EpicsFlyer(
        prefix + names.profile, stage=stage, detector=detector, monitor=monitor, name="fly"
    )
    connect(stage, shutter, monitor, detector, flyer, timeout=timeout)
    detector.check()
    return Station(stage, detector, monitor, shutter, flyer, clock or Clock())
