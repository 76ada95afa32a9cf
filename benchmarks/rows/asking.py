"""How long a question takes with more and more points measured, and how fast that grows.

Our agent is told 50 points and asked for 50 of a map of 7,600; gpCAM and scikit-learn's exact
process choose 50 of the same by their variance, hyperparameters kept; scikit-optimize is used as
its ``Optimizer`` comes, told all points and asked for one. A growth exponent is the slope of
log time over log points.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import think_time
from numpy.typing import NDArray
from offline_map import OfflineMap

from benchmarks.peer_process import PeerProcess
from benchmarks.row import Row, Settings, absent, compared, progress

SEED = 7
Floats = NDArray[np.float64]
#: Sizes at which each peer is asked; more of them with ``--full``.
SIZES = {
    "gpCAM": (100, 400, 1600),
    "exact GP (scikit-learn)": (100, 400, 1600),
    "skopt.Optimizer, GP": (50, 100, 200),
}
FULL_SIZES = {
    "gpCAM": (100, 200, 400, 800, 1600, 3200),
    "exact GP (scikit-learn)": (100, 200, 400, 800, 1600, 3200, 5000),
    "skopt.Optimizer, GP": (50, 100, 200, 400, 800),
}
LARGEST = 4950


def rows(settings: Settings) -> Iterator[Row]:
    """Give a row for each peer and size that we were asked at as well, and one for the goal."""
    section = OfflineMap(SEED)
    sizes = FULL_SIZES if settings.full else SIZES
    with contextlib.ExitStack() as stack:
        peers = {
            "exact GP (scikit-learn)": lambda n: think_time.time_of(
                think_time.scikit(False), section, n
            ),
            "skopt.Optimizer, GP": lambda n: skopt_ms(section, n),
        }
        if importlib.util.find_spec("gpcam"):
            process = stack.enter_context(PeerProcess("gpcam_peer.py"))
            peers["gpCAM"] = lambda n: process.ask(think_time.gpcam_question(section, n))
        mine, theirs = by_size(section, peers, sizes, settings.repeats)
    every = [think_time.FIRST, 200, 400, 800, 1600, 3200, LARGEST]
    growth = exponent(every, [np.median([near(one, n) for one in mine]) for n in every])
    for peer, asked in sizes.items():
        if peer not in theirs:
            what = f"tell and ask, {asked[-1]} points measured"
            yield absent(what, peer, "extra [gpcam]")
            continue
        peer_growth = exponent(asked, [np.median(theirs[peer][n]) for n in asked])
        remark = (
            f"ours grows as n^{growth:.2f} ({every[0]} to {every[-1]} points), the peer's as "
            f"n^{peer_growth:.2f} ({asked[0]} to {asked[-1]})"
        )
        for n in (size for size in asked if size >= think_time.FIRST):
            what, ours = f"tell and ask, {n} points measured", [near(one, n) for one in mine]
            last = remark if n == asked[-1] else ""
            yield compared(what, peer, "ms", ours, theirs[peer][n], remark=last)
    yield compared(
        f"tell and ask, {LARGEST} points measured",
        "goal",
        "ms",
        [near(one, LARGEST) for one in mine],
        [think_time.BUDGET_MS] * len(mine),
    )


def by_size(
    section: OfflineMap,
    peers: dict[str, Callable[[int], float]],
    sizes: dict[str, tuple[int, ...]],
    repeats: int,
) -> tuple[list[tuple[Floats, Floats]], dict[str, dict[int, list[float]]]]:
    """Ask all by turns; a first round is not counted."""
    patterns = section.measure(section.beamline(1), np.arange(section.grid.size), 0.05)
    mine: list[tuple[Floats, Floats]] = []
    theirs: dict[str, dict[int, list[float]]] = {p: {n: [] for n in sizes[p]} for p in peers}
    for turn in range(repeats + 1):
        measured, times, _ = think_time.agent_times(section, patterns)
        progress(f"  round {turn}, operando: median {np.median(times):.1f} ms")
        if turn:
            mine.append((np.array(measured), np.array(times)))
        for peer, ask in peers.items():
            for n in sizes[peer]:
                took = ask(n)
                progress(f"  round {turn}, {peer}, {n} points: {took:.0f} ms")
                if turn:
                    theirs[peer][n].append(took)
    return mine, theirs


def near(asked: tuple[Floats, Floats], n: int) -> float:
    """Median time of the questions within a fifth of so many points, ms."""
    sizes, times = asked
    close = np.abs(sizes - n) <= 0.2 * n
    return float(np.median(times[close] if close.any() else times[np.abs(sizes - n).argmin()]))


def exponent(sizes: list[int] | tuple[int, ...], times: list[float]) -> float:
    """Slope of log time over log size.

    Examples
    --------
    >>> round(exponent([1, 2, 4], [3.0, 12.0, 48.0]), 6)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def skopt_ms(section: OfflineMap, n: int) -> float:
    """Tell a fresh optimiser n points and ask for the next, ms."""
    from skopt import Optimizer

    xy, values, every = think_time.measured(section, n)
    bounds = [tuple(side) for side in np.stack([every.min(0), every.max(0)]).T.tolist()]
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = Optimizer(bounds, "GP", n_initial_points=5, random_state=1)
        optimizer.tell(xy.tolist(), (-values).tolist())
        optimizer.ask()
    return 1e3 * (time.perf_counter() - begin)
