"""Figures of a charge by steps: voltage, fractions, the 003 reflection, distances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from operando.figures.style import figure

Floats = NDArray[np.float64]
# Okabe and Ito's palette (jfly.uni-koeln.de/color); markers differ too, for print in grey.
_ELEMENTS = {"Ni": ("#009E73", "o"), "Co": ("#0072B2", "s"), "Mn": ("#D55E00", "^")}
_STATES = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#4D4D4D")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_SHELLS = {"O": "M–O", "M": "M–M", "M2": "M–M2", "MM": "M–M–M"}
_GREY = "#4D4D4D"
#: Points of a line of what is true.
_FINE = 160

#: Gives the value that a column should have, for a row's ``soc`` and ``dose``; for simulated cells.
Truth = Callable[[Mapping[str, Any], str], float]


@dataclass(frozen=True)
class ChargePicture:
    """What the figures of one charge are drawn from.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of the table, in the order of the steps.
    states : tuple of float
        States of charge of the references.
    hours, volts : ndarray of float64, (n,)
        What the potentiostat recorded.
    truth : callable, optional
        True values, drawn as lines.
    """

    rows: Sequence[Mapping[str, Any]]
    states: tuple[float, ...]
    hours: Floats
    volts: Floats
    truth: Truth | None = None

    def column(self, name: str) -> Floats:
        """Values of a column, not a number where there is none."""
        return np.array([row[name] for row in self.rows], dtype=np.float64)

    def between(self) -> list[dict[str, float]]:
        """States of charge and doses close to each other, for lines of what is true."""
        soc, dose = self.column("soc"), self.column("dose")
        fine = np.linspace(soc[0], soc[-1], _FINE)
        doses = np.interp(fine, soc, dose)
        return [{"soc": float(s), "dose": float(d)} for s, d in zip(fine, doses, strict=True)]

    @property
    def soc(self) -> Floats:
        """State of charge, per cent."""
        return 100.0 * self.column("soc")


def draw_charge(picture: ChargePicture, directory: Path) -> list[Path]:
    """Write all figures of a charge but the regression's.

    Parameters
    ----------
    picture : ChargePicture
    directory : Path

    Returns
    -------
    list of Path
    """
    return [
        draw_voltage(picture, directory / "voltage.png"),
        draw_fractions(picture, directory / "fractions.png"),
        draw_reflection(picture, directory / "reflection.png"),
        draw_distances(picture, directory / "distances.png"),
    ]


def draw_voltage(picture: ChargePicture, path: Path) -> Path:
    """Draw the potentiostat's voltage over time, and both ends of every rest over charge."""
    with figure(path, (9.0, 3.8)) as fig:
        left, middle, right = fig.subplots(1, 3, width_ratios=[1.5, 1.0, 1.0])
        left.plot(picture.hours, picture.volts, color=_GREY, linewidth=0.8)
        left.set_xlabel("time, h")
        left.set_ylabel("voltage, V")
        left.set_title("charge, rest, X-rays")
        middle.plot(
            picture.soc, picture.column("v_end"), "^", color="#D55E00", label="under current"
        )
        middle.plot(
            picture.soc, picture.column("ocv"), "o", color="#0072B2", label="after rest (OCV)"
        )
        middle.set_ylabel("voltage, V")
        middle.legend(frameon=False)
        right.plot(picture.soc[1:], 1e3 * picture.column("overpotential")[1:], "o-", color=_GREY)
        right.set_ylabel("overpotential, mV")
        right.set_ylim(bottom=0.0)
        for axes in (middle, right):
            axes.set_xlabel("SOC, %")
    return path


def draw_fractions(picture: ChargePicture, path: Path) -> Path:
    """Draw the linear combinations of the three edges."""
    with figure(path, (9.0, 3.6)) as fig:
        panels = fig.subplots(1, 3, sharey=True)
        for axes, element in zip(panels, _ELEMENTS, strict=True):
            for k, soc in enumerate(picture.states):
                name = f"{element}_LCF{100 * soc:.0f}"
                _points(axes, picture, name, _STATES[k % 7], _MARKS[k % 7], f"{100 * soc:.0f} %")
            axes.set_title(f"{element} K")
            axes.set_xlabel("SOC, %")
        panels[0].set_ylabel("share of the reference")
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside right center", title="reference", frameon=False)
        fig.suptitle(_lines_are("Linear combinations of XANES references", picture))
    return path


def draw_reflection(picture: ChargePicture, path: Path) -> Path:
    """Draw spacing and widths of the 003 reflection."""
    with figure(path, (9.0, 3.6)) as fig:
        left, right = fig.subplots(1, 2)
        _points(left, picture, "d003", "#0072B2", "o", "")
        left.set_ylabel("d(003), Å")
        left.set_title(_lines_are("spacing, corrected by the foils", picture))
        for name, colour, marker, label in (
            ("XRD_FWHM", _GREY, "o", "FWHM"),
            ("XRD_wG", "#0072B2", "s", "Gaussian"),
            ("XRD_wL", "#D55E00", "^", "Lorentzian"),
        ):
            _points(right, picture, name, colour, marker, label)
        right.set_ylabel("full width, degrees")
        right.set_ylim(bottom=0.0)
        right.legend(frameon=False)
        right.set_title("widths of the Voigt function")
        for axes in (left, right):
            axes.set_xlabel("SOC, %")
    return path


def draw_distances(picture: ChargePicture, path: Path) -> Path:
    """Draw distances and Debye-Waller factors of four shells about three metals."""
    with figure(path, (11.0, 5.6)) as fig:
        panels = fig.subplots(2, 4, sharex=True)
        for column, (shell, title) in enumerate(_SHELLS.items()):
            for element, (colour, marker) in _ELEMENTS.items():
                for row, (what, scale) in enumerate((("R", 1.0), ("DW", 1e3))):
                    name = f"{element}_{shell}_{what}"
                    _points(panels[row, column], picture, name, colour, marker, element, scale)
            panels[0, column].set_title(title)
            panels[1, column].set_xlabel("SOC, %")
        panels[0, 0].set_ylabel("R, Å")
        panels[1, 0].set_ylabel("σ², 10⁻³ Å²")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside right center", frameon=False)
        fig.suptitle(_lines_are("EXAFS path fits", picture))
    return path


def _points(
    axes: Axes,
    picture: ChargePicture,
    name: str,
    colour: str,
    marker: str,
    label: str,
    scale: float = 1.0,
) -> None:
    """Draw one column with its standard deviations and, where it is known, the truth."""
    values, sd = scale * picture.column(name), scale * picture.column(f"{name}_sd")
    axes.errorbar(
        picture.soc,
        values,
        sd,
        fmt=marker,
        color=colour,
        markersize=4,
        linewidth=0.9,
        label=label,
    )
    if picture.truth is None:
        return
    between = picture.between()
    true = np.array([scale * picture.truth(row, name) for row in between])
    if np.isfinite(true).any():
        soc = [100.0 * row["soc"] for row in between]
        axes.plot(soc, true, color=colour, linewidth=0.8, alpha=0.7)


def _lines_are(title: str, picture: ChargePicture) -> str:
    return title if picture.truth is None else f"{title} (lines: simulated truth)"
