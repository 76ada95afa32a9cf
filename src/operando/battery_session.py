"""RunEngine, store and simulated cells of the battery study, wired together."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bluesky import RunEngine
from rich.console import Console

from operando.devices.xafs_station import BatteryStation, simulated_battery_station
from operando.session import Session
from operando.simulations.clock import Clock
from operando.store import Store, open_store

Callback = Callable[[str, Mapping[str, Any]], None]


@dataclass
class BatterySession:
    """A RunEngine with a store; cells are mounted one after the other.

    Parameters
    ----------
    RE : RunEngine
    store : Store
    clock : Clock
        One time for all cells.
    console : Console
        Where progress is shown.
    """

    RE: RunEngine
    store: Store
    clock: Clock
    console: Console

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
        battery = simulated_battery_station(self.clock, seed, soc=soc)
        try:
            yield battery.station
        finally:
            battery.driver.close()

    def run(
        self, station: BatteryStation, plan: Any, *agents: Callback, title: str = "charging"
    ) -> str:
        """Run a plan with agents listening, and show how far it is.

        Parameters
        ----------
        station : BatteryStation
            What the plan works with.
        plan : generator
        *agents : callable
            Each gets every document of the run.
        title : str
            Shown beside the progress bar.

        Returns
        -------
        str
            The run's uid.
        """
        # A Session only keeps its station for whoever works with it by hand.
        session = Session(self.RE, station, self.store, self.console)  # type: ignore[arg-type]
        return session.run(plan, *agents, title=title)


@contextmanager
def battery_session(
    *, speed: float, store: str, console: Console | None = None
) -> Iterator[BatterySession]:
    """Open a store with a RunEngine before it, ready for cells.

    Parameters
    ----------
    speed : float
        Simulated seconds in a real one; infinity does not wait, and then what is measured depends
        on the seed alone.
    store : str
        Directory or address; see `operando.store.open_store`.
    console : Console, optional

    Yields
    ------
    BatterySession
    """
    console = console or Console(stderr=True)
    with open_store(store, progress=lambda line: console.print(f"[dim]{line}[/dim]")) as opened:
        engine = RunEngine({}, call_returns_result=False)
        # The RunEngine logs a plan's exception and raises it; whoever catches it tells the user.
        logging.getLogger("bluesky").addHandler(logging.NullHandler())
        engine.subscribe(opened.writer())
        # Of times near 1e9 s the last bits are rounded. From a whole second on they are always
        # rounded alike, so that the same seed gives the same numbers to the last bit.
        clock = Clock(speed, epoch=math.ceil(time.time()))
        yield BatterySession(engine, opened, clock, console)
