"""The runs of ``operando demo battery``: references, a charge, and what is left of a charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_curves import Point, point_of
from operando.agents.soc_library import SocLibrary, library_from
from operando.agents.soc_stepper import ScheduledSteps, SocStepper
from operando.agents.soc_table import SocTableAgent
from operando.battery_session import BatterySession
from operando.demos.battery_settings import BatteryDemo
from operando.devices.xafs_station import SCANS, BatteryStation
from operando.errors import BadInput
from operando.interrupts import Aborted
from operando.plans.battery import soc_stepped
from operando.plans.progress import lineage
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_rows import with_rows
from operando.plans.soc_timetable import SocSettings, completed_steps, voltage_reached

#: The cell that the references are measured on has another seed.
_OTHER_CELL = 10_000
#: Streams that have an event of every complete step.
_STREAMS = ("primary", "xrd", *SCANS)


class ReferencesAborted(Aborted):
    """The person at the keyboard ended the references: there is no charge to go on with."""


@dataclass(eq=False)
class VoltageTrace:
    """A callback that keeps what the potentiostat recorded, for the figure.

    Runs that resume each other are put one after the other.

    Attributes
    ----------
    seconds, volts : list of float
    soc : float
        State of charge at the last record.
    """

    seconds: list[float] = field(default_factory=list)
    volts: list[float] = field(default_factory=list)
    soc: float = 0.0
    _stream: str = ""
    _capacity: float = 1.0
    _offset: float | None = None

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "descriptor" and doc["name"] == "electrochemistry":
            self._stream, self._offset = doc["uid"], None
            config = doc["configuration"]["cell_stream"]["data"]
            self._capacity = float(config["cell_nominal_capacity"])
        elif name == "event" and doc["descriptor"] == self._stream:
            self._take(doc["data"])
        elif name == "event_page" and doc["descriptor"] == self._stream:
            for i in range(len(doc["seq_num"])):
                self._take({key: values[i] for key, values in doc["data"].items()})

    def _take(self, data: Mapping[str, Any]) -> None:
        when = float(data["cell_stream_time"])
        if self._offset is None:
            self._offset = when - (self.seconds[-1] if self.seconds else 0.0)
        self.seconds.append(when - self._offset)
        self.volts.append(float(data["cell_stream_voltage"]))
        self.soc = float(data["cell_stream_charge"]) / self._capacity


@dataclass(frozen=True)
class Earlier:
    """A charge that ended too early.

    Parameters
    ----------
    uid : str
        Its last run.
    documents : sequence
        Of all its runs, the oldest first.
    completed : set of int
        Steps that it measured.
    ended_at : float or None
        Voltage at which the charge came to its end, V; its last step is yet to be measured.
    soc : float
        Where the cell was left.
    start : mapping
        Start document of the last run.
    """

    uid: str
    documents: Sequence[tuple[str, Mapping[str, Any]]]
    completed: set[int]
    ended_at: float | None
    soc: float
    start: Mapping[str, Any]


def read_earlier(session: BatterySession, uid: str, trace: VoltageTrace) -> Earlier:
    """Read a charge that is to be resumed.

    Parameters
    ----------
    session : BatterySession
    uid : str
        Of its last run, or the beginning of that.
    trace : VoltageTrace
        Gets its voltages.

    Raises
    ------
    BadInput
        If there is no such run, or nothing is left to be done.
    """
    store = session.store
    runs = lineage(store.documents, str(store.find(uid).metadata["start"]["uid"]))
    documents = [pair for run in runs for pair in run]
    completed: set[int] = set()
    for run in runs:
        completed |= completed_steps(((name, dict(doc)) for name, doc in run), _STREAMS)
    start = next(doc for name, doc in runs[-1] if name == "start")
    stop = next((doc for name, doc in runs[-1] if name == "stop"), {})
    if stop.get("exit_status") == "success":
        raise BadInput(f"run {start['uid']} came to its end: there is nothing to resume")
    ended_at = voltage_reached(documents, float(start["until"]))
    for name, doc in documents:
        trace(name, doc)
    return Earlier(str(start["uid"]), documents, completed, ended_at, trace.soc, start)


def measure_references(
    session: BatterySession, settings: BatteryDemo
) -> tuple[str, SocLibrary, list[Point]]:
    """Charge another cell through the reference states, with more scans at each.

    Returns
    -------
    uid : str
    library : SocLibrary
    points : list of tuple of float
        What that cell says of the curves, see `operando.agents.soc_curves.point_of`.
    """
    states, seed = SocTableConfig().states, settings.seed + _OTHER_CELL
    agent = SocTableAgent(SocTableConfig(learn=False), name="references")
    repeats = settings.reference_repeats
    with session.cell(seed) as station:
        plan = soc_adaptive(
            station.cell,
            station,
            ScheduledSteps(states[1:], repeats),
            settings=SocSettings(rest=settings.rest, repeats=repeats),
            report=lambda text: None,
            sample=f"references: simulated NCM111 half-cell, seed {seed}",
            seed=seed,
            md={"num_points": len(states)},
        )
        try:
            uid = session.run(plan, agent, title="references, another cell")
        except Aborted as stop:
            raise ReferencesAborted(stop.uid, stop.signal_number) from None
    library = library_from(agent.measurements(), states, source=f"run {uid}")
    agent.use(library)
    points = [point_of(row, states) for row in agent.rows()]
    agent.close()
    return uid, library, [point for point in points if point is not None]


def charging_agent(
    settings: BatteryDemo, library: SocLibrary, points: Sequence[Point]
) -> SocTableAgent:
    """Make the agent that follows a charge; for ``--plan adaptive`` it chooses the steps too."""
    directory = settings.out / f"references-{library.version}"
    directory.mkdir(parents=True, exist_ok=True)
    path: Path = directory / "library.npz"
    library.save(path)
    if settings.plan == "adaptive":
        known = {"library": str(path), "earlier": tuple(points)}
        return SocStepper(settings.stepper(known))
    return SocTableAgent(SocTableConfig(library=str(path), seed=settings.seed))


def measure_charge(
    session: BatterySession,
    settings: BatteryDemo,
    agent: SocTableAgent,
    trace: VoltageTrace,
    references: str,
    earlier: Earlier | None = None,
) -> str:
    """Charge the cell, or charge on, with the agent listening.

    Parameters
    ----------
    session : BatterySession
    settings : BatteryDemo
    agent : SocTableAgent
    trace : VoltageTrace
    references : str
        Uid of the references' run, for the start document.
    earlier : Earlier, optional
        The charge to go on with. Its cell is mounted as it was left, in a spot without dose.

    Returns
    -------
    str
        The run's uid.
    """
    md: dict[str, Any] = {"references": references, "rest_target": settings.rest_target}
    for name, doc in earlier.documents if earlier else ():
        agent(name, doc)
    if earlier:
        md["resumes"] = earlier.uid
    title = f"charge to {settings.until:g} V"
    with session.cell(settings.seed, soc=earlier.soc if earlier else 0.0) as station:
        plan = _charge(station, settings, agent, md, earlier)
        return session.run(with_rows(plan, agent), agent, trace, title=title)


def _charge(
    station: BatteryStation,
    settings: BatteryDemo,
    agent: SocTableAgent,
    md: dict[str, Any],
    earlier: Earlier | None,
) -> Any:
    common: dict[str, Any] = {
        "sample": f"simulated NCM111 half-cell, seed {settings.seed}",
        "seed": settings.seed,
        "report": lambda text: None,
        "rest_rule": settings.rest_rule(),
    }
    steps = settings.step_settings()
    if isinstance(agent, SocStepper):
        md["num_points"] = agent.settings.budget
        return soc_adaptive(station.cell, station, agent, settings=steps, md=md, **common)
    completed = earlier.completed if earlier else set()
    first = steps.first(earlier.soc) if earlier else 0
    md["num_points"] = len(set(range(first, steps.last() + 1)) - completed)
    return soc_stepped(
        station.cell,
        station,
        step=settings.step,
        rest=settings.rest,
        rest_slope=settings.rest_slope,
        until=settings.until,
        repeats=settings.repeats,
        completed=completed,
        ended_at=earlier.ended_at if earlier else None,
        agent=agent,
        md=md,
        **common,
    )
