"""What a time is worth: a map flown once, in two passes, and sparse, at equal time.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/budget.py [--seeds N] [--first SEED] [--rows N]
[SECONDS ...]``. The time of each plan is worked out from the default stage, as
`operando.plans.budget` does it; what is printed is the share of points with all nine labels right.
Fewer rows of 80 points get their share of the seconds. The break-evens in that module and the table
in ``docs/how-to/adaptive-maps.md`` come from here. Truth is looked at to score.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from offline_map import OfflineMap, sections

from operando.agents.map_answer import MapAnswer
from operando.plans.adaptive import FEWEST_FIRST
from operando.plans.budget import ROUNDS, Choice, ways
from operando.plans.grid import MapGrid
from operando.plans.stage_time import StageTime

SECONDS = (52.0, 105.0, 180.0, 270.0, 460.0)
ROWS, COLUMNS = 95, 80
STEP_UM, QUESTIONS = 2.0, 12


def measure(section: OfflineMap, choice: Choice, noise: int, grid: MapGrid) -> MapAnswer:
    """Measure a map as a plan would, without devices."""
    beam = section.beamline(noise)
    if choice.plan == "sparse":
        first = min(max(FEWEST_FIRST, round(0.02 * grid.size)), choice.n_points // 2)
        points = np.array([p for p, _ in zip(grid.space_filling(0), range(first), strict=False)])
    else:
        points = np.arange(grid.size)
    patterns = section.measure(beam, points, choice.exposure)
    agent = section.agent(patterns.two_theta, patterns.wavelength)
    agent.memory().add(points, patterns.intensity, patterns.sigma, choice.exposure)
    exposure, left, questions = choice.revisit_exposure, choice.n_revisits, ROUNDS
    if choice.plan == "sparse":
        exposure, left, questions = choice.exposure, choice.n_points - first, QUESTIONS
    batch = -(-left // questions)
    while left > 0:
        chosen: NDArray[np.int64] = np.array([s["point"] for s in agent.suggest(min(batch, left))])
        again = section.measure(beam, chosen, exposure)
        agent.memory().add(chosen, again.intensity, again.sigma, exposure)
        left -= chosen.size
    return agent.answer()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("seconds", nargs="*", type=float, default=SECONDS)
    options.add_argument("--seeds", type=int, default=2, help="number of sections")
    options.add_argument("--first", type=int, help="seed of the first; 7, 11, ... if not given")
    options.add_argument("--rows", type=int, default=ROWS)
    asked = options.parse_args()
    begin = time.perf_counter()
    for seed in sections((7, 11), asked.seeds, asked.first):
        section = OfflineMap(seed, (asked.rows, COLUMNS))
        grid = MapGrid(section.grid.shape, STEP_UM)
        for seconds in asked.seconds:
            for noise, choice in enumerate(ways(grid, seconds * asked.rows / ROWS, StageTime())):
                answer = measure(section, choice, 20 + noise, grid)
                right = section.exact_match(answer.present)
                print(
                    f"seed {seed}, {seconds:5.0f} s: {choice.plan:8} {right:.4f}, expected "
                    f"{answer.confidence.mean():.4f}; {choice.n_points} points of "
                    f"{1e3 * choice.exposure:.1f} ms, {choice.n_revisits} of "
                    f"{1e3 * choice.revisit_exposure:.1f} ms",
                    flush=True,
                )
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
