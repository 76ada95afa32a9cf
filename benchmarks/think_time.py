"""Thinking time: tell 50 points of a map of 7,600, ask for the next 50.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/think_time.py``. The mapping agent is told what it
asked for, from 100 to 5,000 measured points; beside it an exact Gaussian process (scikit-learn,
one scalar, hyperparameters kept and fitted) and gpCAM where it is installed (extra ``gpcam``),
at the sizes they manage in reasonable time.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from offline_map import OfflineMap

from operando.agents.patterns import PowderPatterns

FIRST, LAST, STEP = 100, 5000, 50
BUDGET_MS = 25.0
LENGTH_UM = 10.0
Floats = NDArray[np.float64]


def agent_times(section: OfflineMap, patterns: PowderPatterns) -> tuple[list[int], list[float]]:
    """Measured points before, and ms, of every tell and ask."""
    agent = section.agent(patterns.two_theta, patterns.wavelength)
    rng = np.random.default_rng(0)
    told = rng.permutation(section.grid.size)[:FIRST]
    sizes, times = [], []
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
        begin = time.perf_counter()
        agent.ingest(points)
        made = agent.suggest(STEP)
        if measured >= FIRST:  # the first call fills caches
            sizes.append(measured)
            times.append(1e3 * (time.perf_counter() - begin))
        measured += told.size
        told = np.array([s["point"] for s in made])
    return sizes, times


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


def gpcam() -> Callable[[Floats, Floats, Floats], Floats]:
    """Give gpCAM's posterior standard deviation with its default kernel, parameters kept."""
    from gpcam import GPOptimizer

    def think(xy: Floats, values: Floats, everywhere: Floats) -> Floats:
        start = np.array([1.0, LENGTH_UM, LENGTH_UM])
        model = GPOptimizer(xy, values, init_hyperparameters=start)
        variance = model.posterior_covariance(everywhere, variance_only=True)["v(x)"]
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    return think


def time_of(think: Callable[[Floats, Floats, Floats], Floats], data: OfflineMap, n: int) -> float:
    """Milliseconds to take n points and choose 50 of the map's."""
    rng = np.random.default_rng(n)
    every = data.grid.position(np.arange(data.grid.size))
    some = rng.permutation(data.grid.size)[:n]
    values = data.truth[some, 0].astype(float) + 0.1 * rng.standard_normal(n)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.argsort(-think(every[some], values, every))[:STEP]
    return 1e3 * (time.perf_counter() - begin)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--no-others", action="store_true", help="the mapping agent alone")
    alone = options.parse_args().no_others
    section = OfflineMap(7)
    patterns = section.measure(section.beamline(1), np.arange(section.grid.size), 0.05)
    sizes, times = (np.array(v) for v in agent_times(section, patterns))
    print(f"mapping agent, {section.grid.size} points, tell {STEP} + ask {STEP}")
    for low, high in ((100, 500), (500, 1000), (1000, 2000), (2000, 3500), (3500, 5000)):
        some = times[(sizes >= low) & (sizes < high)]
        print(
            f"  {low:5d} to {high:5d} measured: "
            f"median {np.median(some):6.1f} ms, worst {some.max():6.1f} ms"
        )
    print(
        f"  all: median {np.median(times):.1f} ms, 95 % {np.quantile(times, 0.95):.1f} ms, "
        f"worst {times.max():.1f} ms; goal {BUDGET_MS:g} ms"
    )
    if alone:
        return
    others: list[tuple[str, Callable[[Floats, Floats, Floats], Floats], tuple[int, ...]]] = [
        ("exact GP, parameters kept", scikit(False), (100, 500, 1000, 2000, 5000)),
        ("exact GP, parameters fitted", scikit(True), (100, 500, 1000)),
    ]
    try:
        others.append(("gpCAM, parameters kept", gpcam(), (100, 500, 1000, 2000)))
    except ImportError:
        print("gpCAM is not installed (extra gpcam)")
    for name, think, numbers in others:
        print(name)
        for n in numbers:
            print(f"  {n:5d} measured: {time_of(think, section, n):10.0f} ms", flush=True)


if __name__ == "__main__":
    main()
