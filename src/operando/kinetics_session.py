"""RunEngine, store and the simulated gas-loading station, wired together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console

from operando.devices.loading_station import LoadingStation, simulated_loading_station
from operando.session import StoredRuns, stored_runs
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading, LoadingTruth
from operando.simulations.loading_beamline import LoadingBeamline


class HasOnset(Protocol):
    """A crystal of which it is known when it begins to load."""

    @property
    def onset(self) -> float | None:
        """When it begins to load, s of the station's clock; None while it is evacuated."""
        ...


@dataclass(frozen=True)
class BehindTheValve:
    """A simulated crystal in an IOC: it begins a known time after the valve has opened.

    Parameters
    ----------
    station : LoadingStation
        Its valve says when it opened.
    delay : float
        s.
    """

    station: LoadingStation
    delay: float

    @property
    def onset(self) -> float | None:
        """When it begins to load, s of the station's clock."""
        return float(self.station.gas.opened_at) + self.delay


@dataclass
class KineticsSession(StoredRuns):
    """The gas-loading station with a RunEngine and a store.

    Parameters
    ----------
    station : LoadingStation
    gas : HasOnset
        What the simulated crystal does: the truth, for scoring after a run and for nobody else.
    """

    station: LoadingStation
    gas: HasOnset


@contextmanager
def kinetics_session(
    *,
    seed: int,
    speed: float,
    store: str,
    truth: LoadingTruth | None = None,
    flux: float = 1.0,
    station: str = "sim",
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
    station : str
        "sim", or "epics-sim" for the same station behind EPICS process variables.
    console : Console, optional

    Yields
    ------
    KineticsSession
    """
    with ExitStack() as opened:
        runs = opened.enter_context(stored_runs(store, console))
        frames_dir, truth = runs.store.frames_dir, truth or LoadingTruth()
        gas: HasOnset
        if station == "epics-sim":
            from operando.ioc.epics_sim import epics_sim_loading
            from operando.ioc.settings import IocSettings

            runs.console.print("[dim]starting the soft IOC[/dim]")
            ioc = IocSettings("kinetics", seed=seed, speed=speed, flux=flux, truth=truth)
            devices = opened.enter_context(epics_sim_loading(ioc, frames_dir))
            gas = BehindTheValve(devices, truth.delay)
        else:
            clock, gas = Clock(speed), GasLoading(truth)
            source = LoadingBeamline(gas, seed, flux=flux, began=clock.now())
            devices = simulated_loading_station(source, clock, frames_dir)
        yield KineticsSession(runs.RE, runs.store, runs.console, devices, gas)
