"""The station at the prompt: devices by job and role, made when they are first wanted."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.errors import BadInput
from operando.stations.station_file import JOBS, StationFile

if TYPE_CHECKING:
    from operando.devices.focusing_station import FocusingStation
    from operando.devices.loading_station import LoadingStation
    from operando.devices.ring import Ring
    from operando.devices.station import Station
    from operando.devices.xafs_station import BatteryStation, SimulatedBattery
    from operando.interactive.epics_roles import EpicsSide
    from operando.stations.parts import KineticsPart, MappingPart


class StationRoles:
    """The devices of the station, by job and by what they are for.

    ``station.mapping.stage.x`` moves the sample, ``station.battery.cell`` is the potentiostat,
    ``station.kinetics.gas`` the gas cell. A job's devices are made when they are first asked for;
    ``station`` alone lists them.

    Parameters
    ----------
    file : StationFile
        What the station consists of.
    frames_dir : callable
        Gives the folder for detector frames.
    on_open : callable
        Given devices that are to be read before and after every run.
    on_ring : callable
        Given the ring, for plans to wait for its beam.
    """

    def __init__(
        self,
        file: StationFile,
        frames_dir: Callable[[], Path],
        on_open: Callable[[Iterable[Any]], None],
        on_ring: Callable[[Any], None],
    ) -> None:
        self._file, self._frames_dir = file, frames_dir
        self._on_open, self._on_ring = on_open, on_ring
        self._open: dict[str, Any] = {}
        self._cell: SimulatedBattery | None = None
        self._epics: EpicsSide | None = None
        self._lock = threading.RLock()

    @property
    def mapping(self) -> Station:
        """Micro-diffraction: ``stage``, ``detector``, ``monitor``, ``shutter``, ``flyer``."""
        station: Station = self._role("mapping", self._open_mapping)
        return station

    @property
    def battery(self) -> BatteryStation:
        """A cell: ``cell``, ``mono``, ``shutter``, ``xrd``, ``scans``, ``chambers``, ``dose``."""
        station: BatteryStation = self._role("battery", self._open_battery)
        return station

    @property
    def kinetics(self) -> LoadingStation:
        """Gas loading: ``gas``, ``detector``, ``monitor``, ``shutter``, ``train``, ``dwell``."""
        station: LoadingStation = self._role("kinetics", self._open_kinetics)
        return station

    @property
    def focusing(self) -> FocusingStation:
        """Focusing: ``mirrors``, ``stage`` with the edges, ``counters``, ``shutter``, ``dwell``."""
        station: FocusingStation = self._role("focusing", self._open_focusing)
        return station

    @property
    def ring(self) -> Ring:
        """The storage ring: ``current`` (mA) and ``front_end``; plans wait without beam."""
        ring: Ring = self._role("ring", self._open_ring)
        return ring

    def mount_cell(self, seed: int | None = None, soc: float = 0.0) -> BatteryStation:
        """Mount another simulated cell in place of the one that is there.

        Parameters
        ----------
        seed : int, optional
            Of the cell's noise and the beamline's drifts; the station's if not given.
        soc : float
            Its state of charge.

        Returns
        -------
        BatteryStation
            The new ``station.battery``.
        """
        part = self._file.battery
        if part is None or part.kind != "simulated":
            raise BadInput(f"station {self._file.name} has no simulated cell to exchange")
        with self._lock:
            self._unmount()
            self._open["battery"] = self._new_cell(seed, soc)
            station: BatteryStation = self._open["battery"]
            return station

    def opened(self) -> dict[str, Any]:
        """Return the jobs' devices that have been made so far, by job."""
        return dict(self._open)

    def close(self) -> None:
        """Let go of what has a process or a thread of its own."""
        with self._lock:
            self._unmount()
            if (ring := self._open.pop("ring", None)) is not None:
                ring.destroy()
            if self._epics is not None:
                self._epics.close()
                self._epics = None

    def _role(self, job: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            if job not in self._open:
                if getattr(self._file, job) is None:
                    raise BadInput(
                        f"station {self._file.name} has no {job}: there is no [{job}] in "
                        f"{self._file.path}"
                    )
                if job in JOBS and self._file.ring is not None:
                    self._role("ring", self._open_ring)  # plans wait for its beam from now on
                self._open[job] = make()
            return self._open[job]

    def _open_mapping(self) -> Any:
        part = self._file.mapping
        assert part is not None
        real = part.kind != "simulated"
        station = self._over_epics().mapping(part) if real else self._simulated_mapping(part)
        self._on_open([station.stage])
        return station

    def _over_epics(self) -> EpicsSide:
        if self._epics is None:
            from operando.interactive.epics_roles import EpicsSide

            self._epics = EpicsSide(self._file, self._frames_dir)
        return self._epics

    def _simulated_mapping(self, part: MappingPart) -> Station:
        from operando.devices.station import simulated_mapping_station
        from operando.physics.geometry import DetectorGeometry
        from operando.simulations.beamline import MapBeamline
        from operando.simulations.clock import Clock
        from operando.simulations.specimen import CorrodedSteel

        file = self._file
        specimen = CorrodedSteel(file.seed, (part.rows, part.columns), part.step_um)
        geometry = DetectorGeometry()
        source = MapBeamline(specimen, geometry, file.seed)
        station = simulated_mapping_station(source, Clock(file.speed), self._frames_dir(), geometry)
        station.stage.x.limits, station.stage.y.limits = part.x_um, part.y_um
        self._behind_the_ring(station.shutter)
        return station

    def _open_battery(self) -> Any:
        part = self._file.battery
        assert part is not None
        real = part.kind != "simulated"
        station = self._over_epics().battery(part) if real else self._new_cell(None, 0.0)
        self._on_open([station.mono])
        return station

    def _new_cell(self, seed: int | None, soc: float) -> Any:
        from operando.devices.cell_faults import CellLimits
        from operando.devices.xafs_station import simulated_battery_station
        from operando.simulations.clock import Clock

        file, part = self._file, self._file.battery
        assert part is not None
        # From a whole second on, the same seed gives the same numbers to the last bit.
        clock = Clock(file.speed, epoch=math.ceil(time.time()))
        self._cell = simulated_battery_station(
            clock,
            file.seed if seed is None else seed,
            soc=soc,
            limits=CellLimits(part.voltage_v, part.current_a, part.temperature_c),
            scan_s=part.scan_s,
        )
        self._behind_the_ring(self._cell.station.shutter)
        return self._cell.station

    def _unmount(self) -> None:
        if self._cell is not None:
            self._cell.driver.close()
            self._cell = None
            self._open.pop("battery", None)

    def _open_kinetics(self) -> Any:
        part = self._file.kinetics
        assert part is not None
        real = part.kind != "simulated"
        station = self._over_epics().kinetics(part) if real else self._simulated_kinetics(part)
        self._on_open([station.gas])
        return station

    def _simulated_kinetics(self, part: KineticsPart) -> LoadingStation:
        from operando.devices.loading_station import simulated_loading_station
        from operando.simulations.clock import Clock
        from operando.simulations.gas_cell import GasLoading
        from operando.simulations.loading_beamline import LoadingBeamline

        clock = Clock(self._file.speed)
        gas, seed = GasLoading(), self._file.seed
        source = LoadingBeamline(gas, seed, flux=part.flux, began=clock.now())
        station = simulated_loading_station(source, clock, self._frames_dir())
        self._behind_the_ring(station.shutter)
        return station

    def _open_focusing(self) -> Any:
        from operando.devices.focusing_station import simulated_focusing_station
        from operando.simulations.clock import Clock

        station = simulated_focusing_station(Clock(self._file.speed), self._file.seed)
        self._behind_the_ring(station.shutter)
        self._on_open([station.mirrors])
        return station

    def _open_ring(self) -> Any:
        from operando.devices.ring import Ring, epics_ring

        part = self._file.ring
        assert part is not None
        simulated = part.kind == "simulated"
        ring = Ring("", name="ring") if simulated else epics_ring(part.current, part.front_end)
        self._on_open([ring])
        self._on_ring(ring)
        return ring

    def _behind_the_ring(self, shutter: Any) -> None:
        if self._file.ring is not None:
            ring = self.ring
            shutter.upstream = lambda: ring.has_beam

    def __repr__(self) -> str:
        file = self._file
        lines = [f"station {file.name}: {file.title} ({file.path})"]
        for job in (*JOBS, "ring"):
            part = getattr(file, job)
            if part is None:
                continue
            if job in self._open:
                what = ", ".join(f".{role}" for role in roles_of(self._open[job]))
            else:
                what = "made when first used"
            lines.append(f"  station.{job:<9} {part.kind:<10} {what}")
        lines.append("Tab completes; %wa says where everything is")
        return "\n".join(lines)


def roles_of(devices: Any) -> dict[str, Any]:
    """Return the devices of a job by role; signals of the ring likewise."""
    from dataclasses import fields, is_dataclass

    if is_dataclass(devices):
        return {field.name: getattr(devices, field.name) for field in fields(devices)}
    return {name: getattr(devices, name) for name in devices.component_names}
