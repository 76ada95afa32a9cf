"""``operando kinetics``: when a process began, how fast it runs, by which law."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.commands.options import Json, console, plain, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from operando.agents.kinetics_signal import SignalFit


def kinetics(
    file: Annotated[Path, typer.Argument(help="CSV: time (s), value and, if known, sigma.")],
    law: Annotated[
        list[str] | None, typer.Option(help="A law to compare; one option for each.")
    ] = None,
    t0: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Earliest and latest onset, s; the record unless given."),
    ] = None,
    rate: Annotated[
        tuple[float, float] | None, typer.Option(help="Lowest and highest k, 1/s.")
    ] = None,
    ts: Annotated[
        float | None, typer.Option(help="Time to compare the onset with, s (the valve's).")
    ] = None,
    exposure: Annotated[
        float, typer.Option(help="Time that each value is an average over, s, around its time.")
    ] = 0.0,
    direction: Annotated[
        str, typer.Option(help="Which way the signal must go: rise, fall or either.")
    ] = "either",
    as_json: Json = False,
) -> None:
    """Fit onset and rate under several laws and weigh the laws by their evidence.

    Baseline, amplitude and, without sigma, the noise level are integrated out. When there is no
    onset in the record, or it lies before the first point, that is said instead of a number.
    """
    from operando.agents.kinetics_config import KineticsConfig
    from operando.agents.kinetics_signal import fit_signal, natural_rates
    from operando.agents.kinetics_table import read_signal
    from operando.physics.kinetic_laws import DEFAULT_LAWS

    table = read_signal(file)
    config = KineticsConfig(
        laws=tuple(law) if law else DEFAULT_LAWS,
        t0_prior=t0,
        valve_time=ts,
        rate_bounds=rate or natural_rates(table.time),
    )
    fit = fit_signal(
        table.time, table.value, table.sigma, config, exposure=exposure, direction=direction
    )
    terminal = console(quiet=as_json)
    terminal.print(_table(file.name, fit))
    for statement in fit.statements:
        terminal.print(f"note: {statement}", highlight=False, markup=False)
    if as_json:
        print_json({"file": str(file), **fit.as_dict()})


def _table(name: str, fit: SignalFit) -> Table:
    from rich.table import Table

    known = fit.onset == "inside"
    table = Table("law", title=f"{plain(name)}: {fit.summary.frames} points")
    for head in ("t0, s", "k, 1/s", "shape", "log evidence", "probability"):
        table.add_column(head, justify="right")
    for law, model in fit.summary.models.items():
        cells = [
            f"{e.mean:.4g} ± {e.sd:.2g}" if e is not None and known else ""
            for e in (model.t0, model.k, model.shape)
        ]
        table.add_row(law, *cells, f"{model.log_evidence:.2f}", f"{model.probability:.3f}")
    if known:
        both = [f"{e.mean:.4g} ± {e.sd:.2g}" for e in (fit.summary.t0, fit.summary.k)]
        table.add_row("all together", *both, "", "", "")
    return table
