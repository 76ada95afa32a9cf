"""The ``operando`` command."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from operando import __version__
from operando.errors import BadInput, OperandoError

app = typer.Typer(
    name="operando",
    help="Experiment control and feedback agents for synchrotron beamlines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
demo = typer.Typer(
    help="Run a whole loop on the simulated station: measure, decide, store, draw.",
    no_args_is_help=True,
)
app.add_typer(demo, name="demo")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="OPERANDO_STORE",
        help="Where runs are kept: a directory (embedded Tiled) or a Tiled server's address.",
    ),
]


def console(quiet: bool = False) -> Console:
    """Messages for people go to stderr, so that stdout holds the answer alone."""
    return Console(stderr=True, quiet=quiet)


def parse_speed(text: str) -> float:
    """Read ``--speed``: a positive number, or ``max`` for no waiting at all.

    Raises
    ------
    BadInput
        If it is neither.

    Examples
    --------
    >>> parse_speed("max")
    inf
    """
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise BadInput(f"--speed is {text!r}; a number above 0 or 'max' is needed")
    return speed


def _version(wanted: bool) -> None:
    if wanted:
        print(f"operando {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Experiment control and feedback agents for synchrotron beamlines."""


@demo.command("mapping")
def demo_mapping(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the specimen and of the noise.")] = 7,
    speed: Annotated[
        str, typer.Option(help="Simulated seconds a real second; 'max' does not wait at all.")
    ] = "max",
    out: Annotated[Path, typer.Option(help="Directory for figures, and the store by default.")] = (
        Path("operando-out")
    ),
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Map a corroded steel section by micro-XRD, label it while it is measured, look again.

    A fast map first, then longer exposures where the agent is least certain. The same dose
    spent on one even raster is measured beside it, so that the gain can be seen.
    """
    from operando.demos.mapping import MappingDemo, run_mapping_demo, summary_table

    settings = MappingDemo(seed=seed, speed=parse_speed(speed), out=out, store=store)
    result = run_mapping_demo(settings, console())
    console().print(summary_table(result))
    if as_json:
        print(json.dumps(result))


@app.command()
def classify(
    files: Annotated[list[Path], typer.Argument(help="xy, xye or csv patterns, or images.")],
    energy: Annotated[float | None, typer.Option(help="Photon energy, keV.")] = None,
    wavelength: Annotated[float | None, typer.Option(help="Wavelength, Å.")] = None,
    poni: Annotated[Path | None, typer.Option(help="pyFAI geometry of the images.")] = None,
    as_json: Json = False,
) -> None:
    """Name the phases in measured patterns: nine probabilities each.

    A text file holds 2θ in degrees and one or more columns of intensity; each column is one
    pattern. An image needs --poni. Patterns of any wavelength are compared by d-spacing.
    """
    from operando.commands.classify import classify_files, labels_table

    result = classify_files(files, energy_kev=energy, wavelength=wavelength, poni=poni)
    console(quiet=as_json).print(labels_table(result))
    if as_json:
        print(json.dumps(result))


def main() -> None:
    """Run the command line; one clear line and status 2 on bad input."""
    try:
        app(standalone_mode=False)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except BadInput as error:
        _fail(error, 2)
    except OperandoError as error:
        _fail(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except Exception as error:
        # click's own usage errors carry their status and a message that names the option.
        if hasattr(error, "format_message"):
            _fail(error.format_message(), getattr(error, "exit_code", 2))
        raise


def _fail(message: Any, status: int) -> None:
    print(f"operando: {' '.join(str(message).split())}", file=sys.stderr)
    sys.exit(status)


