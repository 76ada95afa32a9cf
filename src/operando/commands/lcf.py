"""``operando lcf``: which references a spectrum is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.commands.options import Json, console, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from operando.agents.xanes_lcf import LcfResult


def lcf(
    spectrum: Annotated[Path, typer.Argument(help="Spectrum: xdi, xmu or csv.")],
    reference: Annotated[list[Path], typer.Option(help="A reference; give one option for each.")],
    element: Annotated[
        str | None, typer.Option(help="The K edge expected: Mn, Fe, Co or Ni; others are refused.")
    ] = None,
    low: Annotated[float, typer.Option(help="Start of the fit, eV from the edge.")] = -20.0,
    high: Annotated[float, typer.Option(help="End of the fit, eV from the edge.")] = 60.0,
    sum_to_one: Annotated[bool, typer.Option(help="Hold the sum of the fractions at 1.")] = False,
    fit_shift: Annotated[bool, typer.Option(help="Fit a shift of the energy scale too.")] = False,
    as_json: Json = False,
) -> None:
    """Normalise a XANES spectrum and fit it by a sum of references, none negative.

    Files have columns energy (eV) and mu, or energy, i0 and i1. Fractions come with standard
    deviations from the noise of the points and of the normalisation.
    """
    from operando.agents.xanes import normalise
    from operando.agents.xanes_lcf import LcfConfig, linear_combination
    from operando.agents.xas_spectra import read_spectrum
    from operando.errors import BadInput

    if not low < high:
        raise BadInput(f"--low {low:g} is not below --high {high:g}")
    names = [path.name for path in reference]
    if len(set(names)) < len(names):
        names = [str(path) for path in reference]
    if len(set(names)) < len(names):
        raise BadInput(f"reference {max(names, key=names.count)} is given more than once")
    config = LcfConfig(low=low, high=high, sum_to_one=sum_to_one, fit_shift=fit_shift)
    references = {
        name: normalise(read_spectrum(path), element=element)
        for name, path in zip(names, reference, strict=True)
    }
    measured = normalise(read_spectrum(spectrum), element=element)
    result = linear_combination(measured, references, config)
    console(quiet=as_json).print(_table(spectrum.name, result))
    if as_json:
        print_json({"file": str(spectrum), "e0_ev": measured.e0, **result.as_dict()})


def _table(name: str, result: LcfResult) -> Table:
    from rich.table import Table

    table = Table("reference", "fraction", "sd", title=f"{name}: R = {result.r_factor:.2g}")
    for reference, value, sd in zip(result.names, result.fractions, result.sd, strict=True):
        table.add_row(reference, f"{value:.4f}", f"{sd:.4f}")
    table.add_row("sum", f"{result.fractions.sum():.4f}", "")
    if result.energy_shift_sd:
        table.add_row("shift, eV", f"{result.energy_shift:.3f}", f"{result.energy_shift_sd:.3f}")
    return table
