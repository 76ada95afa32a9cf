"""``operando demo mapping``: a map that an agent steers, and an even raster at equal dose."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from operando.agents.phase_classifier import decode, expit
from operando.confined import short_name
from operando.demos.following import followed
from operando.demos.mapping_runs import measure_map, measure_raster, read_earlier
from operando.demos.mapping_settings import MappingDemo
from operando.figures.mapping import MapPicture, draw_map
from operando.interrupts import Aborted
from operando.physics.phases import DISPLAY_NAMES, LABELS
from operando.scoring import LabelScore, score_labels
from operando.session import default_store, mapping_session
from operando.simulations.specimen import CorrodedSteel

__all__ = ["MappingDemo", "run_mapping_demo", "summary_table"]

_WAYS = {"two-pass": "two passes", "sparse": "sparse", "fly": "flown", "raster": "step by step"}


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
    earlier = None
    if settings.resume is not None:
        earlier = read_earlier(store, settings.resume, console)
        settings = settings.completing(earlier.progress.start)
    with (
        mapping_session(
            seed=settings.seed,
            speed=settings.speed,
            store=store,
            shape=settings.shape,
            step_um=settings.step_um,
            station=settings.station,
            console=console,
        ) as session,
        followed(session, settings.out, live=settings.live),
    ):
        map_ = measure_map(session, settings, earlier)
        uid, agent, answer = map_.uid, map_.agent, map_.agent.answer()
        before = map_.before if map_.before is not None else answer
        memory = agent.memory()
        agent.close()
        dose_s = float(memory.exposure_s.sum())
        try:
            raster_uid, raster = measure_raster(session, settings, dose_s)
        except Aborted as stop:
            # The map is there; resuming it measures the raster.
            raise Aborted(uid, stop.signal_number) from None
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
    figures = draw_map(picture, settings.out / f"mapping-{short_name(uid)}", truth)
    final = _score(truth, answer.logit)
    return {
        "uid": uid,
        "seed": settings.seed,
        "points": settings.points,
        "plan": map_.choice.plan,
        "reasons": list(map_.choice.reasons),
        "resumes": settings.resume,
        "budget_s": settings.budget_s,
        "time_s": map_.seconds,
        "measured": int(answer.measured.sum()),
        "dwell_s": dose_s,
        **_figures_of(final),
        "exact_match_raster": _score(truth, raster.logit_alone).exact_match,
        "exact_match_raster_smoothed": _score(truth, raster.logit).exact_match,
        "exact_match_first_pass": _score(truth, before.logit).exact_match,
        "exact_match_expected": float(answer.confidence.mean()),
        "label_accuracy_expected": answer.expected_accuracy(),
        "raster": {"uid": raster_uid, **_figures_of(_score(truth, raster.logit_alone))},
        "raster_smoothed": _figures_of(_score(truth, raster.logit)),
        "model_version": agent.version,
        "store": store,
        "report": session.report_of(uid),
        "seconds": round(time.perf_counter() - begin, 1),
        "figures": [str(path) for path in figures],
    }


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
    ways.append((_WAYS[result["plan"]], result))
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
