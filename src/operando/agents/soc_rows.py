"""Rows of the table of a charge: one a step, numbers with their standard deviations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando.agents.regression_table import RegressionTable
from operando.agents.soc_documents import SocMeasurement
from operando.agents.soc_library import state_name
from operando.agents.soc_reduction import SHELLS, EdgeResult, ReflectionResult, StepReducer
from operando.errors import AgentError, BadInput

ELEMENTS = ("Ni", "Co", "Mn")
_CELL = {
    "soc": "",
    "v_end": "V",
    "ocv": "V",
    "overpotential": "V",
    "temperature": "degC",
    "rested": "s",
}
#: Columns of the reflection and what `peak_fit` calls them.
_PEAK = {"xc": "xc", "A": "area", "wG": "w_gauss", "wL": "w_lorentz"}
_PEAK_UNITS = {"xc": "deg", "A": "counts deg", "wG": "deg", "wL": "deg"}
OK, PARTIAL, FAILED = "ok", "partial", "failed"

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Parameters
    ----------
    dtype : str
        "number", "integer" or "string", as in an event descriptor.
    units : str
    """

    dtype: str = "number"
    units: str = ""


def columns(states: Sequence[float]) -> dict[str, Column]:
    """List the columns of the table.

    Parameters
    ----------
    states : sequence of float
        States of charge of the references.

    Returns
    -------
    dict of str to Column
        In the order of the table; every measured quantity ``x`` is followed by ``x_sd``.

    Examples
    --------
    >>> named = columns((0.0, 1.3))
    >>> named["Ni_LCF130"].dtype, named["Ni_O_R_sd"].units, len(variables((0, 0.2, 0.4, 0.8, 1.3)))
    ('number', 'angstrom', 44)
    """
    named = {"index": Column("integer"), "revision": Column("integer")}
    named |= {name: Column(units=units) for name, units in _CELL.items()}
    named["dose"] = Column(units="MGy")
    for name, units in _measured(states).items():
        named |= {name: Column(units=units), f"{name}_sd": Column(units=units)}
    for element in ELEMENTS:
        for name in ("LCF_R", "S02", "EXAFS_chi2"):
            named[f"{element}_{name}"] = Column()
    named |= {"XRD_chi2": Column(), "reduction_s": Column(units="s")}
    return named | {name: Column("string") for name in ("status", "notes", "XRD_flags", "library")}


def variables(states: Sequence[float]) -> tuple[str, ...]:
    """Name the variables of a regression: all of the X-rays', as the published table has them."""
    skipped = ("_E", "d003")
    return tuple(name for name in _measured(states) if not name.endswith(skipped))


def _measured(states: Sequence[float]) -> dict[str, str]:
    """Quantities with an uncertainty, and their units."""
    named: dict[str, str] = {}
    for element in ELEMENTS:
        for shell in SHELLS:
            named |= {
                f"{element}_{shell}_R": "angstrom",
                f"{element}_{shell}_DW": "angstrom^2",
            }
        named |= {f"{element}_LCF{state_name(soc)}": "" for soc in states}
        named[f"{element}_E"] = "eV"
    named |= {f"XRD_{name}": units for name, units in _PEAK_UNITS.items()}
    return {**named, "XRD_FWHM": "deg", "d003": "angstrom"}


def begin_row(measurement: SocMeasurement, states: Sequence[float], revision: int) -> Row:
    """Make the row of a step with its electrochemistry; all else is not a number yet."""
    empty: dict[str, Any] = {"number": math.nan, "integer": 0, "string": ""}
    row: Row = {name: empty[column.dtype] for name, column in columns(states).items()}
    row |= {"index": measurement.index, "revision": revision, "dose": measurement.dose_mgy}
    row |= {name: measurement.cell.get(name, math.nan) for name in _CELL}
    return row


def fill_edge(row: Row, element: str, result: EdgeResult) -> None:
    """Enter what one edge says."""
    for state, value in result.fractions.items():
        row[f"{element}_LCF{state}"] = value
        row[f"{element}_LCF{state}_sd"] = result.fractions_sd[state]
    for shell, end in SHELLS.items():
        path = f"{element.lower()}_{end}"
        for column, name, less in (("R", "r", 0.0), ("DW", "sigma2", result.mcmaster)):
            row[f"{element}_{shell}_{column}"] = result.paths[f"{name}_{path}"] - less
            row[f"{element}_{shell}_{column}_sd"] = result.paths.sd_of(f"{name}_{path}")
    row[f"{element}_E"], row[f"{element}_E_sd"] = result.shift_ev, result.shift_sd_ev
    row[f"{element}_LCF_R"] = result.r_factor
    row[f"{element}_S02"] = result.paths["amplitude"]
    row[f"{element}_EXAFS_chi2"] = result.paths.chi_square


def fill_reflection(row: Row, result: ReflectionResult) -> None:
    """Enter what the 003 reflection says."""
    peak = result.peak
    for column, name in _PEAK.items():
        row[f"XRD_{column}"], row[f"XRD_{column}_sd"] = peak[name], peak.sd_of(name)
    row["XRD_FWHM"], row["XRD_FWHM_sd"] = peak.fwhm, peak.fwhm_sd
    row["d003"], row["d003_sd"] = result.d_spacing, result.d_spacing_sd
    row["XRD_chi2"] = peak.chi_square
    # Of two widths that trade off the FWHM is still good: that makes no step incomplete.
    row["XRD_flags"] = ", ".join(peak.flags)


def fill_row(
    row: Row, reducer: StepReducer | None, measurement: SocMeasurement
) -> tuple[list[str], int]:
    """Enter what can be had of a step.

    Parameters
    ----------
    row : dict
        The step's, changed in place.
    reducer : StepReducer, optional
        None before there are any references.
    measurement : SocMeasurement

    Returns
    -------
    notes : list of str
        What could not be had, and why.
    parts : int
        How many of the edges and the reflection could.
    """
    if reducer is None:
        return ["no references yet"], 0
    edges, faults = reducer.edges_of(measurement)
    notes = [*measurement.faults]
    notes += [f"{element}: {reason}" for element, reason in faults.items()]
    for element, result in edges.items():
        fill_edge(row, element, result)
        notes += [f"{element}: {flag}" for flag in result.paths.flags]
    try:
        reflection = reducer.reflection(measurement, edges)
    except BadInput as error:
        return [*notes, f"003: {error}"], len(edges)
    fill_reflection(row, reflection)
    return notes, len(edges) + 1


def regression_table(rows: Sequence[Mapping[str, Any]], states: Sequence[float]) -> RegressionTable:
    """Make the table that explains the open-circuit voltage.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of the table; those that are not complete are left out.
    states : sequence of float
        States of charge of the references.

    Returns
    -------
    RegressionTable

    Raises
    ------
    AgentError
        If too few rows are complete.
    """
    whole = [row for row in rows if row["status"] == OK]
    if len(whole) < 8:
        raise AgentError(f"{len(whole)} complete rows are too few for a regression")
    named = np.array(variables(states))
    values = np.array([[row[name] for name in named] for row in whole], dtype=np.float64)
    known = np.isfinite(values).all(axis=0)
    notes = []
    if len(whole) < len(rows):
        notes.append(f"{len(rows) - len(whole)} rows left out, because incomplete")
    if not known.all():  # a reference that never came
        notes.append(f"left out, because not known at every step: {', '.join(named[~known])}")
    return RegressionTable(
        tuple(named[known].tolist()),
        values[:, known],
        "OCV",
        np.array([row["ocv"] for row in whole]),
        "SOC",
        100.0 * np.array([row["soc"] for row in whole]),
        tuple(notes),
    )
