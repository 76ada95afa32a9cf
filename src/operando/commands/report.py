"""``operando report``: a stored run as a page to send to a colleague."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Json, Store, console, print_json
from operando.commands.runs import Run
from operando.confined import short_name
from operando.errors import BadInput


def report(
    uid: Run,
    out: Annotated[
        Path | None, typer.Option(help="File to write; else report-UID.html, here.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Write the report of a stored run: one page with its figures, decisions and settings.

    It needs no other file, and holds no keys and no folders of this machine.
    """
    from operando.commands.stored import opened
    from operando.figures.panels import with_predecessors
    from operando.reporting.page import write_report

    with opened(store, console()) as stored:
        full = str(stored.find(uid).metadata["start"]["uid"])
        path = out or Path(f"report-{short_name(full)}.html")
        runs = with_predecessors(stored.documents, full)
        try:
            write_report(runs, path, stored.name)
        except OSError as error:
            raise BadInput(f"no report in {path}: {error}") from error
    if as_json:
        print_json({"uid": full, "report": str(path)})
    else:
        print(path)
