"""Calibrate the answers to maps on simulated sections, and write what the package ships.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/map_calibration.py [KIND] [--write]``, with KIND
``network``, ``gaps`` or ``spatial`` for what weighs the neighbours. Sections with seeds from 1001
on: no demonstration and no benchmark measures them. Maps at several mean dwells, before and after
revisits, and sparse ones, of random points and of points chosen by the agent. Truth is what it
learns from.
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
from operando.agents.map_gaps import MapGaps
from operando.agents.map_network import weigh
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import decode
from operando.agents.spatial import SpatialPrior
from operando.physics.phases import LABELS

FIRST_SEED = 1001
SECTIONS = {"network": 3, "gaps": 8, "spatial": 3}
SHAPE = (64, 48)
DWELLS = (0.025, 0.05)  # of the maps in two passes, s
STEP = (2.0, 2.0)
SPARSE = (0.05, 0.15)  # shares of the raster
SPARSE_DWELLS, FIRST, BATCH = (0.05, 0.2), 48, 40
FILES = {"network": "network", "gaps": "gaps", "spatial": "map"}
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


def chosen(section: OfflineMap, dwell: float) -> list[MapAnswer]:
    """Answers from a few random points and those that the agent wanted after them."""
    beam = section.beamline(3)
    points = np.random.default_rng(section.seed).permutation(section.grid.size)[:FIRST]
    patterns = section.measure(beam, points, dwell)
    agent = section.agent(patterns.two_theta, patterns.wavelength)
    memory, answers, done = agent.memory(), [], 0
    for limit in (round(share * section.grid.size) for share in SPARSE):
        while done < limit:
            memory.add(points, patterns.intensity, patterns.sigma, dwell)
            done += points.size
            points = np.array([s["point"] for s in agent.suggest(BATCH)])
            patterns = section.measure(beam, points, dwell)
        answers.append(agent.answer())
    return answers


def sparse(section: OfflineMap, dwell: float) -> list[MapAnswer]:
    """Answers from random points of the raster."""
    beam = section.beamline(2)
    rng = np.random.default_rng(section.seed)
    points = rng.permutation(section.grid.size)[: round(SPARSE[-1] * section.grid.size)]
    patterns = section.measure(beam, points, dwell)
    agent = section.agent(patterns.two_theta, patterns.wavelength)
    memory, answers, done = agent.memory(), [], 0
    for share in SPARSE:
        now = slice(done, round(share * section.grid.size))
        part = patterns[now]
        memory.add(points[now], part.intensity, part.sigma, dwell)
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


def answers_of(section: OfflineMap, kind: str) -> list[MapAnswer]:
    """Measure maps of the kind that a calibration is for; the spatial prior serves any."""
    if kind == "gaps":
        ways = (sparse, chosen)
        return [a for dwell in SPARSE_DWELLS for way in ways for a in way(section, dwell)]
    complete = [a for dwell in DWELLS for a in two_pass(section, dwell)]
    return complete + sparse(section, SPARSE_DWELLS[-1])


def weighed(kind: str, answer: MapAnswer) -> FloatArray:
    """Log odds before they are made honest."""
    ways = {"network": weigh, "gaps": MapGaps().weigh, "spatial": SpatialPrior().apply}
    return ways[kind](answer.logit_alone, answer.measured, STEP)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kind", nargs="?", choices=tuple(FILES), default="network")
    options.add_argument("--write", action="store_true", help="replace the shipped file")
    asked = options.parse_args()
    rows: dict[str, Rows] = {"measured": [], "unmeasured": []}
    begin = time.perf_counter()
    seeds = range(FIRST_SEED, FIRST_SEED + SECTIONS[asked.kind])
    for seed in seeds:
        section = OfflineMap(seed, SHAPE)
        for answer in answers_of(section, asked.kind):
            seen = answer.measured.ravel()
            logit = weighed(asked.kind, answer).reshape(-1, len(LABELS))
            for kind, which in (("measured", seen), ("unmeasured", ~seen)):
                if which.any():
                    rows[kind].append((logit[which], section.truth[which]))
        print(f"section {seed}: {time.perf_counter() - begin:.0f} s", flush=True)
    made = {kind: fitted(some) for kind, some in rows.items()}
    values = {
        "about": "a, b of logit p' = a logit p + b; see map_calibration.py",
        "seeds": [seeds[0], seeds[-1]],
        **{kind: lines for kind, (lines, _) in made.items()},
        "joint": [made[kind][1] for kind in ("measured", "unmeasured")],
    }
    text = json.dumps(values, indent=1)
    print(text)
    if asked.write:
        (MODELS / f"{FILES[asked.kind]}_calibration.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
