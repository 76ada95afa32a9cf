"""``operando export``: a stored run as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Json, Store, console, print_json
from operando.commands.runs import Run
from operando.errors import BadInput

FORMATS = ("nexus", "csv")


def export(
    uid: Run,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    store: Store = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="nexus or csv; both by default.")
    ] = None,
    frames: Annotated[bool, typer.Option(help="Copy detector frames to the NeXus file.")] = True,
    as_json: Json = False,
) -> None:
    """Write a run as NeXus (HDF5, with plots that a viewer finds by itself) and CSV."""
    from operando.commands.stored import opened
    from operando.store.export import export_run

    chosen = formats or list(FORMATS)
    if bad := [name for name in chosen if name not in FORMATS]:
        raise BadInput(f"--format is {bad[0]!r}; {' or '.join(FORMATS)} is needed")
    screen = console()
    with opened(store, screen) as stored:
        run = stored.find(uid)
        with screen.status("writing") as status:
            copied = 0

            def tell(count: int) -> None:
                nonlocal copied
                copied += count
                status.update(f"writing: {copied} frames")

            paths = export_run(
                stored,
                run,
                folder,
                nexus="nexus" in chosen,
                tables="csv" in chosen,
                frames=frames,
                progress=tell,
            )
        uid = run.metadata["start"]["uid"]
    if as_json:
        print_json({"uid": uid, "files": [str(path) for path in paths]})
    else:
        for path in paths:
            print(path)
