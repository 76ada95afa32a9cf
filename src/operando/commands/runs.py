"""``operando runs`` and ``operando show``: what is stored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from operando.commands.options import Json, Store, console, plain, print_json
from operando.errors import BadInput

#: Lets ``-1`` be a run instead of an option.
NEGATIVE_NUMBERS = {"ignore_unknown_options": True}

Run = Annotated[
    str,
    typer.Argument(
        metavar="UID",
        help="A uid, its first characters (5 or more), a scan_id, or -1 for the last.",
    ),
]


def runs(
    store: Store = None,
    plan: Annotated[str | None, typer.Option(help="Only runs of this plan.")] = None,
    sample: Annotated[str | None, typer.Option(help="Only runs of this sample.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only runs with this agent.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before, like 2026-11-21T08:30.")] = None,
    until: Annotated[str | None, typer.Option(help="Before.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the stored runs, the newest last."""
    from operando.commands.stored import opened, run_summary

    screen = console()
    earliest, latest = _moment("--since", since), _moment("--until", until)
    with opened(store, screen) as stored:
        found = stored.search(plan=plan, sample=sample, agent=agent, since=earliest, until=latest)
        rows = [run_summary(run) for run in found.values().tail(limit)]
        total = len(found)
        name = stored.name
    if as_json:
        print_json({"store": name, "found": total, "runs": rows})
    else:
        _print_runs(rows, total, name)


def show(
    uid: Run,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw the picture that was live while it was measured.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="File for the picture (png, svg, pdf); else PLAN-UID.png, here."),
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Show one run: its start document, its streams and how it ended; with --plot, its picture."""
    from operando.commands.stored import draw_run, opened, run_summary

    if out is not None and not plot:
        raise BadInput("--out is for the picture of --plot")
    with opened(store, console()) as stored:
        run = stored.find(uid)
        result = run_summary(run) | {
            "start": dict(run.metadata["start"]),
            "stop": dict(run.metadata.get("stop") or {}),
            "streams": {stream: _stream(run[stream]) for stream in stored.streams(run)},
        }
        if plot:
            result["figure"] = str(draw_run(stored, result["uid"], out))
    if as_json:
        print_json(result)
    else:
        _print_run(result)


def _moment(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise BadInput(
            f"{option} is {text!r}; a date or time like 2026-11-21 or 2026-11-21T08:30 is needed"
        ) from None


def _stream(stream: Any) -> dict[str, Any]:
    """Say what a stream's columns are."""
    keys = stream.metadata.get("data_keys", {})
    return {
        "data_keys": {
            key: {
                "dtype": described.get("dtype_numpy") or described["dtype"],
                "shape": list(described["shape"]),
                "units": described.get("units", ""),
                "external": bool(described.get("external")),
            }
            for key, described in keys.items()
        }
    }


def _print_runs(rows: list[dict[str, Any]], total: int, name: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from operando.commands.stored import clock_time

    table = Table(title=f"{total} run(s) in {plain(name)}")
    for title in ("uid", "scan", "began", "plan", "sample", "agent", "events", "ended"):
        side: Any = "right" if title in ("scan", "events") else "left"
        table.add_column(title, justify=side, no_wrap=title in ("uid", "began"))
    for row in rows:
        table.add_row(
            plain(row["uid"][:8]),
            plain(row["scan_id"]),
            clock_time(row["time"]),
            plain(row["plan"]),
            plain(row["sample"]),
            plain(row["agent"]),
            str(sum(row["events"].values())) if row["events"] else "",
            plain(row["exit_status"]) or "[yellow]running[/yellow]",
        )
    Console().print(table)


def _print_run(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from operando.commands.stored import clock_time

    screen = Console()
    about = Table(title=f"run {plain(result['uid'])}", show_header=False)
    about.add_column(style="bold")
    about.add_column(overflow="fold")
    about.add_row("began", clock_time(result["time"]))
    if result["duration_s"] is not None:
        about.add_row("took", f"{result['duration_s']:.1f} s")
    about.add_row("ended", plain(result["exit_status"]) or "[yellow]still running[/yellow]")
    if reason := result["stop"].get("reason"):
        about.add_row("reason", plain(reason))
    shown = ("uid", "time", "hints", "versions")
    for key, value in result["start"].items():
        if key not in shown:
            about.add_row(plain(key), plain(value))
    screen.print(about)
    for stream, said in result["streams"].items():
        table = Table(title=f"{plain(stream)}: {result['events'].get(stream, '?')} events")
        for title in ("key", "type", "shape", "units", "kept as"):
            table.add_column(title)
        for key, described in said["data_keys"].items():
            shape = " × ".join(str(n) for n in described["shape"])
            kept = "frames" if described["external"] else "table"
            table.add_row(*map(plain, (key, described["dtype"], shape, described["units"])), kept)
        screen.print(table)
    if "figure" in result:
        screen.print(f"picture: {plain(result['figure'])}")
