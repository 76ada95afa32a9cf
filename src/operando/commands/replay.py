"""``operando replay``: a stored run through an agent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from operando.commands.options import Json, Speed, Store, console, parse_speed, print_json
from operando.commands.runs import Run
from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.replaying import Replay

SOURCES = ("best", "journal", "tiled", "tables")


def replay(
    uid: Run,
    verify: Annotated[
        bool, typer.Option("--verify", help="Exit 1, with a table, if any decision or row differs.")
    ] = False,
    agent: Annotated[str | None, typer.Option(help="Another agent than the run's own.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting of the agent."),
    ] = None,
    speed: Speed = "max",
    source: Annotated[str, typer.Option(help=f"Where from: {', '.join(SOURCES)}.")] = "best",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Feed a stored run to a fresh agent, and compare what it decides with what was decided.

    The agent is rebuilt from the run's start document. With --agent or --set another one is fed
    the same documents, beside it: what would that have chosen?
    """
    from operando.commands.stored import opened
    from operando.plans.progress import lineage
    from operando.replaying import changed_spec
    from operando.replaying.references import rebuild_with_references
    from operando.session import progress_bar

    if source not in SOURCES:
        raise BadInput(f"--source is {source!r}; {', '.join(SOURCES)} are there")
    pace, screen = parse_speed(speed), console()
    with opened(store, screen) as stored:
        documents = list(stored.documents(stored.find(uid).metadata["start"]["uid"], source))
        own = dict(documents[0][1].get("agent") or {})
        chosen = changed_spec(own, agent, settings or [])
        resumed = str(documents[0][1].get("resumes", ""))

        def read(key: str) -> list[Any]:
            return list(stored.documents(key, source))

        runs = lineage(read, resumed)
        earlier = [pair for run in runs for pair in run]
        replayed = rebuild_with_references(chosen, documents[0][1], read)
        with progress_bar(screen, "replaying") as bar:
            result, built = _feed(documents, replayed, pace, bar, earlier)
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
        if own and chosen != own:
            original = rebuild_with_references(own, documents[0][1], read)
            with progress_bar(screen, "the run's own agent") as bar:
                before, spec = _feed(documents, original, float("inf"), bar, earlier)
            report["own"] = {"agent": spec, "report": before.report, "identical": before.identical}
    if not as_json:
        _print(report, result)
    elif result.differences and verify:
        _print_differences(result, screen)
    if as_json:
        print_json(report)
    if verify and not result.identical:
        raise typer.Exit(1)


def _feed(
    documents: list[Any], agent: Any, speed: float, bar: Any, earlier: list[Any]
) -> tuple[Replay, dict[str, Any]]:
    """Replay with a fresh agent that has read the runs this one resumes; say what it was."""
    from operando.replaying import replay_run

    try:
        for name, doc in earlier:
            agent(name, doc)
        result = replay_run(documents, agent, speed=speed, progress=bar)
        return result, dict(agent.spec()) if hasattr(agent, "spec") else {}
    finally:
        if hasattr(agent, "close"):
            agent.close()


def _print(report: dict[str, Any], result: Replay) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    screen = Console()
    own = report.get("own")
    table = Table(title=f"replay of run {report['uid']}")
    table.add_column("")
    if own:
        table.add_column("the run's own agent")
    table.add_column("replayed agent")
    specs = [*([own["agent"]] if own else []), report["agent"]]
    reports = [*([own["report"]] if own else []), report["report"]]
    for key in ("class", "config", "model_version"):
        table.add_row(key, *(escape(str(spec.get(key, ""))) for spec in specs))
    for key in dict.fromkeys(key for one in reports for key in one):
        table.add_row(key, *(escape(_short(one.get(key))) for one in reports))
    screen.print(table)
    screen.print(
        f"{report['decisions']} decisions, {report['compared']} of them the agent's own; "
        f"{report['same_points']} at the same point; {report['rows']} rows of a table; "
        + ("all as recorded" if result.identical else f"{report['differences']} figures differ")
    )
    faster = report["run_seconds"] / max(report["seconds"], 1e-9)
    screen.print(f"{report['seconds']:.1f} s, {faster:.0f} × faster than the run")
    if result.differences:
        _print_differences(result, screen)


def _print_differences(result: Replay, screen: Any) -> None:
    """Show the first decision that differs, figure by figure."""
    from rich.markup import escape
    from rich.table import Table

    first = result.differences[0]
    kind = "decision" if first.stream == "decisions" else f"row of {first.stream}"
    table = Table(title=f"{kind} {first.decision} (from 0) differs")
    for title in ("", "recorded", "replayed"):
        table.add_column(title)
    for one in result.differences:
        if (one.stream, one.decision) == (first.stream, first.decision):
            table.add_row(one.key, escape(str(one.stored)), escape(str(one.replayed)))
    screen.print(table)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return "" if value is None else str(value)
