"""RunEngine, store and the simulated focusing station, wired together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from operando.devices.focusing_station import FocusingStation, focusing_station
from operando.session import StoredRuns, stored_runs
from operando.simulations.clock import Clock
from operando.simulations.kb_instrument import KBInstrument
from operando.simulations.kb_optics import random_pair


@dataclass
class FocusingSession(StoredRuns):
    """The focusing station with a RunEngine and a store.

    Parameters
    ----------
    station : FocusingStation
    instrument : KBInstrument
        What mirrors and counters do: the truth, for scoring after a run and for nobody else.
    """

    station: FocusingStation
    instrument: KBInstrument

    def fresh(self, seed: int, speed: float) -> FocusingSession:
        """Give a station like the seed's as it was at first, with the same RunEngine and store."""
        clock = Clock(speed)
        instrument = KBInstrument(random_pair(seed), seed, began=clock.now())
        station = focusing_station(instrument, clock)
        return FocusingSession(self.RE, self.store, self.console, station, instrument)

    @property
    def size_um(self) -> tuple[float, float]:
        """The true size of the beam now (vertical, horizontal), um."""
        return self.instrument.size_um(self.station.clock.now())


@contextmanager
def focusing_session(
    *, seed: int, speed: float, store: str, console: Console | None = None
) -> Iterator[FocusingSession]:
    """Open the simulated focusing station, out of focus, with a store behind it.

    Parameters
    ----------
    seed : int
        Of the misalignment and of everything random in the instrument.
    speed : float
        Simulated seconds in a real one; infinity does not wait.
    store : str
        Directory or address; see `operando.store.open_store`.
    console : Console, optional

    Yields
    ------
    FocusingSession
    """
    with stored_runs(store, console) as runs:
        clock = Clock(speed)
        instrument = KBInstrument(random_pair(seed), seed, began=clock.now())
        station = focusing_station(instrument, clock)
        yield FocusingSession(runs.RE, runs.store, runs.console, station, instrument)
