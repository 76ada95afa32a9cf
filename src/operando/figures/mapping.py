"""Figures of a phase map: probabilities, composition, where the beam went, how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from operando.figures.style import LABEL_COLOURS, figure, map_axes, scale_bar
from operando.physics.phases import DISPLAY_NAMES, LABELS


@dataclass(frozen=True)
class MapPicture:
    """What the figures of one map are drawn from.

    Parameters
    ----------
    probability : ndarray of float, (ny, nx, 9)
        Final probabilities.
    present : ndarray of bool, (ny, nx, 9)
        Final labels.
    confidence_before, confidence : ndarray of float, (ny, nx)
        Probability that all nine labels of a point are right, after the first pass and at the end.
    exposure_s : ndarray of float, (ny, nx)
        Dose as seconds of exposure.
    visits : ndarray of int, (ny, nx)
    extent_um : tuple of float
        (left, right, bottom, top) edges of the map in µm, top row first.
    """

    probability: NDArray[np.floating]
    present: NDArray[np.bool_]
    confidence_before: NDArray[np.floating]
    confidence: NDArray[np.floating]
    exposure_s: NDArray[np.floating]
    visits: NDArray[np.integer]
    extent_um: tuple[float, float, float, float]


def compose(present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean colour of the labels that hold at each point.

    Parameters
    ----------
    present : ndarray of bool, (ny, nx, 9)

    Returns
    -------
    ndarray of float64, (ny, nx, 3)
        RGB in 0–1; white where no label holds.
    """
    colours = np.array([to_rgb(LABEL_COLOURS[label]) for label in LABELS])
    count = present.sum(axis=-1, keepdims=True)
    mixed = present.astype(float) @ colours / np.maximum(count, 1)
    return np.where(count > 0, mixed, 1.0)


def draw_probabilities(picture: MapPicture, path: Path) -> Path:
    """Nine maps, one a label, on one colour scale from 0 to 1."""
    with figure(path, (8.6, 10.6)) as fig:
        panels = fig.subplots(3, 3)
        for k, (axes, label) in enumerate(zip(panels.flat, LABELS, strict=True)):
            image = axes.imshow(
                picture.probability[..., k],
                cmap="cividis",
                vmin=0,
                vmax=1,
                extent=picture.extent_um,
            )
            map_axes(axes, DISPLAY_NAMES[label])
            scale_bar(axes, picture.extent_um)
        fig.colorbar(image, ax=panels, shrink=0.5, label="probability")
        fig.suptitle("Probability of each label")
    return path


def draw_composition(
    picture: MapPicture, path: Path, truth: NDArray[np.bool_] | None = None
) -> Path:
    """Composed phase map; with truth, that beside it and the points that are wrong."""
    titles = ["as labelled"] if truth is None else ["as labelled", "truth", "wrong labels"]
    with figure(path, (3.6 * len(titles) + 1.4, 5.0)) as fig:
        panels = fig.subplots(1, len(titles), squeeze=False)[0]
        panels[0].imshow(compose(picture.present), extent=picture.extent_um)
        if truth is not None:
            panels[1].imshow(compose(truth), extent=picture.extent_um)
            wrong = (picture.present != truth).sum(axis=-1)
            image = panels[2].imshow(
                wrong, cmap="cividis", vmin=0, vmax=3, extent=picture.extent_um
            )
            bar = fig.colorbar(
                image, ax=panels[2], ticks=[0, 1, 2, 3], shrink=0.6, label="wrong labels of nine"
            )
            bar.set_ticklabels(["0", "1", "2", "3 or more"])
        for axes, title in zip(panels, titles, strict=True):
            map_axes(axes, title)
            scale_bar(axes, picture.extent_um)
        handles = [
            Patch(facecolor=LABEL_COLOURS[label], edgecolor="black", label=DISPLAY_NAMES[label])
            for label in LABELS
        ]
        columns = 3 if truth is None else 5  # as many as the panels are wide
        fig.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    return path


def draw_beam(picture: MapPicture, path: Path) -> Path:
    """Where and how often the beam went, and for how long."""
    with figure(path, (8.4, 4.8)) as fig:
        left, right = fig.subplots(1, 2)
        least, most = int(picture.visits.min()), int(picture.visits.max())
        image = left.imshow(
            picture.visits,
            cmap=colormaps["cividis"].resampled(most - least + 1),
            vmin=least - 0.5,
            vmax=most + 0.5,
            extent=picture.extent_um,
        )
        ticks = MaxNLocator(8, integer=True)
        fig.colorbar(image, ax=left, ticks=ticks, shrink=0.7, label="exposures")
        map_axes(left, "visits")
        image = right.imshow(1e3 * picture.exposure_s, cmap="cividis", extent=picture.extent_um)
        fig.colorbar(image, ax=right, shrink=0.7, label="exposure of the point, ms")
        map_axes(right, f"dose: {picture.exposure_s.sum():.0f} s in all")
        for axes in (left, right):
            scale_bar(axes, picture.extent_um)
    return path


def draw_confidence(picture: MapPicture, path: Path) -> Path:
    """Probability that all nine labels are right, before and after the revisits."""
    with figure(path, (8.4, 4.8)) as fig:
        panels = fig.subplots(1, 2)
        pairs = [("first pass", picture.confidence_before), ("at the end", picture.confidence)]
        for axes, (title, values) in zip(panels, pairs, strict=True):
            image = axes.imshow(values, cmap="cividis", vmin=0, vmax=1, extent=picture.extent_um)
            map_axes(axes, f"{title}: {values.mean():.3f} expected")
            scale_bar(axes, picture.extent_um)
        fig.colorbar(image, ax=panels, shrink=0.7, label="probability that all nine are right")
    return path


def draw_map(
    picture: MapPicture, directory: Path | str, truth: NDArray[np.bool_] | None = None
) -> list[Path]:
    """Write all figures of a map.

    Parameters
    ----------
    picture : MapPicture
    directory : Path or str
        Made when missing.
    truth : ndarray of bool, (ny, nx, 9), optional
        Known for a simulated specimen only.

    Returns
    -------
    list of Path
    """
    directory = Path(directory)
    return [
        draw_probabilities(picture, directory / "probabilities.png"),
        draw_composition(picture, directory / "phase_map.png", truth),
        draw_beam(picture, directory / "beam.png"),
        draw_confidence(picture, directory / "confidence.png"),
    ]
