"""What the demonstrations share on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operando.commands.options import console, print_json

if TYPE_CHECKING:
    from operando.interrupts import Aborted

Out = Annotated[Path, typer.Option(help="Directory for figures, and the store by default.")]


Live = Annotated[
    bool | None,
    typer.Option(
        "--live/--no-live",
        help="Keep OUT/live.png up to date, and a window where there is a display. "
        "By default when somebody is at the terminal and --speed is not max.",
    ),
]


def wants_live(live: bool | None, speed: str, as_json: bool) -> bool:
    """Decide whether there is a live picture: as told, or if somebody could follow it."""
    if live is not None:
        return live
    return speed != "max" and not as_json and sys.stderr.isatty()


def run_and_tell(
    work: Callable[[], dict[str, Any]],
    table: Callable[[dict[str, Any]], Any],
    as_json: bool,
    aborted: Callable[[Aborted], str],
) -> None:
    """Run a demonstration and print what came of it.

    Parameters
    ----------
    work : callable
        Gives the result.
    table : callable
        Makes the summary of a result.
    as_json : bool
        Whether the result is printed as JSON as well.
    aborted : callable
        Says to whoever ended it by Ctrl-C what became of it, and how to go on.
    """
    from operando.interrupts import Aborted

    try:
        result = work()
    except Aborted as stop:
        print(f"operando: {aborted(stop)}", file=sys.stderr)
        raise typer.Exit(128 + stop.signal_number) from None
    console().print(table(result))
    if as_json:
        print_json(result)
