"""Sparse maps: how right five labels are everywhere when a seventh of the raster is measured.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/sparse_map.py [--seeds N] [--first SEED]``. Points
chosen by the agent, at random, and at the largest distance from all others (the far end of maximum
variance), 0.2 s each, from one even start; labels everywhere come from the same agent in all three.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from offline_map import OfflineMap, sections

from operando.agents.mapping_config import MappingConfig
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.physics.phases import LABELS

MAIN = ("fe3o4", "gamma_feooh", "alpha_feooh", "fe_bcc", "resin")
COLUMNS = [LABELS.index(label) for label in MAIN]
SHARES = (0.06, 0.10, 0.14)
WAYS = ("agent", "random", "distance")
DWELL, BATCH = 0.2, 50


def even_start(section: OfflineMap, rng: np.random.Generator) -> list[int]:
    """Give 99 points of a jittered grid."""
    ny, nx = section.grid.shape
    rows = np.rint(np.linspace(4, ny - 5, 11)).astype(int)
    columns = np.rint(np.linspace(4, nx - 5, 9)).astype(int)
    jitter = rng.integers(-2, 3, (rows.size, columns.size, 2))
    return [
        int((y + jitter[i, j, 0]) * nx + x + jitter[i, j, 1])
        for i, y in enumerate(rows)
        for j, x in enumerate(columns)
    ]


def farthest(section: OfflineMap, done: list[int], n: int) -> list[int]:
    """Take the point farthest from all taken so far, n times."""
    xy = section.grid.position(np.arange(section.grid.size))
    distance = np.full(len(xy), np.inf)
    for point in done:
        distance = np.minimum(distance, np.hypot(*(xy - xy[point]).T))
    chosen = []
    for _ in range(n):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.hypot(*(xy - xy[chosen[-1]]).T))
    return chosen


def choose(
    way: str,
    section: OfflineMap,
    agent: PhaseMappingAgent,
    done: list[int],
    n: int,
    rng: np.random.Generator,
) -> list[int]:
    if way == "agent":
        return [int(s["point"]) for s in agent.suggest(n)]
    if way == "distance":
        return farthest(section, done, n)
    return rng.permutation(np.setdiff1d(np.arange(section.grid.size), done))[:n].tolist()


def accuracies(
    section: OfflineMap, raster: PowderPatterns, way: str, start: list[int]
) -> list[float]:
    """Label accuracy of the five labels over the whole map at each share."""
    agent = section.agent(raster.two_theta, raster.wavelength, MappingConfig(labels=MAIN))
    rng = np.random.default_rng(section.seed)
    memory, done, out = agent.memory(), list(start), []
    new = start
    while True:
        points: NDArray[np.int64] = np.array(new)
        memory.add(points, raster.intensity[points], raster.sigma[points], DWELL)
        limit = round(SHARES[len(out)] * section.grid.size)
        if len(done) >= limit:
            present = agent.answer().present.reshape(section.truth.shape)
            out.append(float((present == section.truth)[:, COLUMNS].mean()))
            if len(out) == len(SHARES):
                return out
            limit = round(SHARES[len(out)] * section.grid.size)
        new = choose(way, section, agent, done, min(BATCH, limit - len(done)), rng)
        done += new


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=5, help="number of sections")
    options.add_argument("--first", type=int, help="seed of the first; 7, 11, ... if not given")
    chosen = options.parse_args()
    seeds = sections((7, 11, 23, 31, 47), chosen.seeds, chosen.first)
    begin = time.perf_counter()
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    print(f"label accuracy of {', '.join(MAIN)}; {DWELL:g} s a point")
    for seed in seeds:
        section = OfflineMap(seed)
        raster = section.measure(section.beamline(3), np.arange(section.grid.size), DWELL)
        start = even_start(section, np.random.default_rng(seed))
        for way in WAYS:
            found[way].append(accuracies(section, raster, way, start))
        line = "  ".join(f"{way} {found[way][-1][-1]:.4f}" for way in WAYS)
        print(f"seed {seed}: at {SHARES[-1]:.0%} {line}", flush=True)
    print(f"{'share of the raster':24}" + "".join(f"{share:>18.0%}" for share in SHARES))
    for way in WAYS:
        mean, spread = np.mean(found[way], axis=0), np.std(found[way], axis=0, ddof=1)
        print(
            f"{way:24}"
            + "".join(f"{m:>10.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True))
        )
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
