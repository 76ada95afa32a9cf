"""RunEngine, store and the simulated gas-loading station, wired together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bluesky import RunEngine
from rich.console import Console

from operando.devices.loading_station import LoadingStation, simulated_loading_station
from operando.session import Session
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading, LoadingTruth
from operando.simulations.loading_beamline import LoadingBeamline
from operando.store import Store, open_store

Callback = Callable[[str, Mapping[str, Any]], None]


@dataclass
class KineticsSession:
    """A RunEngine with the gas-loading station and a store.

    Parameters
    ----------
    RE : RunEngine
    station : LoadingStation
    store : Store
    console : Console
        Where progress is shown.
    gas : GasLoading
        What the simulated crystal does: the truth, for scoring after a run and for nobody else.
    """

    RE: RunEngine
    station: LoadingStation
    store: Store
    console: Console
    gas: GasLoading

    def run(self, plan: Any, *agents: Callback, title: str = "watching") -> str:
        """Run a plan with agents listening, and show how far it is.

        Parameters
        ----------
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
        session = Session(self.RE, self.station, self.store, self.console)  # type: ignore[arg-type]
        return session.run(plan, *agents, title=title)


@contextmanager
def kinetics_session(
    *,
    seed: int,
    speed: float,
    store: str,
    truth: LoadingTruth | None = None,
    flux: float = 1.0,
    console: Console | None = None,
) -> Iterator[KineticsSession]:
    """Open the simulated gas-loading station with a store behind it.

    Parameters
    ----------
    seed : int
        Of everything random in the instrument.
    speed : float
        Simulated seconds in a real one; infinity does not wait.
    store : str
        Directory or address; see `operando.store.open_store`.
    truth : LoadingTruth, optional
        How the crystal loads; as published if not given.
    flux : float
        Relative to that with which the published uncertainties come out.
    console : Console, optional

    Yields
    ------
    KineticsSession
    """
    console = console or Console(stderr=True)
    with open_store(store, progress=lambda line: console.print(f"[dim]{line}[/dim]")) as opened:
        clock, gas = Clock(speed), GasLoading(truth)
        source = LoadingBeamline(gas, seed, flux=flux, began=clock.now())
        station = simulated_loading_station(source, clock, opened.frames_dir)
        engine = RunEngine({}, call_returns_result=False)
        # The RunEngine logs a plan's exception and raises it; whoever catches it tells the user.
        logging.getLogger("bluesky").addHandler(logging.NullHandler())
        engine.subscribe(opened.writer())
        yield KineticsSession(engine, station, opened, console, gas)
