"""Parts of a loading's figures that are drawn while it goes on as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from operando.agents.kinetics_record import KineticsRecord, Update

Floats = NDArray[np.float64]

# Okabe and Ito's palette (jfly.uni-koeln.de/color); dashes and markers differ too.
EMPTY, LOADED, GREY, TRUE = "#0072B2", "#D55E00", "#4D4D4D", "#000000"
LAW_COLOURS = (
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#0072B2",
    "#D55E00",
    "#4D4D4D",
    "#F0E442",
)
LAW_DASHES: tuple[Any, ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
    (0, (8, 3)),
)
#: Draws of the posterior for marginals.
_DRAWS = 20_000


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


@dataclass(frozen=True, eq=False)
class LoadingPicture:
    """What is known of a loading, apart from whoever goes on learning about it.

    Parameters
    ----------
    middle : ndarray of float64, (n,)
        Of each exposure, s on the record's clock.
    areas, sd : ndarray of float64, (n, 2)
        Of the empty and the loaded crystal, and their standard deviations.
    times, mean, low, high : ndarray of float64, (t,)
        The extent with the central 95 %, averaged over the laws.
    t0, k : ndarray of float64, (m,)
        Draws of onset (s) and rate (1/s) from the posterior of all laws.
    updates : sequence of Update
    valve_time : float or None
        s on the record's clock.
    """

    middle: Floats
    areas: Floats
    sd: Floats
    times: Floats
    mean: Floats
    low: Floats
    high: Floats
    t0: Floats
    k: Floats
    updates: Sequence[Update]
    valve_time: float | None

    @classmethod
    def of(cls, record: KineticsRecord) -> LoadingPicture:
        """Take what a record knows now; it must not be taking frames in meanwhile."""
        start, stop, dose, areas = record.frames()
        noise = record.weights.noise.of(np.clip(areas, 0.0, None))
        sd = np.sqrt(np.diagonal(noise, axis1=1, axis2=2) / dose[:, None])
        times = np.linspace(start[0], stop[-1], 500)
        draws = record.engine.samples(_DRAWS, 0)
        return cls(
            0.5 * (start + stop),
            areas.copy(),
            sd,
            times,
            *record.engine.alpha_band(times),
            draws.t0,
            draws.rate,
            tuple(record.updates),
            record.valve_time,
        )


def draw_areas(axes: Axes, picture: LoadingPicture, truth: Truth | None) -> None:
    """Draw the areas of both phases frame by frame, the extent with its band, and the onset."""
    middle, summary = picture.middle, picture.updates[-1].summary
    many = len(middle) > 300
    for column, (colour, marker, name) in enumerate(
        ((EMPTY, "o", "empty crystal"), (LOADED, "s", "loaded crystal"))
    ):
        axes.errorbar(
            middle,
            picture.areas[:, column],
            None if many else picture.sd[:, column],
            fmt="." if many else marker,
            color=colour,
            markersize=1.5 if many else 3,
            linewidth=0.8,
            alpha=0.35 if many else 1.0,
            label=name,
        )
    times = picture.times
    axes.fill_between(times, picture.low, picture.high, color=GREY, alpha=0.3, linewidth=0)
    axes.plot(
        picture.times, picture.mean, color=GREY, linewidth=1.2, label="extent α, all laws, 95 %"
    )
    if picture.valve_time is not None:
        axes.axvline(picture.valve_time, color=GREY, linestyle="--", linewidth=1.2)
        _tag(axes, picture.valve_time, "valve opens, ts ", GREY, right=True)
    axes.axvspan(*np.array(summary.t0.quantiles)[[0, 4]], color=GREY, alpha=0.25, linewidth=0)
    axes.axvline(summary.t0.mean, color=GREY, linewidth=1.0)
    _tag(axes, summary.t0.mean, f" onset t0 = {summary.t0.mean:.3f} ± {summary.t0.sd:.3f} s", GREY)
    if truth is not None:
        axes.axvline(truth.t0, color=TRUE, linestyle=":", linewidth=1.0, label="true onset")
    axes.set_ylim(-0.15, 1.38)
    axes.set_xlabel("time since the first frame, s")
    axes.set_ylabel("area, share of the end pattern")
    axes.legend(loc="center left")
    axes.set_title("areas of both phases, frame by frame")


def _tag(axes: Axes, x: float, text: str, colour: str, *, right: bool = False) -> None:
    axes.text(
        x,
        1.36,
        text,
        color=colour,
        ha="right" if right else "left",
        va="top",
    )


def draw_laws(axes: Axes, picture: LoadingPicture) -> None:
    """Draw the probability of each law against time."""
    times = np.array([update.time for update in picture.updates])
    for index, name in enumerate(picture.updates[-1].summary.models):
        shares = [update.summary.models[name].probability for update in picture.updates]
        axes.plot(
            times,
            np.maximum(shares, 1e-6),
            color=LAW_COLOURS[index % len(LAW_COLOURS)],
            linestyle=LAW_DASHES[index % len(LAW_DASHES)],
            linewidth=1.4,
            label=plain_law(name),
        )
    _mark_times(axes, picture)
    axes.set_yscale("log")
    # Below the lines is room for the legend: they end where a law is out of the question.
    axes.set_ylim(1e-9, 2.0)
    axes.set_yticks([1e-6, 1e-4, 1e-2, 1.0])
    axes.minorticks_off()
    axes.set_xlabel("time since the first frame, s")
    axes.set_ylabel("probability of the law")
    axes.legend(loc="lower center", ncols=2, columnspacing=1.0)
    axes.set_title("which law, as the frames came")


def _mark_times(axes: Axes, picture: LoadingPicture) -> None:
    if picture.valve_time is not None:
        axes.axvline(picture.valve_time, color=GREY, linestyle="--", linewidth=1.0)
    axes.axvline(picture.updates[-1].summary.t0.mean, color=GREY, linewidth=1.0)


def plain_law(name: str) -> str:
    """Write a law's name for people."""
    return name.replace("_", " ")
