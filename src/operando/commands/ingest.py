"""``operando ingest``: frames of an old beamtime as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Json, Store, console, print_json


def ingest(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of frames: TIFF, CBF, EDF, HDF5.")
    ],
    poni: Annotated[
        Path | None, typer.Option(help="pyFAI geometry; by default the folder's one PONI file.")
    ] = None,
    positions: Annotated[
        Path | None, typer.Option(help="CSV with columns x, y (µm), and if there are, file and i0.")
    ] = None,
    energy: Annotated[float | None, typer.Option(help="Photon energy, keV.")] = None,
    exposure: Annotated[float, typer.Option(help="Exposure of each frame, s.")] = 1.0,
    sample: Annotated[str, typer.Option(help="Name of the sample.")] = "",
    pattern: Annotated[str, typer.Option(help="Which files of the folder.")] = "*",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Register a folder of frames as a run, to be classified and replayed as if it were live.

    Then: operando replay UID --agent mapping
    """
    from operando.commands.stored import opened
    from operando.ingesting import Ingest
    from operando.ingesting import ingest as register

    settings = Ingest(folder, poni, positions, energy, exposure, sample, pattern)
    screen = console()
    with opened(store, screen, create=True) as stored:
        with screen.status("reading") as status:
            result = register(settings, stored, lambda count: status.update(f"{count} frames"))
        waiting = stored.sync().waiting
    result["in_tiled"] = not waiting
    if as_json:
        print_json(result)
    else:
        rows, columns = result["shape"]
        print(f"run {result['uid']}: {result['frames']} frames, a map of {rows} × {columns}")
