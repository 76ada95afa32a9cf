"""``operando replay``: stored runs through an agent again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operando.commands.options import (
    Dask,
    Json,
    Speed,
    Store,
    console,
    parse_speed,
    plain,
    print_json,
)
from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.replaying import Replay

SOURCES = ("best", "journal", "tiled", "tables")


def replay(
    uids: Annotated[
        list[str],
        typer.Argument(
            metavar="UID...",
            help="A uid, its first characters (5 or more), a scan_id, or -1 for the last.",
        ),
    ],
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
    dask: Dask = None,
    as_json: Json = False,
) -> None:
    """Feed stored runs to a fresh agent, and compare what it decides with what was decided.

    The agent is rebuilt from the run's start document. With --agent or --set another one is fed
    the same documents, beside it: what would that have chosen?

    --dask hands whole runs to the workers of a Dask cluster, one to each: the decisions of a run
    follow from one another, so one run is not shared out. Workers get the documents from here and
    read the frames from their files, which they must see under the same names.
    """
    from operando.commands.replaying_runs import gather, replay_gathered
    from operando.commands.stored import opened
    from operando.session import progress_bar

    if source not in SOURCES:
        raise BadInput(f"--source is {source!r}; {', '.join(SOURCES)} are there")
    pace, screen = parse_speed(speed), console()
    done: list[tuple[dict[str, Any], Replay]] = []
    with opened(store, screen) as stored:
        if dask is None:
            for uid in uids:
                run = gather(stored, uid, source, agent, settings or [])
                done.append(replay_gathered(run, pace, partial(progress_bar, screen)))
        else:
            from operando.spreading import cluster, counting_bar

            with cluster(dask) as workers, counting_bar(screen, "runs") as shown:
                runs = (gather(stored, uid, source, agent, settings or []) for uid in uids)
                chunks = [workers.submit(replay_gathered, run, pace) for run in runs]
                for one in workers.results(chunks):
                    done.append(one)
                    shown(len(done), len(chunks))
    for report, result in done:
        if not as_json:
            _print(report, result)
        elif result.differences and verify:
            _print_differences(result, screen)
    identical = all(result.identical for _, result in done)
    if as_json:
        reports = [report for report, _ in done]
        several = {"identical": identical, "runs": reports}
        print_json(reports[0] if len(reports) == 1 else several)
    if verify and not identical:
        raise typer.Exit(1)


def _print(report: dict[str, Any], result: Replay) -> None:
    from rich.console import Console
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
        table.add_row(key, *(plain(spec.get(key)) for spec in specs))
    for key in dict.fromkeys(key for one in reports for key in one):
        table.add_row(plain(key), *(plain(_short(one.get(key))) for one in reports))
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
    from rich.table import Table

    first = result.differences[0]
    kind = "decision" if first.stream == "decisions" else f"row of {first.stream}"
    table = Table(title=f"{kind} {first.decision} (from 0) differs")
    for title in ("", "recorded", "replayed"):
        table.add_column(title)
    for one in result.differences:
        if (one.stream, one.decision) == (first.stream, first.decision):
            table.add_row(plain(one.key), plain(one.stored), plain(one.replayed))
    screen.print(table)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return "" if value is None else str(value)
