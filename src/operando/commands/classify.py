"""``operando classify``: name the phases in measured patterns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Dask, Json, console, print_json


def classify(
    files: Annotated[list[Path], typer.Argument(help="xy, xye or csv patterns, or images.")],
    energy: Annotated[float | None, typer.Option(help="Photon energy, keV.")] = None,
    wavelength: Annotated[float | None, typer.Option(help="Wavelength, Å.")] = None,
    poni: Annotated[Path | None, typer.Option(help="pyFAI geometry of the images.")] = None,
    model: Annotated[Path | None, typer.Option(help="Model that operando train wrote.")] = None,
    cif: Annotated[
        list[Path] | None,
        typer.Option(help="Crystal structure of a phase to name as well; may be repeated."),
    ] = None,
    dask: Dask = None,
    as_json: Json = False,
) -> None:
    """Name the phases in measured patterns: nine probabilities each.

    A text file holds 2θ in degrees and one or more columns of intensity; each column is one
    pattern. An image needs --poni. Patterns of any wavelength are compared by d-spacing.

    --cif teaches a phase of your own first, which takes some seconds every time; operando train
    --cif does it once.

    --dask hands files, and portions of their patterns, to the workers of a Dask cluster, which
    must see the files under the same names. The answers are the same.
    """
    from operando.commands.labels import classify_files, labels_table
    from operando.commands.own_phases import taught

    terminal = console(quiet=as_json)
    classifier = taught(cif or [], model, terminal)
    if dask is None:
        result = classify_files(
            files, energy_kev=energy, wavelength=wavelength, poni=poni, classifier=classifier
        )
    else:
        from operando.commands.labels_spread import classify_on
        from operando.spreading import cluster, counting_bar

        with cluster(dask) as workers, counting_bar(console(), "patterns") as shown:
            result = classify_on(
                workers,
                files,
                energy_kev=energy,
                wavelength=wavelength,
                poni=poni,
                classifier=classifier,
                shown=shown,
            )
    terminal.print(labels_table(result))
    if as_json:
        print_json(result)
