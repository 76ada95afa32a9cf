"""Thinking time: tell 50 points of a map of 7,600, ask for the next 50.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/think_time.py``. The mapping agent is told what it
asked for, from 100 to 5,000 measured points; beside it an exact Gaussian process (scikit-learn,
one scalar, hyperparameters kept and fitted) and, in a process of its own, gpCAM where it is
installed (extra ``gpcam``), at the sizes they manage in reasonable time. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from offline_map import OfflineMap

from operando.agents.patterns import PowderPatterns
from operando.agents.unknown import prepare_filters

FIRST, LAST, STEP = 100, 5000, 50
BUDGET_MS = 25.0
LENGTH_UM = 10.0
Floats = NDArray[np.float64]


def agent_times(
    section: OfflineMap, patterns: PowderPatterns
) -> tuple[list[int], list[float], list[float]]:
    """Measured points before, ms, and ms of processor, of every tell and ask."""
    agent = section.agent(patterns.two_theta, patterns.wavelength)
    prepare_filters()  # as the agent does when a run starts
    rng = np.random.default_rng(0)
    told = rng.permutation(section.grid.size)[:FIRST]
    sizes, times, busy = [], [], []
    measured = 0
    while measured < LAST:
        xy = section.grid.position(told)
        points = [
            {
                "stage_x": x,
                "stage_y": y,
                "intensity": patterns.intensity[point],
                "sigma": patterns.sigma[point],
                "exposure": 0.05,
            }
            for point, (x, y) in zip(told, xy, strict=True)
        ]
        begin, worked = time.perf_counter(), time.process_time()
        agent.ingest(points)
        made = agent.suggest(STEP)
        if measured >= FIRST:  # the first call fills caches
            sizes.append(measured)
            times.append(1e3 * (time.perf_counter() - begin))
            busy.append(1e3 * (time.process_time() - worked))
        measured += told.size
        told = np.array([s["point"] for s in made])
    return sizes, times, busy


def scikit(optimise: bool) -> Callable[[Floats, Floats, Floats], Floats]:
    """Exact GP: fit, standard deviation everywhere."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0) * Matern(LENGTH_UM, nu=1.5) + WhiteKernel(0.1)

    def think(xy: Floats, values: Floats, everywhere: Floats) -> Floats:
        optimizer = "fmin_l_bfgs_b" if optimise else None
        model = GaussianProcessRegressor(kernel, optimizer=optimizer).fit(xy, values)
        return np.asarray(model.predict(everywhere, return_std=True)[1])

    return think


def gpcam_ms(data: OfflineMap, n: int) -> float:
    """Have gpCAM think in a process of its own, its start not counted."""
    asked = gpcam_question(data, n)
    peer = Path(__file__).parent / "gpcam_peer.py"
    done = subprocess.run(
        [sys.executable, str(peer)], input=json.dumps(asked), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return float(done.stdout.split()[-1])


def gpcam_question(data: OfflineMap, n: int) -> dict[str, Any]:
    """Give what ``gpcam_peer.py`` is asked with n points measured."""
    xy, values, everywhere = measured(data, n)
    return {
        "xy": xy.tolist(),
        "values": values.tolist(),
        "everywhere": everywhere.tolist(),
        "length_um": LENGTH_UM,
        "choose": STEP,
    }


def measured(data: OfflineMap, n: int) -> tuple[Floats, Floats, Floats]:
    """Give n points, a scalar measured there, and all points."""
    rng = np.random.default_rng(n)
    every = data.grid.position(np.arange(data.grid.size))
    some = rng.permutation(data.grid.size)[:n]
    return every[some], data.truth[some, 0] + 0.1 * rng.standard_normal(n), every


def time_of(think: Callable[[Floats, Floats, Floats], Floats], data: OfflineMap, n: int) -> float:
    """Milliseconds to take n points and choose 50 of the map's."""
    xy, values, every = measured(data, n)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.argsort(-think(xy, values, every))[:STEP]
    return 1e3 * (time.perf_counter() - begin)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--no-others", action="store_true", help="the mapping agent alone")
    alone = options.parse_args().no_others
    section = OfflineMap(7)
    patterns = section.measure(section.beamline(1), np.arange(section.grid.size), 0.05)
    sizes, times, busy = (np.array(v) for v in agent_times(section, patterns))
    print(f"mapping agent, {section.grid.size} points, tell {STEP} + ask {STEP}")
    for low, high in ((100, 500), (500, 1000), (1000, 2000), (2000, 3500), (3500, 5000)):
        here = (sizes >= low) & (sizes < high)
        some, worked = times[here], busy[here]
        print(
            f"  {low:5d} to {high:5d} measured: median {np.median(some):6.1f} ms, "
            f"worst {some.max():6.1f} ms; processor {np.median(worked):6.1f} ms"
        )
    print(
        f"  all: median {np.median(times):.1f} ms, 95 % {np.quantile(times, 0.95):.1f} ms, "
        f"worst {times.max():.1f} ms; goal {BUDGET_MS:g} ms"
    )
    if alone:
        return
    others: list[tuple[str, Callable[[int], float], tuple[int, ...]]] = [
        (
            "exact GP, parameters kept",
            lambda n: time_of(scikit(False), section, n),
            (100, 500, 1000, 2000, 5000),
        ),
        (
            "exact GP, parameters fitted",
            lambda n: time_of(scikit(True), section, n),
            (100, 500, 1000),
        ),
    ]
    if importlib.util.find_spec("gpcam"):
        others.append(
            ("gpCAM, parameters kept", lambda n: gpcam_ms(section, n), (100, 500, 1000, 2000))
        )
    else:
        print("gpCAM is not installed (extra gpcam)")
    typical = float(np.median(times))
    for name, ms, numbers in others:
        print(name)
        for n in numbers:
            took = ms(n)
            ratio = took / typical
            print(f"  {n:5d} measured: {took:10.0f} ms, {ratio:8.1f} times the agent", flush=True)


if __name__ == "__main__":
    main()
