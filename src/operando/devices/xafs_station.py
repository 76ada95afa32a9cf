"""The battery station: a cell on its potentiostat, and what the X-rays are measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ophyd import Device

from operando.devices.cell_faults import CellLimits
from operando.devices.driver_port import DriverPort, Recording
from operando.devices.monochromator import Monochromator
from operando.devices.point_chambers import PointChambers
from operando.devices.potentiostat import Potentiostat
from operando.devices.potentiostat_driver import PotentiostatDriver
from operando.devices.quick_scan import EdgeGrid, QuickScan
from operando.devices.shutter import Shutter
from operando.devices.station import HasNow
from operando.devices.strip_detector import StripDetector
from operando.simulations.cell import CellModel, Electrode
from operando.simulations.cell_circuit import EquivalentCircuit
from operando.simulations.cell_leads import Leads
from operando.simulations.xafs_beamline import BeamlineSettings, XafsBeamline

if TYPE_CHECKING:
    from operando.simulations.clock import Clock

#: Streams of the quick scans, and the elements of each.
SCANS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"xafs_ni_co": ("Co", "Ni"), "xafs_mn": ("Mn",)}
)


class DoseMeter(Device):  # type: ignore[misc]
    """Dose that the spot has absorbed, MGy, counted from flux and exposures.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    beamline : XafsBeamline
        Where the beam comes from.
    clock : Clock
        The station's clock.
    """

    def __init__(self, *args: Any, beamline: XafsBeamline, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._beamline, self._clock = beamline, clock

    @property
    def rate(self) -> float:
        """Dose that the open beam gives, MGy/s."""
        return self._beamline.dose_rate

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the dose."""
        return {self.name: {"value": self._beamline.dose, "timestamp": self._clock.now()}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the dose."""
        key = {"source": f"SIM:{self.name}", "dtype": "number", "dtype_numpy": "<f8"}
        return {self.name: {**key, "shape": [], "units": "MGy"}}

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [self.name]}


@dataclass(frozen=True)
class BatteryStation:
    """The devices of the battery study, by what they are for.

    Parameters
    ----------
    cell : Potentiostat
        Charges and watches the cell.
    mono : Monochromator
        Photon energy.
    shutter : Shutter
        Lets the beam through.
    xrd : StripDetector
        The 003 reflection.
    scans : mapping of str to QuickScan
        Quick XAFS scans, by the stream they go to.
    chambers : PointChambers
        The same ion chambers, for step scans.
    dose : DoseMeter
        What the spot has absorbed.
    clock : Clock
        The time of all of them.
    """

    cell: Potentiostat
    mono: Any
    shutter: Any
    xrd: Any
    scans: Mapping[str, Any]
    chambers: Any
    dose: Any
    clock: HasNow


@dataclass(frozen=True)
class SimulatedBattery:
    """A battery station with what stands behind it; agents never see the latter.

    Parameters
    ----------
    station : BatteryStation
        The devices.
    driver : PotentiostatDriver
        The potentiostat's controller.
    leads : Leads
        Leads whose faults can be set, and the cell.
    beamline : XafsBeamline
        Beam and specimen; has the truth for scoring.
    """

    station: BatteryStation
    driver: PotentiostatDriver
    leads: Leads
    beamline: XafsBeamline


def simulated_battery_station(
    clock: Clock,
    seed: int = 0,
    *,
    electrode: Electrode | None = None,
    cell: CellModel | None = None,
    soc: float = 0.0,
    limits: CellLimits | None = None,
    recording: Recording | None = None,
    settings: BeamlineSettings | None = None,
    scan_s: float = 60.0,
) -> SimulatedBattery:
    """Build the simulated battery station.

    Parameters
    ----------
    clock : Clock
        The station's clock.
    seed : int
        Of all noise and drifts.
    electrode : Electrode, optional
        What is in the cell; 10 mg of active material if not given.
    cell : CellModel, optional
        The cell; an equivalent circuit if not given.
    soc : float
        State of charge at the start, of the equivalent circuit; the potentiostat's count begins
        there.
    limits : CellLimits, optional
        Hard limits of the potentiostat.
    recording : Recording, optional
        When the potentiostat records.
    settings : BeamlineSettings, optional
        Flux, dark currents, drifts.
    scan_s : float
        Counting time of each quick scan, s.

    Returns
    -------
    SimulatedBattery
        With the devices ``cell``, ``mono``, ``shutter``, ``xrd``, ``xafs_ni_co``, ``xafs_mn``,
        ``chambers`` and ``dose``.
    """
    electrode = electrode or Electrode()
    model = cell or EquivalentCircuit(electrode, soc=soc)
    leads = Leads(model, seed)
    counted = model.soc * model.nominal_capacity
    driver = PotentiostatDriver(leads, clock, limits, recording, charge=counted)
    beamline = XafsBeamline(lambda: model.soc, seed, settings, origin=clock.now())
    station = battery_station(driver, beamline, clock, electrode, limits, scan_s=scan_s)
    return SimulatedBattery(station, driver, leads, beamline)


def battery_station(
    driver: DriverPort,
    beamline: XafsBeamline,
    clock: Clock,
    electrode: Electrode,
    limits: CellLimits | None = None,
    *,
    scan_s: float = 60.0,
) -> BatteryStation:
    """Put the devices together around a potentiostat's driver, here or in another process.

    Parameters
    ----------
    driver : DriverPort
        The potentiostat's controller.
    beamline : XafsBeamline
        Where the beam comes from.
    clock : Clock
        The station's clock.
    electrode : Electrode
        What is in the cell.
    limits : CellLimits, optional
        The driver's limits, for the descriptors.
    scan_s : float
        Counting time of each quick scan, s.

    Returns
    -------
    BatteryStation
    """
    potentiostat = Potentiostat(
        "",
        name="cell",
        driver=driver,
        nominal_capacity=electrode.nominal_capacity,
        active_mass=electrode.active_mass,
        limits=limits,
    )
    mono = Monochromator("", name="mono", clock=clock)
    shutter = Shutter("", name="shutter", clock=clock)
    common: dict[str, Any] = {
        "beamline": beamline,
        "mono": mono,
        "shutter": shutter,
        "clock": clock,
    }
    scans = {
        name: QuickScan("", name=name, grid=EdgeGrid(elements), duration=scan_s, **common)
        for name, elements in SCANS.items()
    }
    return BatteryStation(
        cell=potentiostat,
        mono=mono,
        shutter=shutter,
        xrd=StripDetector("", name="xrd", **common),
        scans=MappingProxyType(scans),
        chambers=PointChambers("", name="chambers", **common),
        dose=DoseMeter("", name="dose", beamline=beamline, clock=clock),
        clock=clock,
    )
