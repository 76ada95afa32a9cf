"""A beam that is being focused: its size scan by scan, where the knobs went, its profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from operando.agents.beam_edge import edge_curve
from operando.agents.beam_profile import BeamProfiles, KnifeScan, Profile
from operando.agents.focus_config import DIRECTIONS, FocusConfig
from operando.errors import BadInput
from operando.figures.panels.base import DocumentPanel, waiting

# Okabe and Ito's palette (jfly.uni-koeln.de/color); markers and dashes differ too.
_COLOURS = {"v": "#0072B2", "h": "#D55E00"}
_MARKERS = {"v": "o", "h": "s"}
_NAMES = {"v": "vertical", "h": "horizontal"}
_GREY = "#4D4D4D"
_ROUND = (1.0, 2.0, 5.0)


class FocusPanel(DocumentPanel):
    """Convergence, profiles at first and at last, and the way of each mirror's two knobs.

    Parameters
    ----------
    start : mapping
        Start document of a run of ``focus_kb``, ``focus_by_coordinates`` or ``knife_edge``.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        super().__init__(start)
        self._profiles = BeamProfiles()
        self._began = 0
        self._fitted: dict[int, Profile] = {}

    def _read(self, name: str, doc: Mapping[str, Any]) -> bool:
        before = len(self._profiles.scans)
        self._profiles(name, doc)
        if name == "start":
            self._began = len(self._profiles.scans)
        return len(self._profiles.scans) > before

    def _present(self) -> list[Profile]:
        """Give the scans of this run; they are fitted here, not where documents come."""
        with self._lock:
            scans, began = list(self._profiles.scans), self._began
        for number, scan in enumerate(scans):
            if number >= began and number not in self._fitted:
                self._fitted[number] = Profile.of(scan)
        return [self._fitted[number] for number in range(began, len(scans))]

    def _draw(self, figure: Figure) -> None:
        profiles = self._present()
        if not any(profile.fit.resolved for profile in profiles):
            waiting(figure, self._headline(), "no size of the beam is known yet")
            return
        figure.suptitle(self._headline(), parse_math=False)
        (sizes, edges), ways = figure.subplots(2, 2)
        _draw_sizes(sizes, profiles, self._config())
        _draw_edges(edges, profiles)
        for axes, direction in zip(ways, DIRECTIONS, strict=True):
            _draw_way(figure, axes, profiles, direction)

    def _config(self) -> FocusConfig | None:
        spec = self.start.get("agent") or {}
        try:
            return FocusConfig.from_mapping(spec.get("config", {})) if spec else None
        except BadInput:  # an agent of another kind
            return None


def _draw_sizes(axes: Axes, profiles: list[Profile], config: FocusConfig | None) -> None:
    for direction in DIRECTIONS:
        known = [
            (number, profile.fit.fwhm, profile.fit.fwhm_sd)
            for number, profile in enumerate(profiles, 1)
            if profile.scan.direction == direction and profile.fit.resolved
        ]
        if not known:
            continue
        number, size, sd = np.array(known).T
        colour = _COLOURS[direction]
        last = f"{_NAMES[direction]}: {size[-1]:.2f} ± {sd[-1]:.2f} µm"
        axes.errorbar(
            number, size, sd, fmt=_MARKERS[direction] + "-", color=colour, markersize=4,
            linewidth=0.8, label=last,
        )  # fmt: skip
        if config is not None:
            axes.axhline(config.goal_um(direction), color=colour, linestyle="--", linewidth=1.0)
    if config is not None:
        axes.plot([], [], "--", color=_GREY, label=f"goal: {100 * config.margin:.0f} % above limit")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=_ROUND))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(top=6.0 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel("scan of an edge")
    axes.set_ylabel("size of the beam, FWHM, µm")
    axes.legend(loc="upper right")
    axes.set_title("how it got smaller")


def _draw_edges(axes: Axes, profiles: list[Profile]) -> None:
    width = 0.0
    for direction in DIRECTIONS:
        known = [p for p in profiles if p.scan.direction == direction and p.fit.resolved]
        for profile, dashes, when in zip(
            known[:1] + known[-1:], (":", "-"), ("first", "last"), strict=False
        ):
            width = max(width, 1.3 * profile.fit.fwhm)
            _draw_edge(axes, profile, dashes, f"{_NAMES[direction]}, {when}")
    axes.set_xlim(-width, width)
    axes.set_ylim(-0.05, 1.12)
    axes.set_xlabel("edge from the middle of the beam, µm")
    axes.set_ylabel("share of the beam that passes")
    axes.legend(loc="lower right")
    axes.set_title("profiles of the beam, first and last scan")


def _draw_edge(axes: Axes, profile: Profile, dashes: str, label: str) -> None:
    scan, fit = profile.scan, profile.fit
    colour = _COLOURS[scan.direction]
    away = scan.position - fit.centre
    axes.plot(
        away,
        _share(scan, profile),
        _MARKERS[scan.direction],
        color=colour,
        markersize=4,
        fillstyle="none" if dashes == ":" else "full",
        alpha=0.7,
    )
    fine = np.linspace(-3.0 * fit.fwhm, 3.0 * fit.fwhm, 400)
    curve = edge_curve(fit, fine + fit.centre)
    axes.plot(fine, curve, dashes, color=colour, linewidth=1.3, label=label)


def _share(scan: KnifeScan, profile: Profile) -> Any:
    """Scale a signal to the share of the beam by the fit's curve."""
    curve = edge_curve(profile.fit, scan.position)
    slope, offset = np.polyfit(curve, scan.signal, 1)
    return (scan.signal - offset) / slope


def _draw_way(figure: Figure, axes: Axes, profiles: list[Profile], direction: str) -> None:
    known = [p for p in profiles if p.scan.direction == direction and p.fit.resolved]
    names = [
        next((key for key in p.scan.setting if key.endswith(f"{knob}_{direction}")), "")
        for p in known[:1]
        for knob in ("pitch", "bend")
    ]
    axes.set_title(f"{_NAMES[direction]} mirror: where its knobs went (★ last)")
    axes.set_xlabel("pitch, mrad")
    axes.set_ylabel("bender, µm")
    if not all(names) or not names:
        return
    pitch, bend = (np.array([p.scan.setting[name] for p in known]) for name in names)
    size = np.array([p.fit.fwhm for p in known])
    axes.plot(pitch, bend, color=_GREY, linewidth=0.6, alpha=0.6)
    largest = max(size.max(), 1.01 * size.min())
    dots = axes.scatter(
        pitch, bend, c=size, cmap="viridis_r", norm=LogNorm(size.min(), largest), s=36, zorder=3
    )
    axes.plot(pitch[-1], bend[-1], "*", color="black", markersize=13, zorder=4)
    bar = figure.colorbar(
        dots, ax=axes, label="FWHM, µm", format="{x:g}", ticks=LogLocator(subs=_ROUND)
    )
    bar.ax.yaxis.set_minor_locator(NullLocator())
    axes.margins(0.08)
