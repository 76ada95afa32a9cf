"""A stored run with all it takes to replay it anywhere, and its replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.confined import readable_folders, reading_within
from operando.plans.progress import lineage
from operando.replaying import Replay, changed_spec, replay_run
from operando.replaying.references import rebuild_with_references

if TYPE_CHECKING:
    from operando.store import Store

Documents = Sequence[tuple[str, Mapping[str, Any]]]
#: Gives, for a title, what is called with each document that has been fed.
Bars = Callable[[str], AbstractContextManager[Callable[[str, Mapping[str, Any]], None] | None]]


def no_bars(title: str) -> AbstractContextManager[None]:
    """Show nothing."""
    return nullcontext()


@dataclass(frozen=True)
class Gathered:
    """What is needed of the store to replay a run; plain data, so that it can travel.

    Parameters
    ----------
    documents : sequence
        Of the run, in the order in which they were emitted.
    earlier : sequence
        Of the runs that it resumes, the oldest first.
    references : mapping of str to sequence
        Of the run that its references were measured in, by its uid.
    own, chosen : mapping
        The run's own agent, and the one that it is fed to.
    readable : tuple of Path
        Folders in which its frames may be.
    """

    documents: Documents
    earlier: Documents
    references: Mapping[str, Documents]
    own: Mapping[str, Any]
    chosen: Mapping[str, Any]
    readable: tuple[Path, ...]

    def agent(self, spec: Mapping[str, Any]) -> Any:
        """Make an agent of a description."""
        return rebuild_with_references(spec, self.documents[0][1], self.references.__getitem__)


def gather(
    stored: Store, uid: str, source: str, agent: str | None, settings: Sequence[str]
) -> Gathered:
    """Read a run; the parameters are those of ``operando replay``."""

    def read(key: str) -> list[Any]:
        return list(stored.documents(key, source))

    documents = read(stored.find(uid).metadata["start"]["uid"])
    start = documents[0][1]
    own = dict(start.get("agent") or {})
    chosen = changed_spec(own, agent, settings)
    earlier = [pair for run in lineage(read, str(start.get("resumes", ""))) for pair in run]
    library = any((spec.get("config") or {}).get("library") for spec in (own, chosen))
    key = str(start.get("references") or "")
    references = {key: read(key)} if key and library else {}
    readable = readable_folders(stored.frames_dir)
    return Gathered(documents, earlier, references, own, chosen, readable)


def replay_gathered(
    run: Gathered, speed: float, bars: Bars = no_bars
) -> tuple[dict[str, Any], Replay]:
    """Replay a run, and with its own agent as well if that is another one.

    Parameters
    ----------
    run : Gathered
    speed : float
        Seconds of the run in a real one.
    bars : callable
        For progress.

    Returns
    -------
    dict
        The JSON object of ``operando replay``.
    Replay
    """
    with reading_within(run.readable):
        return _replayed(run, speed, bars)


def _replayed(run: Gathered, speed: float, bars: Bars) -> tuple[dict[str, Any], Replay]:
    result, built = _feed(run, run.chosen, speed, bars("replaying"))
    report = {
        "uid": result.uid,
        "decisions": result.decisions,
        "compared": result.compared,
        "identical": result.identical,
        "first_difference": result.first_difference,
        "differences": len(result.differences),
        "rounded": result.rounded,
        "same_points": result.same_points,
        "rows": result.rows,
        "agent": built,
        "report": result.report,
        "seconds": round(result.seconds, 3),
        "run_seconds": round(result.run_seconds, 3),
    }
    if run.own and run.chosen != run.own:
        before, spec = _feed(run, run.own, float("inf"), bars("the run's own agent"))
        report["own"] = {"agent": spec, "report": before.report, "identical": before.identical}
    return report, result


def _feed(
    run: Gathered, spec: Mapping[str, Any], speed: float, shown: AbstractContextManager[Any]
) -> tuple[Replay, dict[str, Any]]:
    """Replay with a fresh agent that has read the runs this one resumes; say what it was."""
    agent = run.agent(spec)
    try:
        for name, doc in run.earlier:
            agent(name, doc)
        with shown as bar:
            result = replay_run(run.documents, agent, speed=speed, progress=bar)
        return result, dict(agent.spec()) if hasattr(agent, "spec") else {}
    finally:
        if hasattr(agent, "close"):
            agent.close()
