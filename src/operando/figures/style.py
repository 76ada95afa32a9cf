"""One look for every figure: colour-blind-safe colours, scale bars in µm, no window needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

#: Colour of each label: Okabe and Ito's palette (jfly.uni-koeln.de/color), two greys added.
LABEL_COLOURS: dict[str, str] = {
    "fe3o4": "#0072B2",
    "gamma_feooh": "#E69F00",
    "alpha_feooh": "#D55E00",
    "fe_bcc": "#BBBBBB",
    "fe3c": "#009E73",
    "fe_fcc": "#56B4E9",
    "resin": "#F7F3E3",
    "fe_no_peaks": "#4D4D4D",
    "other": "#CC79A7",
}

#: Letters of figures, points: they are shown small, beside other things.
FONT_POINTS = 11
SETTINGS: Any = {
    "font.size": FONT_POINTS,
    "axes.titlesize": FONT_POINTS,
    "figure.titlesize": FONT_POINTS + 1,
    "legend.fontsize": FONT_POINTS - 1,
    "legend.title_fontsize": FONT_POINTS - 1,
    "legend.handlelength": 1.6,
    "figure.dpi": 130,
    "savefig.dpi": 130,
    "image.interpolation": "nearest",
}


@contextmanager
def figure(path: Path | BytesIO, size_inches: tuple[float, float]) -> Iterator[Figure]:
    """Give an empty figure and write it to `path` at the end; no display, no global state."""
    with mpl.rc_context(SETTINGS):
        fig = Figure(figsize=size_inches, layout="constrained")
        yield fig
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        fig.savefig(path)


def map_axes(axes: Axes, title: str) -> None:
    """Title a map and take its ticks away: the scale bar tells the size."""
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])


def scale_bar(axes: Axes, extent_um: tuple[float, float, float, float]) -> None:
    """Draw a bar of a round length in µm in the lower left corner.

    Parameters
    ----------
    axes : Axes
        Holds an image drawn with `extent_um`.
    extent_um : tuple of float
        (left, right, bottom, top) in µm; bottom may be the larger one.
    """
    left, right, bottom, top = extent_um
    width, height = abs(right - left), abs(top - bottom)
    length = _round_length(0.25 * width)
    direction = 1.0 if top > bottom else -1.0
    x = left + 0.05 * width
    y = bottom + direction * 0.04 * height
    box = Rectangle(
        (x - 0.025 * width, y - direction * 0.02 * height),
        length + 0.05 * width,
        direction * 0.13 * height,
        facecolor="white",
        alpha=0.8,
        edgecolor="none",
    )
    axes.add_patch(box)
    axes.add_patch(Rectangle((x, y), length, direction * 0.015 * height, color="black"))
    axes.text(
        x + 0.5 * length,
        y + direction * 0.025 * height,
        f"{length:g} µm",
        ha="center",
        va="bottom",
        fontsize=FONT_POINTS - 1,
    )


def _round_length(length: float) -> float:
    """Largest of 1, 2, 5 × 10ⁿ that is not longer than `length`.

    Examples
    --------
    >>> _round_length(39.5)
    20.0
    """
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(m * power for m in (1, 2, 5) if m * power <= length * 1.0001))
