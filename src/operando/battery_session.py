"""RunEngine, store and simulated cells of the battery study, wired together."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from operando.devices.xafs_station import BatteryStation, simulated_battery_station
from operando.session import StoredRuns, stored_runs
from operando.simulations.clock import Clock


@dataclass
class BatterySession(StoredRuns):
    """A RunEngine with a store; cells are mounted one after the other.

    Parameters
    ----------
    clock : Clock
        One time for all cells.
    where : str
        "sim", or "epics-sim" for the same station behind EPICS process variables.
    """

    clock: Clock
    where: str = "sim"

    @contextmanager
    def cell(self, seed: int, soc: float = 0.0) -> Iterator[BatteryStation]:
        """Mount a cell at the simulated station.

        Parameters
        ----------
        seed : int
            Of its noise and of the beamline's drifts.
        soc : float
            Its state of charge.

        Yields
        ------
        BatteryStation
            The potentiostat's driver ends with the context.
        """
        if self.where == "epics-sim":
            from operando.ioc.epics_sim import epics_sim_battery

            self.console.print("[dim]starting the soft IOC[/dim]")
            with epics_sim_battery(seed, soc, self.clock) as station:
                yield station
            return
        battery = simulated_battery_station(self.clock, seed, soc=soc)
        try:
            yield battery.station
        finally:
            battery.driver.close()


@contextmanager
def battery_session(
    *, speed: float, store: str, station: str = "sim", console: Console | None = None
) -> Iterator[BatterySession]:
    """Open a store with a RunEngine before it, ready for cells.

    Parameters
    ----------
    speed : float
        Simulated seconds in a real one; infinity does not wait, and then what is measured depends
        on the seed alone.
    store : str
        Directory or address; see `operando.store.open_store`.
    station : str
        "sim", or "epics-sim" for the same station behind EPICS process variables.
    console : Console, optional

    Yields
    ------
    BatterySession
    """
    with stored_runs(store, console) as runs:
        # Of times near 1e9 s the last bits are rounded. From a whole second on they are always
        # rounded alike, so that the same seed gives the same numbers to the last bit.
        clock = Clock(speed, epoch=math.ceil(time.time()))
        yield BatterySession(runs.RE, runs.store, runs.console, clock, station)
