"""A map while it is measured: most probable labels, how sure, and where the beam goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from operando.agents.map_answer import MapAnswer
from operando.agents.map_state import MapGrid
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.errors import AgentError, BadInput
from operando.figures.mapping import compose
from operando.figures.panels.base import AgentPanel, Streams, plain, title, waiting
from operando.figures.style import LABEL_COLOURS, map_axes, scale_bar
from operando.physics.phases import DISPLAY_NAMES, LABELS

Floats = NDArray[np.float64]
Extent = tuple[float, float, float, float]

_CLASS = "operando.agents.phase_mapping.PhaseMappingAgent"
_BEAM, _FALLBACK, _GREY = "#D55E00", "#CC79A7", "#4D4D4D"
#: Decisions that are shown on the map: the last ones.
_TRAIL = 25


@dataclass
class _Beam:
    """Where the beam was, and why it goes where it goes."""

    points: list[tuple[float, float]] = field(default_factory=list)
    chosen: list[tuple[float, float]] = field(default_factory=list)
    acquisition: list[float] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)
    reason: str = ""


class MapPanel(AgentPanel):
    """Labels of a map with their confidence, and the decisions that steer it.

    Labels are in no stream of a map: an agent as the start document describes it labels the
    patterns again, in the background, as a replay does.

    Parameters
    ----------
    start : mapping
        Start document of a map.
    agent : PhaseMappingAgent, optional
        The run's own, which gets its documents from somebody else; one is made if not given.
    """

    def __init__(self, start: Mapping[str, Any], agent: PhaseMappingAgent | None = None) -> None:
        super().__init__(start, agent or _agent_of(start), fed=agent is not None)
        self._grid = _grid_of(start)
        self._streams = Streams()
        self._beam = _Beam()
        self._answer: MapAnswer | None = None

    def _read(self, name: str, doc: Mapping[str, Any]) -> bool:
        if name == "start" and not (doc.get("resumes") and self._beam.points):
            self._grid, self._beam, self._answer = _grid_of(doc), _Beam(), None
        changed = False
        for _, data in self._streams(name, doc):
            changed = self._take(data) or changed
        return changed

    def _take(self, data: Mapping[str, Any]) -> bool:
        beam = self._beam
        if "decision_acquisition" in data:
            beam.chosen.append((float(data["decision_x"]), float(data["decision_y"])))
            beam.acquisition.append(float(data["decision_acquisition"]))
            beam.reason = str(data["decision_reason"])
            beam.own.append(beam.reason == "agent")
            return True
        if "stage_x" in data:
            beam.points.append((float(data["stage_x"]), float(data["stage_y"])))
            return True
        return False

    def _draw(self, figure: Figure) -> None:
        answer = self._ask(self._agent.answer)
        with self._lock:
            grid, beam = self._grid, self._copy()
            self._answer = answer = answer if answer is not None else self._answer
        if grid is None or not beam.points:
            waiting(figure, self._headline(), "no point of the map yet")
            return
        rows = [["labels", "labels", "sure", "sure"], ["legend", "legend", "chosen", "chosen"]]
        axes = figure.subplot_mosaic(rows, height_ratios=[3.4, 1.0])  # type: ignore[arg-type]
        extent = _extent(grid)
        if answer is None:
            self._draw_visits(axes["labels"], axes["sure"], grid, beam, extent)
        else:
            self._draw_answer(axes["labels"], axes["sure"], answer, extent)
        _draw_beam(axes["sure"], beam, grid)
        _draw_legend(axes["legend"], beam)
        _draw_chosen(axes["chosen"], beam)
        figure.suptitle(self._headline(), parse_math=False)

    def claims(self) -> list[tuple[str, str]]:
        """Say how right the map is expected to be, and what is in it."""
        found = self._ask(self._agent.report)
        if found is None:
            return self._stopping()
        right, all_nine = found["expected_label_accuracy"], found["expected_exact_match"]
        share = "share of points with "
        shares = [
            (share + DISPLAY_NAMES[label], f"{value:.3f}")
            for label, value in found["label_share"].items()
        ]
        return [
            ("points measured", str(found["points"])),
            ("exposures", str(found["visits"])),
            ("exposure of all together", f"{found['dwell_s']:.2f} s"),
            (
                "points expected to have all nine labels right",
                f"{all_nine:.4f}",
            ),
            ("labels expected to be right", f"{right:.4f}"),
            *shares,
            *self._stopping(),
            ("model", str(found["model_version"])),
        ]

    def _copy(self) -> _Beam:
        one = self._beam
        return _Beam(
            list(one.points), list(one.chosen), list(one.acquisition), list(one.own), one.reason
        )

    def _draw_answer(self, left: Axes, right: Axes, answer: MapAnswer, extent: Extent) -> None:
        colours = compose(answer.present)
        # A sparse map is an estimate everywhere; elsewhere what was not measured stays blank.
        pale = 0.45 if "adaptive" in self.start else 0.0
        share = np.where(answer.measured, 1.0, pale)[..., None]
        left.imshow(share * colours + 1.0 - share, extent=extent)
        done = int(answer.measured.sum())
        map_axes(left, "")
        title(left, f"most probable labels: {done} of {answer.measured.size} points")
        shown = np.where(answer.measured | (pale > 0), answer.confidence, np.nan)
        image = right.imshow(shown, cmap="cividis", vmin=0, vmax=1, extent=extent)
        bar = right.figure.colorbar(image, ax=right, shrink=0.8)
        bar.set_label("probability that all nine are right")
        map_axes(right, "")
        mean = answer.confidence[answer.measured].mean()
        title(right, f"how sure: {mean:.3f} expected right")
        scale_bar(left, extent)

    def _draw_visits(
        self, left: Axes, right: Axes, grid: MapGrid, beam: _Beam, extent: Extent
    ) -> None:
        """Draw how often the beam was where: the frames cannot be read, or not yet."""
        xy = np.array(beam.points)
        visits = np.zeros(grid.size)
        try:
            np.add.at(visits, grid.index(xy[:, 0], xy[:, 1]), 1)
        except AgentError:  # a position off the map
            pass
        for axes in (left, right):
            image = axes.imshow(visits.reshape(grid.shape), cmap="cividis", extent=extent)
            map_axes(axes, "")
        right.figure.colorbar(image, ax=right, shrink=0.8, label="exposures of the point")
        why = "the frames cannot be labelled" if self._trouble() else "no labels yet"
        title(left, why)
        title(right, f"exposures: {len(xy)}")
        scale_bar(left, extent)


def _agent_of(start: Mapping[str, Any]) -> PhaseMappingAgent:
    """Make the agent that a start document describes, or a usual one."""
    spec = start.get("agent")
    if isinstance(spec, Mapping) and spec.get("class") == _CLASS:
        try:
            return PhaseMappingAgent.from_spec(spec)
        except (BadInput, AgentError, OSError, TypeError):  # a model that is not on this machine
            pass
    return PhaseMappingAgent(name="panel")


def _grid_of(start: Mapping[str, Any]) -> MapGrid | None:
    try:
        return MapGrid.from_start(start)
    except AgentError:
        return None


def _extent(grid: MapGrid) -> Extent:
    (ny, nx), (y, x), (dy, dx) = grid.shape, grid.origin_um, grid.step_um
    return (x - dx / 2, x + (nx - 0.5) * dx, y + (ny - 0.5) * dy, y - dy / 2)


def _draw_beam(axes: Axes, beam: _Beam, grid: MapGrid) -> None:
    """Draw the last decisions, and where the beam goes next."""
    trail = np.array(beam.chosen[-_TRAIL:])
    if len(trail):
        own = np.array(beam.own[-_TRAIL:])
        axes.plot(*trail.T, color=_BEAM, linewidth=0.8, alpha=0.6)
        axes.plot(*trail[own].T, "o", color=_BEAM, markersize=4, markerfacecolor="none")
        axes.plot(*trail[~own].T, "x", color=_FALLBACK, markersize=5)
        axes.plot(*trail[-1], "o", color="white", markersize=13, markeredgewidth=3.2, mfc="none")
        axes.plot(*trail[-1], "o", color=_BEAM, markersize=13, markeredgewidth=1.8, mfc="none")
    elif len(beam.points) < grid.size:
        axes.plot(*beam.points[-1], "+", color=_BEAM, markersize=12, markeredgewidth=2)


def _draw_legend(axes: Axes, beam: _Beam) -> None:
    axes.axis("off")
    handles: list[Any] = [
        Patch(facecolor=LABEL_COLOURS[label], edgecolor="black", label=DISPLAY_NAMES[label])
        for label in LABELS
    ]
    if beam.chosen:
        (ring,) = axes.plot([], [], "o", color=_BEAM, mfc="none", markersize=9, label="beam goes")
        handles.append(ring)
        if not all(beam.own):
            handles += axes.plot([], [], "x", color=_FALLBACK, label="fallback")
    axes.legend(handles=handles, loc="center", ncols=3, frameon=False)


def _draw_chosen(axes: Axes, beam: _Beam) -> None:
    """Draw what the agent saw in each point that it chose."""
    if not beam.chosen:
        axes.axis("off")
        return
    own = np.array(beam.own)
    number, value = 1 + np.arange(len(own)), np.array(beam.acquisition)
    axes.plot(number[own], value[own], ".", color=_BEAM, markersize=3)
    axes.plot(number[~own], value[~own], "x", color=_FALLBACK, markersize=4)
    axes.set_ylim(0.0, 1.08 * max(float(value.max()), 0.05))
    axes.set_xlabel("decision")
    axes.set_ylabel("P(a label\nis wrong)")
    if not own[-1]:
        title(axes, plain(beam.reason[:56]))
