"""The one place where RunEngine, station, store and agents are wired together."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from operando.confined import readable_folders, reading_within
from operando.devices.station import Station, simulated_mapping_station
from operando.errors import BadInput
from operando.event_loop import event_loop
from operando.harmless import Callback, Harmless
from operando.interrupts import Aborted, run_to_end
from operando.physics.geometry import DetectorGeometry
from operando.remote_control import RemoteControl
from operando.reporting.keeping import KeptRun, own_version
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from operando.store import Store, open_store

#: What ``from operando.session import *`` brings into an IPython profile.
__all__ = ["RE", "agents", "bp", "bps", "catalog", "plans", "sd", "station"]

RE: Any
agents: Any
bp: Any
bps: Any
catalog: Any
plans: Any
sd: Any
station: Any

logger = logging.getLogger(__name__)
#: Simulated stations: in this process, and behind the process variables of an IOC beside it.
STATIONS = ("sim", "epics-sim")


@dataclass
class StoredRuns:
    """A RunEngine whose runs are stored: what the sessions of all stations share.

    Parameters
    ----------
    RE : RunEngine
        Its documents go to the store.
    store : Store
    console : Console
        Where progress is shown.
    reports : Path, optional
        Folder in which every run leaves a report; none does if not given.

    Attributes
    ----------
    written : dict of str to Path
        Reports, by the uid of their run.
    """

    RE: RunEngine
    store: Store
    console: Console
    reports: Path | None = field(default=None, kw_only=True)
    written: dict[str, Path] = field(default_factory=dict, init=False)

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

        Raises
        ------
        Aborted
            If Ctrl-C was pressed twice. Then the shutter is closed, the stage stands, the run
            is closed and stored, and agents that have somewhere to write to have done so.
        """
        progress = new_progress(self.console)
        bar = ProgressCallback(progress, title)
        remote = RemoteControl(self.RE, self.store, agents, self.console.print)
        kept = KeptRun(self.store.documents, self.store.name)
        callbacks: tuple[Callback, ...] = (*agents, bar, remote, kept)
        tokens = [self.RE.subscribe(Harmless(callback)) for callback in callbacks]
        try:
            with progress, remote:
                return run_to_end(
                    self.RE,
                    plan,
                    self.console,
                    on_wait=lambda: stopped(progress),
                    elsewhere=remote.answer,
                )
        except Aborted:
            for agent in agents:
                save_checkpoint(agent)
            raise
        finally:
            for token in tokens:
                self.RE.unsubscribe(token)
            if self.reports and (path := kept.report(self.reports, agents)):
                self.written[kept.uid] = path
                self.console.print(f"report: {path}", markup=False, soft_wrap=True)

    def report_of(self, uid: str) -> str | None:
        """Say where the report of a run is; None if it has none."""
        path = self.written.get(uid)
        return None if path is None else str(path)


@dataclass
class Session(StoredRuns):
    """The mapping station with a RunEngine and a store.

    Parameters
    ----------
    station : Station
    """

    station: Station


@contextmanager
def stored_runs(store: str, console: Console | None = None) -> Iterator[StoredRuns]:
    """Open a store with a RunEngine before it.

    Parameters
    ----------
    store : str
        Directory or address; see `operando.store.open_store`.
    console : Console, optional
        Where progress is shown; stderr if not given.

    Yields
    ------
    StoredRuns
    """
    console = console or Console(stderr=True)
    with (
        event_loop() as loop,
        open_store(store, progress=lambda line: console.print(f"[dim]{line}[/dim]")) as opened,
    ):
        engine = RunEngine({}, loop=loop, call_returns_result=False)
        engine.md["versions"] = {**engine.md["versions"], "operando": own_version()}
        # The RunEngine logs a plan's exception and raises it; whoever catches it tells the user.
        logging.getLogger("bluesky").addHandler(logging.NullHandler())
        engine.subscribe(opened.writer())
        with reading_within(readable_folders(opened.frames_dir)):
            yield StoredRuns(engine, opened, console)


@contextmanager
def mapping_session(
    *,
    seed: int,
    speed: float,
    store: str,
    shape: tuple[int, int] = (95, 80),
    step_um: float = 2.0,
    station: str = "sim",
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
    station : str
        "sim", or "epics-sim" for the same station behind EPICS process variables.
    console : Console, optional

    Yields
    ------
    Session
    """
    with ExitStack() as opened:
        runs = opened.enter_context(stored_runs(store, console))
        frames_dir = runs.store.frames_dir
        if station == "epics-sim":
            from operando.ioc.epics_sim import epics_sim_mapping
            from operando.ioc.settings import IocSettings

            runs.console.print("[dim]starting the soft IOC[/dim]")
            ioc = IocSettings(seed=seed, speed=speed, shape=shape, step_um=step_um)
            devices = opened.enter_context(epics_sim_mapping(ioc, frames_dir))
        else:
            geometry = DetectorGeometry()
            source = MapBeamline(CorrodedSteel(seed, shape, step_um), geometry, seed)
            devices = simulated_mapping_station(source, Clock(speed), frames_dir, geometry)
        yield Session(runs.RE, runs.store, runs.console, devices)


def check_station(name: str) -> None:
    """Refuse, by a BadInput, a name of no simulated station."""
    if name not in STATIONS:
        raise BadInput(f"--station is {name!r}; one of {', '.join(STATIONS)} is needed")


def new_progress(console: Console) -> Progress:
    """Make a bar that shows how many points have been measured and how long it will take."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callback]:
    """Give a callback that shows how many of a run's ``num_points`` have been measured."""
    with new_progress(console) as progress:
        yield ProgressCallback(progress, title)


class ProgressCallback:
    """A callback that shows how many of a run's ``num_points`` have been measured.

    Parameters
    ----------
    progress : Progress
        The bar.
    title : str
        Shown beside it.
    """

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None)
        self._counted: set[str] = set()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "start":
            total = doc.get("num_points")
            self._progress.update(self._task, total=total if isinstance(total, int) else None)
        elif name == "descriptor" and doc.get("name") in ("primary", "revisits"):
            self._counted.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in self._counted:
            self._progress.advance(self._task)
        elif name == "event_page" and doc["descriptor"] in self._counted:
            self._progress.advance(self._task, len(doc["seq_num"]))


@contextmanager
def stopped(progress: Progress) -> Iterator[None]:
    """Take a progress bar off the terminal while a person is asked something."""
    progress.stop()
    try:
        yield
    finally:
        progress.start()


def save_checkpoint(agent: Any) -> None:
    """Have an agent write what it knows, if it has somewhere to; failing that, say so."""
    if getattr(agent, "checkpoint_path", None) is None:
        return
    try:
        agent.checkpoint()
    except Exception as error:  # an agent's trouble must not hide why the run ended
        logger.warning("no checkpoint of the agent: %s", error)


def __getattr__(name: str) -> Any:
    """Begin the session of this process when one of its names is wanted; see `__all__`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # By name, for what a person types into stands above the sessions of the commands.
    interactive = importlib.import_module("operando.interactive.shell")
    return interactive.names()[name]


def default_store(out: Path) -> str:
    """Where a command keeps its runs when it is not told."""
    return str(out / "store")
