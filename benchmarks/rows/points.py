"""How right a map is for its dose: exact match of nine labels against mean dwell, by five ways.

Two passes and the raster measure every point; the sparse map, random points and gpCAM measure some
for 0.1 s each, from one even start. All have the same dose and labels from the same agent; only
where the dose goes differs. The specimens (seeds 300 on) are held out: nothing was ever chosen by
looking at them. Truth is looked at to score.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from mapping import first_pass, raster, two_pass
from numpy.typing import NDArray
from offline_map import OfflineMap

from benchmarks.gpcam_chooser import gpcam_chooser
from benchmarks.peer_process import PeerProcess
from benchmarks.row import Row, Settings, absent, compared, progress
from operando.agents.patterns import PowderPatterns
from operando.plans.adaptive import FEWEST_FIRST
from operando.plans.budget import ROUNDS, SPARSE_EXPOSURES_S, usual_choice
from operando.plans.grid import MapGrid

HELD_OUT = tuple(range(300, 310))
DWELLS_S = (0.01, 0.02, 0.0375)
SMALL, FULL = (48, 40), (95, 80)
STEP_UM, QUESTIONS = 2.0, 12
EXPOSURE_S = SPARSE_EXPOSURES_S[1]
#: Points up to which gpCAM is asked, one after another: with 800 it takes a minute a map.
GPCAM_MOST = {SMALL: 400, FULL: 800}
PAIRS = (
    ("two passes", "raster"),
    ("two passes", "random points"),
    ("two passes", "gpCAM"),
    ("sparse", "random points"),
    ("sparse", "gpCAM"),
)
Points = NDArray[np.int64]
#: From the points measured so far and how many are wanted to the next ones.
Chooser = Callable[[Points, int], Points]
Found = dict[tuple[float, str], list[float]]


def rows(settings: Settings) -> Iterator[Row]:
    """Give a row for each dwell and pair of ways."""
    shape = FULL if settings.full else SMALL
    seeds = HELD_OUT[: max(settings.repeats, 2)]
    found: Found = {}
    with contextlib.ExitStack() as stack:
        gpcam = None
        if importlib.util.find_spec("gpcam"):
            gpcam = stack.enter_context(PeerProcess("gpcam_points.py"))
        for seed in seeds:
            for (dwell, way), right in scored(OfflineMap(seed, shape), gpcam).items():
                found.setdefault((dwell, way), []).append(right)
                progress(f"  seed {seed}, {1e3 * dwell:g} ms, {way}: {right:.4f}")
    yield from told(found, f"{len(seeds)} specimens of {shape[0]} x {shape[1]} points")


def told(found: Found, which: str) -> Iterator[Row]:
    """Compare the ways in pairs."""
    installed = any(way == "gpCAM" for _, way in found)
    for dwell, (ours, peer) in itertools.product(DWELLS_S, PAIRS):
        what = f"exact match, {1e3 * dwell:g} ms a point, {ours}"
        if (dwell, peer) in found:
            mine, theirs = (np.array(found[dwell, way]) for way in (ours, peer))
            wrong = float(np.median((1.0 - mine) / (1.0 - theirs)))
            remark = f"{wrong:.2f} of the peer's wrong points; {which}"
            lists = mine.tolist(), theirs.tolist()
            yield compared(what, peer, "", *lists, more_is_better=True, remark=remark)
        elif not installed:
            yield absent(what, peer, "extra [gpcam]", ours=float(np.median(found[dwell, ours])))
        else:
            remark = f"so many questions, one after another, would take gpCAM minutes; {which}"
            right = float(np.median(found[dwell, ours]))
            yield Row(what, peer, ours=right, remark=remark, status="not run")


def scored(section: OfflineMap, gpcam: PeerProcess | None) -> dict[tuple[float, str], float]:
    """Exact match by dwell and way."""
    every = np.arange(section.grid.size)
    longer = section.measure(section.beamline(3), every, EXPOSURE_S)
    values = longer.intensity.mean(axis=1) / EXPOSURE_S
    rng = np.random.default_rng(section.seed)
    found = {}
    for dwell in DWELLS_S:
        two = two_pass(section, first_pass(section, dwell), dwell, ROUNDS)
        found[dwell, "two passes"] = section.exact_match(two.present)
        found[dwell, "raster"] = section.exact_match(raster(section, dwell).present)
        count = usual_choice("sparse", section.grid.size, dwell).n_points
        choosers: dict[str, Chooser | None] = {
            "sparse": None,
            "random points": lambda done, n: rng.permutation(np.setdiff1d(every, done))[:n],
        }
        if gpcam and count <= GPCAM_MOST[section.grid.shape]:
            choosers["gpCAM"] = gpcam_chooser(gpcam, section.grid, values, section.seed)
        for way, chooser in choosers.items():
            found[dwell, way] = sparse(section, longer, count, chooser)
    return found


def sparse(
    section: OfflineMap, longer: PowderPatterns, count: int, chooser: Chooser | None
) -> float:
    """Exact match of the whole map when some points are measured; the agent's own if no chooser."""
    agent = section.agent(longer.two_theta, longer.wavelength)
    memory = agent.memory()
    first = min(max(FEWEST_FIRST, round(0.02 * section.grid.size)), count // 2)
    cover = MapGrid(section.grid.shape, STEP_UM).space_filling(0)
    new: Points = np.array(list(itertools.islice(cover, first)))
    batch = -(-(count - first) // QUESTIONS)
    done = new[:0]
    while True:
        memory.add(new, longer.intensity[new], longer.sigma[new], EXPOSURE_S)
        done = np.concatenate([done, new])
        left = min(batch, count - len(done))
        if left <= 0:
            return section.exact_match(agent.answer().present)
        if chooser is None:
            new = np.array([s["point"] for s in agent.suggest(left)])
        else:
            new = chooser(done, left)
