"""``operando demo mapping``: an even raster and a two-pass map of one specimen, at equal dose."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from operando.agents.map_answer import MapAnswer
from operando.agents.phase_classifier import decode, expit
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.errors import BadInput
from operando.figures.mapping import MapPicture, draw_map
from operando.physics.phases import DISPLAY_NAMES, LABELS
from operando.plans import map_fly, map_two_pass
from operando.scoring import LabelScore, score_labels
from operando.session import Session, default_store, mapping_session
from operando.simulations.specimen import CorrodedSteel


@dataclass(frozen=True)
class MappingDemo:
    """Settings of the demonstration.

    Parameters
    ----------
    seed : int
        Seed of specimen and instrument.
    speed : float
        Simulated seconds in a real one.
    out : Path
        Directory for figures, and for the store unless `store` names another.
    store : str, optional
        Directory or address of the store.
    shape : tuple of int
        Rows (y) and columns (x) of the map.
    step_um : float
        Distance of the points, µm.
    dwell_s : float
        Mean exposure a point, s: the dose of both maps is this times the number of points.
    first_share : float
        Share of the dose that the first pass of two spends.
    revisit_fraction : float
        Share of the points that the second pass visits.
    """

    seed: int = 7
    speed: float = float("inf")
    out: Path = field(default_factory=lambda: Path("operando-out"))
    store: str | None = None
    shape: tuple[int, int] = (95, 80)
    step_um: float = 2.0
    dwell_s: float = 0.050
    first_share: float = 0.5
    revisit_fraction: float = 0.2

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"--seed is {self.seed}; 0 or more is needed")
        if min(self.shape) < 2 or not 0 < self.step_um < math.inf:
            raise BadInput(
                f"a map of {self.shape[0]} x {self.shape[1]} points, {self.step_um} µm apart, is "
                "none: 2 x 2 points and a step above 0 are needed"
            )
        if not 0 < self.dwell_s < math.inf:
            raise BadInput(f"--dwell is {self.dwell_s} s; a number above 0 is needed")

    @property
    def points(self) -> int:
        """Points of the grid."""
        return self.shape[0] * self.shape[1]

    @property
    def revisits(self) -> int:
        """Points of the second pass."""
        return round(self.revisit_fraction * self.points)

    @property
    def revisit_s(self) -> float:
        """Exposure of a revisit that spends the dose the first pass has left."""
        return self.dwell_s * (1.0 - self.first_share) * self.points / self.revisits


def run_mapping_demo(settings: MappingDemo, console: Console) -> dict[str, Any]:
    """Measure both maps, label them, draw the figures.

    Parameters
    ----------
    settings : MappingDemo
    console : Console
        For progress.

    Returns
    -------
    dict
        The JSON object of ``operando demo mapping``.
    """
    begin = time.perf_counter()
    store = settings.store or default_store(settings.out)
    with mapping_session(
        seed=settings.seed,
        speed=settings.speed,
        store=store,
        shape=settings.shape,
        step_um=settings.step_um,
        console=console,
    ) as session:
        raster_uid, raster, _ = _measure_raster(session, settings)
        uid, agent, before = _measure_two_pass(session, settings)
        answer = agent.answer()
        memory = agent.memory()
        agent.close()
    # Only now, with everything measured and decided, is truth looked at.
    truth = CorrodedSteel(settings.seed, settings.shape, settings.step_um).truth()
    picture = MapPicture(
        probability=answer.probability,
        present=answer.present,
        confidence_before=before.confidence,
        confidence=answer.confidence,
        exposure_s=memory.exposure_s.reshape(settings.shape),
        visits=memory.visits.reshape(settings.shape),
        extent_um=_extent(settings),
    )
    console.print("[dim]drawing[/dim]")
    figures = draw_map(picture, settings.out / f"mapping-{uid[:8]}", truth)
    final = _score(truth, answer.logit)
    return {
        "uid": uid,
        "seed": settings.seed,
        "points": settings.points,
        "dwell_s": float(memory.exposure_s.sum()),
        **_figures_of(final),
        "exact_match_raster": _score(truth, raster.logit_alone).exact_match,
        "exact_match_raster_smoothed": _score(truth, raster.logit).exact_match,
        "exact_match_first_pass": _score(truth, before.logit).exact_match,
        "exact_match_expected": float(answer.confidence.mean()),
        "raster": {"uid": raster_uid, **_figures_of(_score(truth, raster.logit_alone))},
        "raster_smoothed": _figures_of(_score(truth, raster.logit)),
        "model_version": agent.classifier.version,
        "store": store,
        "seconds": round(time.perf_counter() - begin, 1),
        "figures": [str(path) for path in figures],
    }


def _measure_raster(
    session: Session, settings: MappingDemo
) -> tuple[str, MapAnswer, PhaseMappingAgent]:
    agent = PhaseMappingAgent(name="raster")
    plan = map_fly(
        session.station,
        shape=settings.shape,
        step=settings.step_um,
        exposure=settings.dwell_s,
        sample=f"corroded steel, seed {settings.seed}",
        seed=settings.seed,
        agent=agent,
    )
    uid = session.run(plan, agent, title="even raster")
    answer = agent.answer()
    agent.close()
    return uid, answer, agent


def _measure_two_pass(
    session: Session, settings: MappingDemo
) -> tuple[str, PhaseMappingAgent, MapAnswer]:
    agent = PhaseMappingAgent()
    plan = map_two_pass(
        session.station,
        agent,
        shape=settings.shape,
        step=settings.step_um,
        exposure=settings.dwell_s * settings.first_share,
        revisit_exposure=settings.revisit_s,
        n_revisits=settings.revisits,
        sample=f"corroded steel, seed {settings.seed}",
        seed=settings.seed,
    )
    uid = session.run(plan, agent, title="two passes")
    before = agent.answer_when_first_asked
    return uid, agent, before if before is not None else agent.answer()


def _extent(settings: MappingDemo) -> tuple[float, float, float, float]:
    (ny, nx), half = settings.shape, 0.5 * settings.step_um
    return (-half, nx * settings.step_um - half, ny * settings.step_um - half, -half)


def _score(truth: NDArray[np.bool_], logit: NDArray[np.float32]) -> LabelScore:
    present = decode(logit.reshape(-1, len(LABELS))).reshape(logit.shape)
    return score_labels(truth, present, expit(logit))


def _figures_of(score: LabelScore) -> dict[str, Any]:
    return {
        "exact_match": score.exact_match,
        "label_accuracy": score.label_accuracy,
        "corrosion_accuracy": score.corrosion_accuracy,
        "substrate_accuracy": score.substrate_accuracy,
        "f1": score.f1,
        "brier": score.brier,
        "ece": score.ece,
    }


def summary_table(result: dict[str, Any]) -> Table:
    """Lay the figures out for a terminal, the three ways of spending the dose side by side."""
    ways = [("raster", result["raster"]), ("raster, smoothed", result["raster_smoothed"])]
    ways.append(("two passes", result))
    title = f"seed {result['seed']}: {result['points']} points, {result['dwell_s']:.0f} s of dose"
    table = Table(title=title, caption=f"run {result['uid'][:8]} in {result['store']}")
    table.add_column("")
    for name, _ in ways:
        table.add_column(name, justify="right")
    rows = {
        "all nine labels right": "exact_match",
        "corrosion products right": "corrosion_accuracy",
        "substrate phases right": "substrate_accuracy",
        "Brier score": "brier",
        "calibration error": "ece",
    }
    for title, key in rows.items():
        table.add_row(title, *(f"{way[key]:.3f}" for _, way in ways))
    for label in LABELS:
        values = (way["f1"][label] for _, way in ways)
        table.add_row(f"F1 {DISPLAY_NAMES[label]}", *(f"{value:.2f}" for value in values))
    return table
