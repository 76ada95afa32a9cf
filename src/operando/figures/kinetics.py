"""Figures of a loading: areas with the curve's band, onset and rate, laws, and how sure when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from operando.agents.kinetics_record import KineticsRecord
from operando.errors import OperandoError
from operando.figures.kinetics_axes import (
    EMPTY,
    GREY,
    LAW_COLOURS,
    LAW_DASHES,
    LOADED,
    TRUE,
    LoadingPicture,
    Truth,
    draw_areas,
    draw_laws,
    plain_law,
)
from operando.figures.style import figure

__all__ = ["Truth", "draw_kinetics", "draw_patterns"]

Floats = NDArray[np.float64]

#: Laws less probable than this are not drawn in the joint posterior.
_SHOWN = 0.02


def draw_kinetics(
    record: KineticsRecord,
    truth: Truth | None,
    published_sd: Mapping[str, float],
    path: Path,
) -> Path:
    """Draw areas with the band of the extent, the joint posterior, the laws, and the progress.

    Parameters
    ----------
    record : KineticsRecord
        With at least one frame.
    truth : Truth, optional
        Drawn where it is known.
    published_sd : mapping
        Standard deviations of ``t0`` (s) and ``k`` (1/s) to compare with.
    path : Path
        File to write; its suffix is the format.

    Returns
    -------
    Path
        `path`.
    """
    with figure(path, (11.5, 8.2)) as fig:
        (areas, joint), (laws, progress) = fig.subplots(2, 2)
        picture = LoadingPicture.of(record)
        draw_areas(areas, picture, truth)
        areas.set_title("areas of both phases, frame by frame")
        _draw_joint(joint, record, truth)
        draw_laws(laws, picture)
        _draw_progress(progress, record, published_sd)
    return path


def _draw_joint(axes: Axes, record: KineticsRecord, truth: Truth | None) -> None:
    summary = record.updates[-1].summary
    handles = []
    for index, (name, model) in enumerate(summary.models.items()):
        if model.probability < _SHOWN:
            continue
        try:
            t0, k, density = record.engine.joint(name)
        except OperandoError:  # a law without a posterior to draw
            continue
        density = gaussian_filter(density, 1.5)  # it is drawn from samples
        ordered = np.sort(density.ravel())[::-1]
        inside = np.cumsum(ordered)
        levels = [float(ordered[np.searchsorted(inside, share)]) for share in (0.95, 0.68)]
        if not levels[0] < levels[1]:
            continue
        colour, dashes = LAW_COLOURS[index % len(LAW_COLOURS)], LAW_DASHES[index % len(LAW_DASHES)]
        axes.contour(t0, k, density, levels, colors=colour, linewidths=1.2, linestyles=[dashes])
        label = f"{plain_law(name)} ({model.probability:.2f})"
        handles += axes.plot([], [], color=colour, linestyle=dashes, label=label)
    if truth is not None:
        handles += axes.plot(truth.t0, truth.k, "+", color=TRUE, markersize=12, label="truth")
    axes.set_xlabel("onset t0, s")
    axes.set_ylabel("rate k, 1/s")
    # Above the curves is room for the legend, wherever they lie.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.5 * (high - low))
    axes.legend(handles=handles, title="law (probability)", loc="upper left")
    axes.set_title("onset and rate together: 68 and 95 % for each law")


def _draw_progress(axes: Axes, record: KineticsRecord, published_sd: Mapping[str, float]) -> None:
    begun = [update for update in record.updates if update.summary.p_begun > 0.99]
    times = np.array([update.time for update in begun])
    for key, unit, colour, marker, dashes in (
        ("t0", "s", EMPTY, "o", "-"),
        ("k", "1/s", LOADED, "s", "--"),
    ):
        sds = [getattr(update.summary, key).sd for update in begun]
        axes.plot(
            times,
            sds,
            dashes,
            marker=marker,
            markersize=3,
            color=colour,
            label=f"sd({key}), {unit}",
        )
        if key in published_sd:
            axes.axhline(published_sd[key], color=colour, linestyle=":", linewidth=1.0)
    if len(begun):
        axes.plot([], [], ":", color=GREY, label="published")
        axes.set_yscale("log")
        axes.legend()
    axes.set_xlabel("time since the first frame, s")
    axes.set_ylabel("standard deviation, all laws")
    axes.set_title("how sure, as the frames came (from the onset on)")


def draw_patterns(record: KineticsRecord, truth: Truth | None, path: Path) -> Path:
    """Draw all patterns against time, and the end patterns below.

    Parameters
    ----------
    record : KineticsRecord
    truth : Truth, optional
    path : Path
        File to write; its suffix is the format.

    Returns
    -------
    Path
        `path`.
    """
    start, stop, dose, _ = record.frames()
    shown = record.patterns() / dose[:, None] * dose.mean()
    angle = record.weights.two_theta
    with figure(path, (8.5, 6.8)) as fig:
        top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=[1.5, 1.0])
        mesh = top.pcolormesh(
            angle,
            0.5 * (start + stop),
            np.sqrt(np.maximum(shown, 0.0)),
            cmap="cividis",
            rasterized=True,
        )
        fig.colorbar(mesh, ax=top, label="√ counts a bin")
        for when, colour, name in (
            (record.valve_time, "white", "valve opens"),
            (record.updates[-1].summary.t0.mean, LAW_COLOURS[1], "onset found"),
        ):
            if when is not None:
                top.axhline(when, color=colour, linewidth=1.0, linestyle="--", label=name)
        top.legend(loc="upper right", facecolor="#00224E", labelcolor="white")
        top.set_ylabel("time since the first frame, s")
        top.set_title("patterns, frame by frame")
        for end, colour, dashes, name in (
            (0, EMPTY, "-", "empty"),
            (1, LOADED, "--", "loaded"),
        ):
            counts = record.weights.ends[end] * dose.mean()
            bottom.plot(angle, counts, color=colour, linestyle=dashes, linewidth=1.0, label=name)
        bottom.set_xlabel("2θ, degrees")
        bottom.set_ylabel("counts a bin and frame")
        bottom.legend()
        bottom.set_title("end patterns, measured before")
    return path
