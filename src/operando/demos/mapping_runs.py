"""The runs of ``operando demo mapping``: the map itself, and an even raster beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bluesky.utils import MsgGenerator
from rich.console import Console

from operando.agents.map_answer import MapAnswer
from operando.agents.mapping_config import MappingConfig
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.demos.mapping_settings import MappingDemo
from operando.plans import (
    Progress,
    StageTime,
    lineage,
    map_adaptive,
    map_fly,
    map_raster,
    map_two_pass,
    stage_time,
)
from operando.plans.budget import Choice, choose_plan
from operando.session import Session
from operando.store import open_store

#: The next question is put when so many points of a batch are left.
LOOKAHEAD = 10


@dataclass(frozen=True)
class Earlier:
    """A map that was begun before.

    Parameters
    ----------
    progress : Progress
        How far it has come.
    documents : list of (str, mapping)
        Of all its runs, oldest first.
    """

    progress: Progress
    documents: list[tuple[str, Mapping[str, Any]]]


def read_earlier(store: str, uid: str, console: Console) -> Earlier:
    """Read the runs of a map that is to be completed.

    Parameters
    ----------
    store : str
        Directory or address of the store.
    uid : str
        The last of them.
    console : Console
        For progress.

    Raises
    ------
    BadInput
        If there is no such run, or it is no map.
    """
    with open_store(store, create=False, progress=lambda line: console.print(line)) as opened:
        documents = [pair for run in lineage(opened.documents, uid) for pair in run]
    return Earlier(Progress.of(documents), documents)


@dataclass
class Measured:
    """What came of one map.

    Parameters
    ----------
    uid : str
        Its last run.
    agent : PhaseMappingAgent
        The agent that followed it.
    choice : Choice
        What was measured.
    seconds : float
        Time it took by the station's clock, s; of the last run when there are several.
    before : MapAnswer or None
        The answer when the agent was first asked.
    """

    uid: str
    agent: PhaseMappingAgent
    choice: Choice
    seconds: float
    before: MapAnswer | None = None


def read_stage_time(session: Session) -> StageTime:
    """Ask the station how fast it is."""
    found: list[StageTime] = []

    def read() -> MsgGenerator:
        found.append((yield from stage_time(session.station)))

    session.RE(read())
    return found[0]


def choose(session: Session, settings: MappingDemo) -> Choice:
    """Decide what is measured: by the time budget if there is one."""
    if settings.budget_s is None:
        return settings.choice()
    return choose_plan(
        settings.grid, settings.budget_s, read_stage_time(session), can_fly=settings.can_fly
    )


def measure_map(session: Session, settings: MappingDemo, earlier: Earlier | None) -> Measured:
    """Measure the map, or what is left of it.

    Parameters
    ----------
    session : Session
    settings : MappingDemo
    earlier : Earlier, optional
        What runs before have measured of it.

    Returns
    -------
    Measured
    """
    choice = choose(session, settings)
    for line in choice.reasons:
        session.console.print(line)
    agent = PhaseMappingAgent(
        MappingConfig(target=settings.target),
        checkpoint_path=settings.out / "mapping-agent.npz",
    )
    settings.out.mkdir(parents=True, exist_ok=True)
    progress = None if earlier is None else earlier.progress
    if earlier is not None:
        for name, doc in earlier.documents:
            agent(name, doc)
        agent.drain()
    began = session.station.clock.now()
    if progress is not None and choice.complete(progress.dose.keys(), progress.revisits):
        uid = progress.uid
        session.console.print(f"run {uid[:8]} has all of it: nothing to measure")
    else:
        uid = session.run(_plan(session, settings, choice, agent, progress), agent, title="map")
    seconds = session.station.clock.now() - began
    return Measured(uid, agent, choice, seconds, agent.answer_when_first_asked)


def _plan(
    session: Session,
    settings: MappingDemo,
    choice: Choice,
    agent: PhaseMappingAgent,
    resume: Progress | None,
) -> MsgGenerator[str]:
    common: dict[str, Any] = {
        "shape": settings.shape,
        "step": settings.step_um,
        "exposure": choice.exposure,
        "sample": settings.sample,
        "seed": settings.seed,
        "resume": resume,
        "md": {"demo": settings.metadata()},
    }
    asked: dict[str, Any] = {"lookahead": LOOKAHEAD, "dose_limit": settings.dose_limit_s}
    if choice.plan == "two-pass":
        return map_two_pass(
            session.station,
            agent,
            **common,
            **asked,
            revisit_exposure=choice.revisit_exposure,
            n_revisits=choice.n_revisits,
            batch=max(-(-choice.n_revisits // settings.rounds), 1),
        )
    if choice.plan == "sparse":
        seconds = settings.budget_s
        return map_adaptive(
            session.station, agent, **common, **asked, n_points=choice.n_points, seconds=seconds
        )
    plan = map_fly if choice.plan == "fly" else map_raster
    return plan(session.station, **common, agent=agent)


def measure_raster(session: Session, settings: MappingDemo, dose_s: float) -> tuple[str, MapAnswer]:
    """Spend a dose on an even raster, flown.

    Parameters
    ----------
    session : Session
    settings : MappingDemo
    dose_s : float
        Exposure of all points together, s.

    Returns
    -------
    tuple of str and MapAnswer
        The run's uid and what an agent makes of it.
    """
    agent = PhaseMappingAgent(name="raster")
    plan = map_fly(
        session.station,
        shape=settings.shape,
        step=settings.step_um,
        exposure=dose_s / settings.points,
        sample=settings.sample,
        seed=settings.seed,
        agent=agent,
    )
    uid = session.run(plan, agent, title="even raster")
    answer = agent.answer()
    agent.close()
    return uid, answer
