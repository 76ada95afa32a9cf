"""Figures of a loading: areas with the curve's band, onset and rate, laws, and how sure when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from operando.agents.kinetics_record import KineticsRecord
from operando.errors import OperandoError
from operando.figures.style import figure

Floats = NDArray[np.float64]

# Okabe and Ito's palette (jfly.uni-koeln.de/color); dashes and markers differ too.
_EMPTY, _LOADED, _GREY, _TRUE = "#0072B2", "#D55E00", "#4D4D4D", "#000000"
_LAWS = ("#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#D55E00", "#4D4D4D", "#F0E442")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
#: Laws less probable than this are not drawn in the joint posterior.
_SHOWN = 0.02


@dataclass(frozen=True)
class Truth:
    """What a simulated crystal does.

    Parameters
    ----------
    t0 : float
        Onset, s on the record's clock.
    k : float
        Rate, 1/s.
    law : str
    """

    t0: float
    k: float
    law: str


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
        _draw_areas(areas, record, truth)
        _draw_joint(joint, record, truth)
        _draw_laws(laws, record)
        _draw_progress(progress, record, published_sd)
    return path


def _draw_areas(axes: Axes, record: KineticsRecord, truth: Truth | None) -> None:
    start, stop, dose, areas = record.frames()
    middle = 0.5 * (start + stop)
    summary = record.updates[-1].summary
    variance = np.diagonal(record.weights.noise.of(np.clip(areas, 0.0, None)), axis1=1, axis2=2)
    sd = np.sqrt(variance / dose[:, None])
    many = len(middle) > 300
    for column, (colour, marker, name) in enumerate(
        ((_EMPTY, "o", "empty crystal"), (_LOADED, "s", "loaded crystal"))
    ):
        axes.errorbar(
            middle,
            areas[:, column],
            None if many else sd[:, column],
            fmt="." if many else marker,
            color=colour,
            markersize=1.5 if many else 3,
            linewidth=0.8,
            alpha=0.35 if many else 1.0,
            label=name,
        )
    times = np.linspace(start[0], stop[-1], 500)
    mean, low, high = record.engine.alpha_band(times)
    axes.fill_between(times, low, high, color=_GREY, alpha=0.3, linewidth=0)
    axes.plot(times, mean, color=_GREY, linewidth=1.2, label="extent α, all laws, 95 %")
    if record.valve_time is not None:
        axes.axvline(record.valve_time, color=_GREY, linestyle="--", linewidth=1.2)
        _tag(axes, record.valve_time, "valve opens, ts ", _GREY, right=True)
    axes.axvspan(*np.array(summary.t0.quantiles)[[0, 4]], color=_GREY, alpha=0.25, linewidth=0)
    axes.axvline(summary.t0.mean, color=_GREY, linewidth=1.0)
    _tag(axes, summary.t0.mean, f" onset t0 = {summary.t0.mean:.3f} ± {summary.t0.sd:.3f} s", _GREY)
    if truth is not None:
        axes.axvline(truth.t0, color=_TRUE, linestyle=":", linewidth=1.0, label="true onset")
    axes.set_ylim(-0.15, 1.38)
    axes.set_xlabel("time since the first frame, s")
    axes.set_ylabel("area, share of the end pattern")
    axes.legend(loc="center left", fontsize=7.5)
    axes.set_title("areas of both phases, frame by frame")


def _tag(axes: Axes, x: float, text: str, colour: str, *, right: bool = False) -> None:
    axes.text(
        x,
        1.36,
        text,
        color=colour,
        fontsize=8,
        ha="right" if right else "left",
        va="top",
    )


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
        colour, dashes = _LAWS[index % len(_LAWS)], _DASHES[index % len(_DASHES)]
        axes.contour(t0, k, density, levels, colors=colour, linewidths=1.2, linestyles=[dashes])
        label = f"{_plain(name)} ({model.probability:.2f})"
        handles += axes.plot([], [], color=colour, linestyle=dashes, label=label)
    if truth is not None:
        handles += axes.plot(truth.t0, truth.k, "+", color=_TRUE, markersize=12, label="truth")
    axes.set_xlabel("onset t0, s")
    axes.set_ylabel("rate k, 1/s")
    axes.legend(handles=handles, fontsize=7.5, title="law (probability)", title_fontsize=7.5)
    axes.set_title("onset and rate together: 68 and 95 % for each law")


def _draw_laws(axes: Axes, record: KineticsRecord) -> None:
    times = np.array([update.time for update in record.updates])
    for index, name in enumerate(record.updates[-1].summary.models):
        shares = [update.summary.models[name].probability for update in record.updates]
        axes.plot(
            times,
            np.maximum(shares, 1e-6),
            color=_LAWS[index % len(_LAWS)],
            linestyle=_DASHES[index % len(_DASHES)],
            linewidth=1.4,
            label=_plain(name),
        )
    _mark_times(axes, record)
    axes.set_yscale("log")
    axes.set_ylim(1e-6, 2.0)
    axes.set_xlabel("time since the first frame, s")
    axes.set_ylabel("probability of the law")
    axes.legend(loc="lower left", fontsize=7.5)
    axes.set_title("which law, as the frames came")


def _draw_progress(axes: Axes, record: KineticsRecord, published_sd: Mapping[str, float]) -> None:
    begun = [update for update in record.updates if update.summary.p_begun > 0.99]
    times = np.array([update.time for update in begun])
    for key, unit, colour, marker, dashes in (
        ("t0", "s", _EMPTY, "o", "-"),
        ("k", "1/s", _LOADED, "s", "--"),
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
        axes.plot([], [], ":", color=_GREY, label="published")
        axes.set_yscale("log")
        axes.legend(fontsize=7.5)
    axes.set_xlabel("time since the first frame, s")
    axes.set_ylabel("standard deviation, all laws")
    axes.set_title("how sure, as the frames came (from the onset on)")


def _mark_times(axes: Axes, record: KineticsRecord) -> None:
    if record.valve_time is not None:
        axes.axvline(record.valve_time, color=_GREY, linestyle="--", linewidth=1.0)
    axes.axvline(record.updates[-1].summary.t0.mean, color=_GREY, linewidth=1.0)


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
            (record.updates[-1].summary.t0.mean, _LAWS[1], "onset found"),
        ):
            if when is not None:
                top.axhline(when, color=colour, linewidth=1.0, linestyle="--", label=name)
        top.legend(fontsize=7.5, loc="upper right")
        top.set_ylabel("time since the first frame, s")
        top.set_title("patterns, frame by frame")
        for end, colour, dashes, name in (
            (0, _EMPTY, "-", "empty"),
            (1, _LOADED, "--", "loaded"),
        ):
            counts = record.weights.ends[end] * dose.mean()
            bottom.plot(angle, counts, color=colour, linestyle=dashes, linewidth=1.0, label=name)
        bottom.set_xlabel("2θ, degrees")
        bottom.set_ylabel("counts a bin and frame")
        bottom.legend(fontsize=7.5)
        bottom.set_title("end patterns, measured before")
    return path


def _plain(name: str) -> str:
    return name.replace("_", " ")
