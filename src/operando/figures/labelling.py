"""A pattern as a person judges it: with the lines of every listed phase and what is thought now."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from operando.figures.style import LABEL_COLOURS, figure
from operando.physics.crystals import structure
from operando.physics.phases import CRYSTALLINE, DISPLAY_NAMES, LABELS
from operando.physics.powder import powder_lines

_BINS = 5  # in the running mean of a pattern
_WEAKEST = 5.0  # of the reference lines drawn; the phase's strongest is 100


@dataclass(frozen=True)
class PatternPicture:
    """What the figure of one question is drawn from.

    Parameters
    ----------
    two_theta : ndarray of float64, (b,)
        Degrees.
    wavelength : float
        Å.
    intensity, sigma : ndarray of float, (b,)
    probability : ndarray of float, (9,)
    title : str
    """

    two_theta: NDArray[np.floating]
    wavelength: float
    intensity: NDArray[np.floating]
    sigma: NDArray[np.floating]
    probability: NDArray[np.floating]
    title: str


def draw_question(picture: PatternPicture) -> bytes:
    """Draw a pattern over the listed phases' lines, and the probability of each label.

    Parameters
    ----------
    picture : PatternPicture

    Returns
    -------
    bytes
        The PNG.
    """
    image = BytesIO()
    with figure(image, (9.2, 5.2)) as fig:
        panels = fig.subplots(2, 2, width_ratios=(3.4, 1), height_ratios=(2.2, 1), sharex="col")
        pattern, lines = panels[:, 0]
        _draw_pattern(pattern, picture)
        _draw_lines(lines, picture)
        for axes in panels[:, 1]:
            axes.remove()
        _draw_probabilities(fig.add_subplot(panels[0, 0].get_gridspec()[:, 1]), picture)
        fig.suptitle(picture.title)
    return image.getvalue()


def _draw_pattern(axes: Axes, picture: PatternPicture) -> None:
    """Draw the intensity with its uncertainty, on a root scale: weak lines count as well."""
    x, y, sigma = picture.two_theta, picture.intensity, picture.sigma
    low, high = (np.sqrt(np.maximum(y + side * sigma, 0.0)) for side in (-1.0, 1.0))
    axes.fill_between(x, low, high, color="#DDDDDD", linewidth=0, label="± one σ")
    axes.plot(x, np.sqrt(np.maximum(y, 0.0)), color="#777777", linewidth=0.5)
    # A broad weak line is seen in the mean of a few bins, not in any of them.
    mean = np.convolve(y, np.full(_BINS, 1.0 / _BINS), mode="valid")
    inner = x[_BINS // 2 : _BINS // 2 + mean.size]
    label = f"mean of {_BINS} bins"
    axes.plot(inner, np.sqrt(np.maximum(mean, 0.0)), color="black", linewidth=1.1, label=label)
    axes.set_ylim(0.97 * float(low.min()), 1.06 * float(high.max()))
    axes.set_ylabel("√ intensity, arbitrary units")
    axes.set_yticks([])
    axes.legend(frameon=False, loc="upper right")


def _draw_lines(axes: Axes, picture: PatternPicture) -> None:
    """Draw one row of reference lines a phase, as high as they are strong."""
    first, last = float(picture.two_theta[0]), float(picture.two_theta[-1])
    for row, phase in enumerate(CRYSTALLINE):
        table = powder_lines(structure(phase), picture.wavelength)
        at = table.two_theta(picture.wavelength)
        seen = (at >= first) & (at <= last)
        if not seen.any():
            continue
        height = table.intensity[seen] / table.intensity[seen].max()
        strong = height >= _WEAKEST / 100.0
        bottom = float(len(CRYSTALLINE) - 1 - row)
        top = bottom + 0.12 + 0.78 * np.sqrt(height[strong])
        axes.vlines(at[seen][strong], bottom, top, color=LABEL_COLOURS[phase], linewidth=1.6)
    axes.set_yticks(
        [len(CRYSTALLINE) - 0.6 - row for row in range(len(CRYSTALLINE))],
        [DISPLAY_NAMES[phase] for phase in CRYSTALLINE],
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0, len(CRYSTALLINE))
    axes.set_xlim(first, last)
    axes.set_xlabel(f"2θ at {picture.wavelength:.4f} Å, degrees")


def _draw_probabilities(axes: Axes, picture: PatternPicture) -> None:
    rows = np.arange(len(LABELS))[::-1]
    colours = [LABEL_COLOURS[label] for label in LABELS]
    axes.barh(rows, picture.probability, color=colours, edgecolor="black", linewidth=0.5)
    for row, value in zip(rows, picture.probability, strict=True):
        inside = value > 0.7
        axes.text(
            value - 0.03 if inside else value + 0.03,
            row,
            f"{value:.2f}",
            va="center",
            ha="right" if inside else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},
        )
    axes.axvline(0.5, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1)
    axes.set_yticks(rows, [DISPLAY_NAMES[label] for label in LABELS])
    axes.set_xlabel("probability now")
