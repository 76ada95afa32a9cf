"""``operando demo``: whole loops on the simulated station."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import (
    Json,
    Speed,
    Store,
    console,
    parse_shape,
    parse_speed,
    print_json,
)

app = typer.Typer(
    help="Run a whole loop on the simulated station: measure, decide, store, draw.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option(help="Directory for figures, and the store by default.")]


@app.callback()
def _demo() -> None:
    """Run a whole loop on the simulated station: measure, decide, store, draw."""


@app.command()
def mapping(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the specimen and of the noise.")] = 7,
    speed: Speed = "max",
    shape: Annotated[str, typer.Option(help="Rows x columns of the map.")] = "95x80",
    step: Annotated[float, typer.Option(help="Distance between points, µm.")] = 2.0,
    dwell: Annotated[float, typer.Option(help="Mean exposure a point, s.")] = 0.05,
    out: Out = Path("operando-out"),
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Map a corroded steel section by micro-XRD, label it while it is measured, look again.

    A fast map first, then longer exposures where the agent is least certain. The same dose
    spent on one even raster is measured beside it, so that the gain can be seen.
    """
    from operando.demos.mapping import MappingDemo, run_mapping_demo, summary_table

    settings = MappingDemo(
        seed=seed,
        speed=parse_speed(speed),
        out=out,
        store=store,
        shape=parse_shape(shape),
        step_um=step,
        dwell_s=dwell,
    )
    result = run_mapping_demo(settings, console())
    console().print(summary_table(result))
    if as_json:
        print_json(result)
