"""The one place where RunEngine, station, store and agents are wired together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from operando.devices.station import Station, simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from operando.store import Store, open_store

Callback = Callable[[str, Mapping[str, Any]], None]
logger = logging.getLogger(__name__)


@dataclass
class Session:
    """A RunEngine with a station and a store.

    Parameters
    ----------
    RE : RunEngine
    station : Station
    store : Store
    console : Console
        Where progress is shown.
    """

    RE: RunEngine
    station: Station
    store: Store
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def run(self, plan: Any, *agents: Callback, title: str = "measuring") -> str:
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
        with progress_bar(self.console, title) as bar:
            tokens = [self.RE.subscribe(callback) for callback in (*agents, bar)]
            try:
                return str(self.RE(plan)[0])
            finally:
                for token in tokens:
                    self.RE.unsubscribe(token)


@contextmanager
def mapping_session(
    *,
    seed: int,
    speed: float,
    store: str,
    shape: tuple[int, int] = (95, 80),
    step_um: float = 2.0,
    console: Console | None = None,
) -> Iterator[Session]:
    """Open the simulated mapping station with a store behind it.

    Parameters
    ----------
    seed : int
        Seed of the specimen and of everything random in the instrument.
    shape, step_um
        Rows and columns of the section that is in the beam, and their distance in µm.
    speed : float
        Simulated seconds in a real one; infinity does not wait.
    store : str
        Directory or address; see `operando.store.open_store`.
    console : Console, optional

    Yields
    ------
    Session
    """
    console = console or Console(stderr=True)
    with open_store(store, progress=lambda line: console.print(f"[dim]{line}[/dim]")) as opened:
        geometry = DetectorGeometry()
        source = MapBeamline(CorrodedSteel(seed, shape, step_um), geometry, seed)
        station = simulated_mapping_station(source, Clock(speed), opened.frames_dir, geometry)
        engine = RunEngine({}, call_returns_result=False)
        # The RunEngine logs a plan's exception and raises it; whoever catches it tells the user.
        logging.getLogger("bluesky").addHandler(logging.NullHandler())
        engine.subscribe(opened.writer())
        yield Session(engine, station, opened, console)


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callback]:
    """Give a callback that shows how many of a run's ``num_points`` have been measured."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)
        counted: set[str] = set()

        def show(name: str, doc: Mapping[str, Any]) -> None:
            if name == "start":
                progress.update(task, total=doc.get("num_points"))
            elif name == "descriptor" and doc.get("name") in ("primary", "revisits"):
                counted.add(doc["uid"])
            elif name == "event" and doc["descriptor"] in counted:
                progress.advance(task)
            elif name == "event_page" and doc["descriptor"] in counted:
                progress.advance(task, len(doc["seq_num"]))

        yield show


def default_store(out: Path) -> str:
    """Where a command keeps its runs when it is not told."""
    return str(out / "store")
