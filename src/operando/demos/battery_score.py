"""What a table says of a simulated cell, held against the truth; only ever after the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operando.agents.soc_reduction import SHELLS
from operando.simulations.ncm_specimen import METALS, REFERENCE_SOC, Structure, structure

#: The quantities that the coverage is about.
JUDGED = ("lcf", "r_mo", "d003")


@dataclass
class Errors:
    """Errors of one kind of quantity, and the standard deviations that were stated."""

    error: list[float] = field(default_factory=list)
    sd: list[float] = field(default_factory=list)

    def add(self, row: Mapping[str, Any], name: str, truth: float) -> None:
        """Compare one number of a row; what is not known is no error."""
        if np.isfinite(row[name]):
            self.error.append(row[name] - truth)
            self.sd.append(row[f"{name}_sd"])

    @property
    def rms(self) -> float:
        """Root mean square."""
        return float(np.sqrt(np.mean(np.square(self.error)))) if self.error else float("nan")

    @property
    def largest(self) -> float:
        """Largest error."""
        return float(np.max(np.abs(self.error))) if self.error else float("nan")

    @property
    def within(self) -> list[bool]:
        """Whether each error is within two of its standard deviations."""
        pairs = zip(self.error, self.sd, strict=True)
        return [abs(error) <= 2.0 * sd for error, sd in pairs]


def truth_of(row: Mapping[str, Any]) -> Structure:
    """Tell what the X-rays of a row saw; a simulated cell's counted charge is the true one."""
    return structure(float(row["soc"]), float(row["dose"]))


def compare(rows: Sequence[Mapping[str, Any]]) -> dict[str, Errors]:
    """Hold a table against the truth.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of `operando.agents.soc_table.SocTableAgent`.

    Returns
    -------
    dict of str to Errors
        ``lcf``, ``r_mo``, ``d003`` and, beyond what is judged, ``r`` (other distances) and
        ``sigma2``.
    """
    found = {kind: Errors() for kind in (*JUDGED, "r", "sigma2")}
    for row in rows:
        truth = truth_of(row)
        found["d003"].add(row, "d003", truth.d003)
        for metal in METALS:
            for state, share in zip(REFERENCE_SOC, truth.fractions[metal], strict=True):
                found["lcf"].add(row, f"{metal}_LCF{100 * state:.0f}", float(share))
            for shell, end in SHELLS.items():
                kind = "r_mo" if shell == "O" else "r"
                found[kind].add(row, f"{metal}_{shell}_R", truth.distance[metal, end])
                found["sigma2"].add(row, f"{metal}_{shell}_DW", truth.sigma2[metal, end])
    return found


def score(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum the comparison up.

    Parameters
    ----------
    rows : sequence of mapping

    Returns
    -------
    dict
        ``lcf_rms``; the largest errors ``r_mo_error_angstrom`` and ``d003_error_angstrom`` and
        their root mean squares; ``within_2_sigma``, the share of all judged numbers that lie
        within two stated standard deviations, and the same by kind.
    """
    found = compare(rows)
    judged = [inside for kind in JUDGED for inside in found[kind].within]
    return {
        "lcf_rms": found["lcf"].rms,
        "lcf_error": found["lcf"].largest,
        "r_mo_error_angstrom": found["r_mo"].largest,
        "r_mo_rms_angstrom": found["r_mo"].rms,
        "d003_error_angstrom": found["d003"].largest,
        "d003_rms_angstrom": found["d003"].rms,
        "r_error_angstrom": found["r"].largest,
        "sigma2_rms_angstrom2": found["sigma2"].rms,
        "within_2_sigma": float(np.mean(judged)) if judged else float("nan"),
        "within_2_sigma_by": {
            kind: float(np.mean(errors.within)) for kind, errors in found.items() if errors.error
        },
    }
