"""RunEngine, store and the simulated gas-loading station, wired together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from operando.devices.loading_station import LoadingStation, simulated_loading_station
from operando.session import StoredRuns, stored_runs
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading, LoadingTruth
from operando.simulations.loading_beamline import LoadingBeamline


@dataclass
class KineticsSession(StoredRuns):
    """The gas-loading station with a RunEngine and a store.

    Parameters
    ----------
    station : LoadingStation
    gas : GasLoading
        What the simulated crystal does: the truth, for scoring after a run and for nobody else.
    """

    station: LoadingStation
    gas: GasLoading


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
    with stored_runs(store, console) as runs:
        clock, gas = Clock(speed), GasLoading(truth)
        source = LoadingBeamline(gas, seed, flux=flux, began=clock.now())
        station = simulated_loading_station(source, clock, runs.store.frames_dir)
        yield KineticsSession(runs.RE, runs.store, runs.console, station, gas)
