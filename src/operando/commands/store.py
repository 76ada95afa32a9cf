"""``operando store``: what waits to be in Tiled, and sending it there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operando.commands.options import Json, Store, console, plain, print_json

if TYPE_CHECKING:
    from operando.store.facade import Status

app = typer.Typer(help="What a store holds and what waits to be in it.", no_args_is_help=True)


@app.callback()
def _store() -> None:
    """Look at a store: what it holds and what waits to be in it."""


@app.command()
def status(store: Store = None, as_json: Json = False) -> None:
    """Say whether Tiled answers, how many runs it has, and what waits in the journal.

    Nothing is changed or sent.
    """
    from operando.commands.stored import DEFAULT_STORE
    from operando.store.opening import look_into

    _report(look_into(store or DEFAULT_STORE), as_json)


@app.command()
def sync(
    store: Store = None,
    timeout: Annotated[float, typer.Option(min=0.0, help="Longest wait, s.")] = 600.0,
    as_json: Json = False,
) -> None:
    """Close the runs of killed processes and send Tiled what it does not have.

    Exit status 1 when something still waits afterwards.
    """
    from operando.commands.stored import opened

    with opened(store, console()) as stored:
        result = stored.sync(timeout)
    _report(result, as_json)
    if result.waiting or not result.reachable:
        raise typer.Exit(1)


def _report(result: Status, as_json: bool) -> None:
    if as_json:
        print_json(asdict(result))
        return
    from rich.console import Console
    from rich.table import Table

    screen = Console()
    there = f"{result.runs} run(s)" if result.reachable else "[red]does not answer[/red]"
    screen.print(f"{plain(result.store)}: {there}")
    if result.elsewhere:
        uids = ", ".join(plain(uid[:8]) for uid in result.elsewhere)
        screen.print(f"being measured by another process: {uids}")
    if not result.waiting:
        screen.print("nothing waits")
        return
    table = Table(title="waiting for Tiled")
    for title in ("run", "documents", "of them in Tiled", "in memory", "closed", "why"):
        table.add_column(title)
    for run in result.waiting:
        cells: list[Any] = [plain(run.uid[:8]), run.documents, run.uploaded, run.in_memory]
        closed = "yes" if run.closed else "no"
        table.add_row(*map(str, cells), closed, plain(run.problem))
    screen.print(table)
