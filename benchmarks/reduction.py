"""Frames to patterns to labels: frames a second, beside pyFAI with the same classifier.

Run ``python benchmarks/reduction.py [--json]``; about a minute. Frames are those of the simulated
station, 50 ms each at the points of one map. BLAS and OpenMP are pinned to one thread before
numpy is loaded; the classifier puts its batches on as many threads as there are cores. Every
figure is the median of several rounds, with the slowest and fastest beside it. The ways of
reducing take turns, so that what else the machine does meets all of them. Beside seconds stand
those of the processor, all cores added up: on a busy machine they say more.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.reduction import Reducer, ReductionConfig
from operando.physics.geometry import DetectorGeometry
from operando.simulations.beamline import MapBeamline
from operando.simulations.specimen import CorrodedSteel

SEED = 7
EXPOSURE_S = 0.05
FRAMES = 1024  # 389 MB
PAGE = 80  # frames that arrive together: one line of a map
ONE_MAP, ALL_MAPS = 7_600, 114_198
NEEDED_FRAMES_PER_S, NEEDED_S = 1_500, 2.0


@dataclass(frozen=True)
class Timing:
    """Seconds of several rounds, on the clock and of the processor."""

    seconds: tuple[float, ...]
    processor: tuple[float, ...]

    @property
    def median(self) -> float:
        """Middle of the rounds."""
        return statistics.median(self.seconds)

    def rate(self, n: int) -> str:
        """Give n by the second, with its range."""
        slow, fast = n / max(self.seconds), n / min(self.seconds)
        return f"{n / self.median:9,.0f}   ({slow:,.0f} to {fast:,.0f})"

    def span(self) -> str:
        """Give the seconds, with their range."""
        span = f"({min(self.seconds):.2f} to {max(self.seconds):.2f})"
        return f"{self.median:9.2f}   {span}, processor {statistics.median(self.processor):.2f}"


def take_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time the calls one after another, again and again, after one round that does not count."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            began, worked = time.perf_counter(), time.process_time()
            call()
            if turn:
                taken = time.perf_counter() - began, time.process_time() - worked
                seconds[name].append(taken)
    return {name: Timing(*zip(*values, strict=True)) for name, values in seconds.items()}


def together(patterns: list[PowderPatterns]) -> PowderPatterns:
    return PowderPatterns(
        patterns[0].two_theta,
        patterns[0].wavelength,
        np.concatenate([p.intensity for p in patterns]),
        np.concatenate([p.sigma for p in patterns]),
    )


def expose(beamline: MapBeamline, count: int, first: int = 0) -> np.ndarray:
    rows, columns = np.divmod(np.arange(first, first + count), 80)
    return beamline.frames(2.0 * columns, 2.0 * rows, EXPOSURE_S)


def stream(reducer: Reducer, frames: np.ndarray) -> PowderPatterns:
    """Reduce page by page, as frames come in."""
    pages = range(0, len(frames), PAGE)
    return together([reducer.stream(frames[first : first + PAGE]) for first in pages])


def by_pyfai(reducer: Reducer, frames: np.ndarray) -> PowderPatterns:
    return together([reducer.integrate(frame) for frame in frames])


def frames_per_second(
    reducer: Reducer, classifier: PhaseClassifier, frames: np.ndarray
) -> dict[str, Timing]:
    return take_turns(
        {
            "stream": lambda: stream(reducer, frames),
            "stream, labels": lambda: classifier.classify(stream(reducer, frames)),
            "pyFAI": lambda: by_pyfai(reducer, frames),
            "pyFAI, labels": lambda: classifier.classify(by_pyfai(reducer, frames)),
        },
        rounds=5,
    )


def agreement(reducer: Reducer, frames: np.ndarray) -> float:
    """Largest relative difference of a bin between the two ways, of bins with counts."""
    ours, theirs = stream(reducer, frames).intensity, by_pyfai(reducer, frames).intensity
    counted = theirs > 0
    return float(np.abs(ours[counted] / theirs[counted] - 1.0).max())


def patterns_of_maps(beamline: MapBeamline, reducer: Reducer) -> PowderPatterns:
    """Reduced patterns of one map, over again until there are as many as in all maps."""
    step = 400
    parts = [stream(reducer, expose(beamline, step, n)) for n in range(0, ONE_MAP, step)]
    return together(parts)[np.resize(np.arange(ONE_MAP), ALL_MAPS)]


def main() -> None:
    geometry = DetectorGeometry()
    beamline = MapBeamline(CorrodedSteel(SEED), geometry, SEED)
    mask = tuple(int(i) for i in beamline.mask())
    reducer = Reducer(
        ReductionConfig(geometry.shape, geometry.pixel_size, geometry.poni(), 10.0, mask)
    )
    classifier = PhaseClassifier.shipped()
    frames = expose(beamline, FRAMES, first=2000)
    rates = frames_per_second(reducer, classifier, frames)
    difference = agreement(reducer, frames[:200])
    del frames
    maps = patterns_of_maps(beamline, reducer)
    labels = take_turns(
        {
            "one map": lambda: classifier.classify(maps[:ONE_MAP]),
            "all maps": lambda: classifier.classify(maps),
        },
        rounds=5,
    )
    report(rates, labels, difference)


def report(rates: dict[str, Timing], labels: dict[str, Timing], difference: float) -> None:
    def ratio(suffix: str) -> float:
        return rates[f"pyFAI{suffix}"].median / rates[f"stream{suffix}"].median

    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; frames of 195 x 487 pixels, pages of {PAGE}")
    print("frames/s, median (slowest to fastest)")
    print(f"  reduction, stream                  {rates['stream'].rate(FRAMES)}")
    print(f"  reduction, pyFAI no-split CSR      {rates['pyFAI'].rate(FRAMES)}")
    print(f"  reduction and labels, stream       {rates['stream, labels'].rate(FRAMES)}")
    print(f"  reduction and labels, pyFAI        {rates['pyFAI, labels'].rate(FRAMES)}")
    print(f"  stream over pyFAI: {ratio(''):.1f}; with labels: {ratio(', labels'):.1f}")
    print(f"  needed with labels: {NEEDED_FRAMES_PER_S:,}")
    print(f"largest relative difference stream - pyFAI in a bin: {difference:.1e}")
    print("seconds to label reduced patterns, median (fastest to slowest)")
    print(f"  {ONE_MAP:7,}, one map                   {labels['one map'].span()}")
    print(f"  {ALL_MAPS:7,}, fifteen maps              {labels['all maps'].span()}")
    print(f"  needed for all: {NEEDED_S:.1f}")
    if "--json" in sys.argv:
        print(
            json.dumps(
                {
                    **{f"{k} frames_per_s": FRAMES / t.median for k, t in rates.items()},
                    **{f"{k} seconds": t.median for k, t in labels.items()},
                    "relative_difference": difference,
                }
            )
        )


if __name__ == "__main__":
    main()
