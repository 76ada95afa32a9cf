"""A loading while it goes on: the record with its band, onset, rate, and which law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.kinetics_settings import KineticsAgentConfig
from operando.agents.kinetics_words import BEGUN
from operando.errors import BadInput
from operando.figures.kinetics_axes import LoadingPicture, draw_areas, draw_laws, plain_law
from operando.figures.panels.base import AgentPanel, Streams, plain, title, waiting

Floats = NDArray[np.float64]

_CLASS = "operando.agents.kinetics_agent.KineticsAgent"
_ONSET, _RATE, _GREY = "#0072B2", "#D55E00", "#4D4D4D"
_ENDS = ("empty", "loaded")


class KineticsPanel(AgentPanel):
    """Areas with the posterior band, marginals of onset and rate, laws against time.

    Which law is in no stream frame by frame: an agent as the start document describes it infers
    from the frames again, in the background, as a replay does. Give the run with the end patterns
    first.

    Parameters
    ----------
    start : mapping
        Start document of a loading, or of the run with its end patterns.
    agent : KineticsAgent, optional
        The run's own, which gets its documents from somebody else; one is made if not given.
    """

    def __init__(self, start: Mapping[str, Any], agent: KineticsAgent | None = None) -> None:
        super().__init__(start, agent or _agent_of(start), fed=agent is not None)
        self._documents: list[tuple[str, Mapping[str, Any]]] = []
        self._streams = Streams()
        self._frames: dict[str, int] = {}
        self._decision: Mapping[str, Any] = {}
        self._picture: LoadingPicture | None = None

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document; a record may come with other settings of its agent."""
        if not self._fed:
            if name == "start":
                self._begin(doc)
            self._documents.append((name, doc))
        super().__call__(name, doc)

    def _begin(self, start: Mapping[str, Any]) -> None:
        """Have an agent with the settings of a run, which has read the runs before it."""
        if not start.get("resumes"):
            self._documents = []
        if (config := _config_of(start)) != self._agent.config:
            self._agent.close()
            self._agent = KineticsAgent(config, name="panel")
            for earlier in self._documents:
                self._agent(*earlier)

    def _read(self, name: str, doc: Mapping[str, Any]) -> bool:
        if name == "start":
            self._decision, self._picture = {}, None
            self._frames.pop("primary", None)
        changed = False
        for stream, data in self._streams(name, doc):
            if stream == "decisions":
                self._decision, changed = data, True
            elif "frame_start" in data:
                self._frames[stream], changed = self._frames.get(stream, 0) + 1, True
        return changed

    def _draw(self, figure: Figure) -> None:
        if self._frames.get("primary"):
            picture = self._ask(lambda: LoadingPicture.of(self._agent.record()))
            with self._lock:
                self._picture = picture or self._picture
        if self._picture is None:
            ends = [f"{self._frames.get(end, 0)} frames of the {end} crystal" for end in _ENDS]
            why = "the frames cannot be read" if self._trouble() else ", ".join(ends)
            waiting(figure, self._headline(), why)
            return
        rows = [["areas", "areas", "areas", "areas"], ["onset", "rate", "laws", "laws"]]
        axes = figure.subplot_mosaic(rows, height_ratios=[1.25, 1.0])  # type: ignore[arg-type]
        draw_areas(axes["areas"], self._picture, None)
        title(axes["areas"], self._words(self._picture))
        _draw_marginals(axes["onset"], axes["rate"], self._picture)
        draw_laws(axes["laws"], self._picture)
        figure.suptitle(self._headline(), parse_math=False)

    def claims(self) -> list[tuple[str, str]]:
        """Say onset, rate and law with their uncertainties."""
        if not self._frames.get("primary"):
            return [(f"frames of the {end} crystal", str(n)) for end, n in self._frames.items()]
        found = self._ask(self._agent.report)
        if found is None:
            return self._stopping()
        pairs = [
            ("frames", str(found["frames"])),
            ("length of the record", f"{found['record_s']:.2f} s"),
        ]
        for name, key, unit in (("onset t0", "t0", "s"), ("rate k", "k", "1/s")):
            one = found[key]
            low, high = one["quantiles"][0], one["quantiles"][4]
            span = f"{one['mean']:.4f} ± {one['sd']:.4f} {unit} (95 %: {low:.4f} to {high:.4f})"
            pairs.append((name, span))
        if found["ts"] is not None:
            pairs.append(("valve opened ts", f"{found['ts']:.4f} s"))
        if found["p_t0_at_ts"] is not None:
            pairs.append(("P(t0 = ts)", f"{found['p_t0_at_ts']:.2g}"))
        pairs.append(("law", found["verdict"]))
        for law, one in found["models"].items():
            pairs.append((f"probability of {plain_law(law)}", f"{one['probability']:.3g}"))
        return [*pairs, *self._stopping()]

    def _words(self, picture: LoadingPicture) -> str:
        """Say what is known, and what was decided last."""
        summary = picture.updates[-1].summary
        words = f"{summary.frames} frames; probability that something has begun "
        words += f"{summary.p_begun:.3f}"
        if limit := self._decision.get("decision_limit"):
            words += f"; ended by {str(limit)[:60]}"
        elif self._decision:
            why = str(self._decision.get("decision_why", ""))[:60]
            words += f"; {self._decision['decision_action']}: {why}"
        return plain(words)


def _config_of(start: Mapping[str, Any]) -> KineticsAgentConfig:
    spec = start.get("agent")
    if isinstance(spec, Mapping) and spec.get("class") == _CLASS:
        try:
            return KineticsAgentConfig.from_mapping(dict(spec.get("config") or {}))
        except (BadInput, TypeError, ValueError):
            pass
    return KineticsAgentConfig()


def _agent_of(start: Mapping[str, Any]) -> KineticsAgent:
    return KineticsAgent(_config_of(start), name="panel")


def _draw_marginals(onset: Axes, rate: Axes, picture: LoadingPicture) -> None:
    """Draw what is known of onset and rate, over all laws."""
    summary = picture.updates[-1].summary
    for axes, values, estimate, colour, label in (
        (onset, picture.t0, summary.t0, _ONSET, "onset t0, s"),
        (rate, picture.k, summary.k, _RATE, "rate k, 1/s"),
    ):
        axes.set_xlabel(label)
        axes.set_yticks([])
        if summary.p_begun < BEGUN:
            axes.text(0.5, 0.5, "not begun", ha="center", color=_GREY, transform=axes.transAxes)
            continue
        low, high = np.quantile(values, [0.002, 0.998])
        axes.hist(values, bins=32, range=(low, high), color=colour, alpha=0.75)
        axes.axvspan(estimate.quantiles[0], estimate.quantiles[4], color=_GREY, alpha=0.2, lw=0)
        title(axes, f"{estimate.mean:.3f} ± {estimate.sd:.3f}")
        if axes is onset and picture.valve_time is not None and low < picture.valve_time < high:
            axes.axvline(picture.valve_time, color=_GREY, linestyle="--")
        axes.locator_params(axis="x", nbins=3)
    onset.set_ylabel("posterior, all laws")
