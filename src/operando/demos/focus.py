"""``operando demo focus``: mirrors out of focus, an edge, and an agent that knows when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from operando.agents.coordinate_scan import CoordinateScanAgent
from operando.agents.focus_agent import FocusAgent, FocusConfig
from operando.agents.focus_scans import FocusesByScans
from operando.confined import short_name
from operando.errors import BadInput
from operando.figures.panels import FollowingPanel, save_panel
from operando.focusing_session import FocusingSession, focusing_session
from operando.plans import focus_by_coordinates, focus_kb
from operando.session import default_store

#: After so long without attention the mirrors are focused again, h.
DRIFT_H = 6.0
_NAMES = {"v": "vertical", "h": "horizontal"}


@dataclass(frozen=True)
class FocusDemo:
    """Settings of the demonstration.

    Parameters
    ----------
    seed : int
        Seed of the misalignment and of the instrument's noise.
    speed : float
        Simulated seconds in a real one.
    out : Path
        Directory for figures, and for the store unless `store` names another.
    store : str, optional
        Directory or address of the store.
    acquisition : str
        How the agent chooses; see `BayesOptConfig`.
    hours : float, optional
        Time after which the mirrors are focused again, h; 0: never. 6 if not given and nobody
        has to wait for it.
    baseline : bool
        Whether the same mirrors are also focused one knob after the other.

    Raises
    ------
    BadInput
        If a setting makes no sense.
    """

    seed: int = 7
    speed: float = math.inf
    out: Path = field(default_factory=lambda: Path("operando-out"))
    store: str | None = None
    acquisition: str = "EI"
    hours: float | None = None
    baseline: bool = True

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"--seed is {self.seed}; 0 or more is needed")
        if self.hours is not None and not 0 <= self.hours < math.inf:
            raise BadInput(f"--hours is {self.hours}; 0 or more is needed")
        self.config()

    def config(self) -> FocusConfig:
        """Return the agent's settings."""
        return FocusConfig(acquisition=self.acquisition, seed=self.seed)

    @property
    def wait_s(self) -> float:
        """Time until the mirrors are focused again, s."""
        hours = self.hours
        if hours is None:
            hours = DRIFT_H if math.isinf(self.speed) else 0.0
        return 3600.0 * hours


def run_focus_demo(settings: FocusDemo, console: Console) -> dict[str, Any]:
    """Focus, focus by hand beside, let it drift, focus again, draw.

    Parameters
    ----------
    settings : FocusDemo
    console : Console
        Where progress is shown.

    Returns
    -------
    dict
        The figures of the demonstration; see the reference of JSON objects.
    """
    begin = time.perf_counter()
    store = settings.store or default_store(settings.out)
    agent = FocusAgent(settings.config())
    by_hand = CoordinateScanAgent(settings.config())
    figures = settings.out / "focus"
    try:
        with focusing_session(
            seed=settings.seed, speed=settings.speed, store=store, console=console
        ) as session:
            before = session.size_um
            plan = focus_kb(session.station, agent, seed=settings.seed)
            found = _run(session, plan, agent, figures, "focusing")
            baseline = None
            if settings.baseline:
                other = session.fresh(settings.seed, settings.speed)
                plan = focus_by_coordinates(other.station, by_hand, seed=settings.seed)
                baseline = _run(other, plan, by_hand, figures, "one knob after the other")
            again = None
            if settings.wait_s:
                session.station.clock.sleep(settings.wait_s)
                drifted = session.size_um
                plan = focus_kb(session.station, agent, resumes=found["uid"], seed=settings.seed)
                again = _run(session, plan, agent, figures, "focusing again")
                again["before_um"] = _by_name(drifted)
                again["hours"] = settings.wait_s / 3600.0
    finally:
        agent.close()
        by_hand.close()
    paths = [part.pop("figure") for part in (found, baseline, again) if part]
    return {
        **found,
        "seed": settings.seed,
        "before_um": _by_name(before),
        "acquisition": settings.acquisition,
        "baseline": baseline,
        "restart": again,
        "store": store,
        "seconds": round(time.perf_counter() - begin, 1),
        "figures": paths,
    }


def _run(
    session: FocusingSession, plan: Any, agent: FocusesByScans, figures: Path, title: str
) -> dict[str, Any]:
    """Run a plan; tell what came of it. The truth is looked at when it is over."""
    clock, panel = session.station.clock, FollowingPanel()
    began = clock.now()
    uid = session.run(plan, agent, panel, title=title)
    report = agent.report()
    path = save_panel(panel, figures / f"{short_name(uid)}.png")
    panel.close()
    return {
        "uid": uid,
        "size_um": {
            name: {**_measured(report, direction), "true": true}
            for (direction, name), true in zip(_NAMES.items(), session.size_um, strict=True)
        },
        "claimed": len(report["claim"]) == len(_NAMES),
        "measurements": report["scans"],
        "minutes": (clock.now() - began) / 60.0,
        "figure": str(path),
    }


def _measured(report: Mapping[str, Any], direction: str) -> dict[str, float]:
    """Size by the scans that confirmed it, or by the last one."""
    if claim := report["claim"].get(direction):
        return {"measured": claim["size_um"], "sd": claim["sd_um"]}
    return {"measured": report[f"size_{direction}"], "sd": report[f"size_{direction}_sd"]}


def _by_name(sizes: tuple[float, float]) -> dict[str, float]:
    return dict(zip(_NAMES.values(), sizes, strict=True))


def summary_table(result: dict[str, Any]) -> Table:
    """Lay the figures out for a terminal."""
    table = Table(
        title=f"seed {result['seed']}: focusing by {result['acquisition']}",
        caption=f"run {result['uid'][:8]} in {result['store']}",
    )
    columns = {
        "agent": result,
        "one knob after the other": result["baseline"],
        f"again, {(result['restart'] or {}).get('hours', 0):g} h later": result["restart"],
    }
    shown = {head: part for head, part in columns.items() if part}
    for head in ("", "before", *shown):
        table.add_column(head, justify="right" if head else "left")
    for name in _NAMES.values():
        sizes = [part["size_um"][name] for part in shown.values()]
        measured = [f"{one['measured']:.3f} ± {one['sd']:.3f}" for one in sizes]
        table.add_row(f"{name}, µm: measured", "", *measured)
        before = f"{result['before_um'][name]:.2f}"
        table.add_row("  true", before, *(f"{one['true']:.3f}" for one in sizes))
    table.add_row("scans of an edge", "", *(str(one["measurements"]) for one in shown.values()))
    table.add_row("minutes", "", *(f"{one['minutes']:.1f}" for one in shown.values()))
    return table
