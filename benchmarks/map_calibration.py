"""Calibrate the answers to maps on simulated sections, and write what the package ships.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/map_calibration.py [--write] [--spatial]``.
Sections with seeds from 1001 on: no demonstration and no benchmark measures them. Maps at several
mean dwells, before and after revisits, and sparse ones. Truth is what it learns from.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from offline_map import OfflineMap
from sklearn.linear_model import LogisticRegression

from operando.agents.map_answer import MapAnswer
from operando.agents.map_network import weigh
from operando.agents.phase_classifier import decode
from operando.agents.spatial import SpatialPrior
from operando.physics.phases import LABELS

SEEDS = range(1001, 1004)
SHAPE = (64, 48)
DWELLS = (0.025, 0.05)  # of the maps in two passes, s
STEP = (2.0, 2.0)
SPARSE = (0.05, 0.15)  # shares of the raster at 0.2 s
MODELS = Path(__file__).parent.parent / "src/operando/agents/models"

Rows = list[tuple[NDArray[np.float32], NDArray[np.bool_]]]


def two_pass(section: OfflineMap, dwell: float) -> list[MapAnswer]:
    """Answers after a first pass and after four rounds of revisits."""
    beam, every = section.beamline(1), np.arange(section.grid.size)
    first = section.measure(beam, every, 0.5 * dwell)
    agent = section.agent(first.two_theta, first.wavelength)
    memory = agent.memory()
    memory.add(every, first.intensity, first.sigma, 0.5 * dwell)
    answers = [agent.answer()]
    each = section.grid.size // 20
    for _ in range(4):
        points = np.array([s["point"] for s in agent.suggest(each)])
        again = section.measure(beam, points, 2.5 * dwell)
        memory.add(points, again.intensity, again.sigma, 2.5 * dwell)
    return [*answers, agent.answer()]


def sparse(section: OfflineMap) -> list[MapAnswer]:
    """Answers from random points of the raster."""
    beam = section.beamline(2)
    rng = np.random.default_rng(section.seed)
    points = rng.permutation(section.grid.size)[: round(SPARSE[-1] * section.grid.size)]
    patterns = section.measure(beam, points, 0.2)
    agent = section.agent(patterns.two_theta, patterns.wavelength)
    memory, answers, done = agent.memory(), [], 0
    for share in SPARSE:
        now = slice(done, round(share * section.grid.size))
        part = patterns[now]
        memory.add(points[now], part.intensity, part.sigma, 0.2)
        answers.append(agent.answer())
        done = now.stop
    return answers


def line(logit: NDArray[np.float32], truth: NDArray[np.bool_]) -> list[float]:
    """Fit a, b of one label."""
    fit = LogisticRegression(C=1.0).fit(logit[:, None], truth)
    return [round(float(v), 3) for v in (fit.coef_[0, 0], fit.intercept_[0])]


def exponent(right: NDArray[np.float64], all_right: float) -> float:
    """Power that brings the mean of the products to the share that is all right."""
    low, high = 0.2, 3.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (right**middle).mean() > all_right else (low, middle)
    return round(low, 3)


def fitted(rows: Rows) -> tuple[dict[str, list[float]], float]:
    logit = np.concatenate([row[0] for row in rows])
    truth = np.concatenate([row[1] for row in rows])
    lines = {name: line(logit[:, k], truth[:, k]) for k, name in enumerate(LABELS)}
    slope, offset = np.array([lines[name] for name in LABELS]).T
    honest = logit * slope + offset
    right = 1.0 / (1.0 + np.exp(-np.abs(honest)))
    matches = (decode(honest.astype(np.float32)) == truth).all(axis=1).mean()
    return lines, exponent(right.prod(axis=1), float(matches))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="replace the shipped file")
    options.add_argument(
        "--spatial", action="store_true", help="for the prior learnt from the map, not the network"
    )
    chosen = options.parse_args()
    add = SpatialPrior().apply if chosen.spatial else weigh
    rows: dict[str, Rows] = {"measured": [], "unmeasured": []}
    begin = time.perf_counter()
    for seed in SEEDS:
        section = OfflineMap(seed, SHAPE)
        answers = [a for dwell in DWELLS for a in two_pass(section, dwell)] + sparse(section)
        for answer in answers:
            seen = answer.measured.ravel()
            logit = add(answer.logit_alone, answer.measured, STEP)
            logit = logit.reshape(-1, len(LABELS))
            for kind, which in (("measured", seen), ("unmeasured", ~seen)):
                if which.any():
                    rows[kind].append((logit[which], section.truth[which]))
        print(f"section {seed}: {time.perf_counter() - begin:.0f} s", flush=True)
    made = {kind: fitted(some) for kind, some in rows.items()}
    values = {
        "about": "a, b of logit p' = a logit p + b; see map_calibration.py",
        "seeds": [SEEDS.start, SEEDS.stop - 1],
        **{kind: lines for kind, (lines, _) in made.items()},
        "joint": [made[kind][1] for kind in ("measured", "unmeasured")],
    }
    text = json.dumps(values, indent=1)
    print(text)
    if chosen.write:
        name = "map_calibration" if chosen.spatial else "network_calibration"
        (MODELS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
