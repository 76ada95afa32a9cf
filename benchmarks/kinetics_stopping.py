"""Frames saved by stopping, by expected gain and by the valve's time; fixed frames beside them.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/kinetics_stopping.py [--repeats 50] [--known]
[--part stopping|shutter|valve]``.
Areas are drawn from first order with t0 about 7.45 s (its phase within a frame differs from
repeat to repeat), k = 0.6192 /s and normal noise of such a size that 29 frames of 333 ms give
sd(t0) 0.0286 s and sd(k) 0.0229 /s when the law is known. The peer in every table is 51
fixed frames, 17 s. Coverage is that of the central 95 % interval.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_design import DesignConfig, FrameDesign
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_stopping import StopConfig, StopRule
from operando.agents.kinetics_summary import Estimate, KineticsSummary
from operando.agents.kinetics_waiting import Outlook, frames_before
from operando.physics.kinetic_laws import DEFAULT_LAWS, LAWS, mean_extent

Floats = NDArray[np.float64]

NOISE = AreaNoise(np.eye(2), np.array([np.diag([1.0, 0.15]), np.diag([0.15, 1.0])]))
FLUX = 10_260.0
T0, RATE, VALVE_LEAD = 7.4461, 0.6192, 0.55
PERIOD, EXPOSURE, END = 1.0 / 3.0, 1.0 / 3.0 - 0.00095, 17.0
COUNT = round(END / PERIOD)


@dataclass(frozen=True)
class Ending:
    """One record: the answer at its end, frames, exposure, onset, and whether a rule ended it."""

    summary: KineticsSummary
    frames: int
    exposed: float
    t0: float
    met: bool | None = None


class Process:
    """Areas of frames at any time."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.t0 = T0 + PERIOD * (self.random.uniform() - 0.5)

    def areas(self, start: Floats, stop: Floats) -> tuple[Floats, Floats]:
        """Areas (n, 2) and doses (n,)."""
        alpha = mean_extent(LAWS["first_order"], start, stop, self.t0, RATE)
        areas, dose = np.stack([1.0 - alpha, alpha], axis=1), FLUX * (stop - start)
        root = np.linalg.cholesky(NOISE.of(areas) / dose[:, None, None])
        noise = self.random.standard_normal(areas.shape)
        return areas + np.einsum("nij,nj->ni", root, noise), dose


def fixed_record(seed: int, laws: Sequence[str], rules: Sequence[StopRule]) -> list[Ending]:
    """Take fixed frames: the whole record, then where each rule would have ended the same one."""
    process = Process(seed)
    start = PERIOD * np.arange(COUNT)
    stop = start + EXPOSURE
    areas, dose = process.areas(start, stop)
    config = KineticsConfig(laws=tuple(laws), t0_prior=(0.0, END))
    engine = KineticsEngine(config, NOISE)
    endings: dict[int, Ending] = {}
    passed: list[KineticsSummary] = []
    # No rule ends a record before its onset, and without one only the end counts.
    first = int(process.t0 / PERIOD) if rules else COUNT - 1
    for frame in range(first, COUNT):
        part = slice(0 if frame == first else frame, frame + 1)
        engine.add(start[part], stop[part], areas[part], dose[part])
        summary = engine.summary()
        for index, rule in enumerate(rules):
            if index not in endings and rule.decide(summary, earlier=passed)[0]:
                endings[index] = Ending(
                    summary, frame + 1, EXPOSURE * (frame + 1), process.t0, True
                )
        passed.append(summary)
    whole = Ending(passed[-1], COUNT, COUNT * EXPOSURE, process.t0)
    late = replace(whole, met=False)
    return [whole, *(endings.get(index, late) for index in range(len(rules)))]


def designed_record(seed: int, laws: Sequence[str], design: FrameDesign) -> Ending:
    """Take frames as the design proposes them, for 17 s."""
    process, config = Process(seed), design.config
    engine = KineticsEngine(KineticsConfig(laws=tuple(laws), t0_prior=(0.0, END)), NOISE)
    now = exposed = 0.0
    summary: KineticsSummary | None = None
    while now + min(config.exposures) <= END:
        exposure, interval, num = config.exposures[-1], config.exposures[-1] + config.dead_time, 1
        if summary is not None:
            next_ = design.propose(engine, summary, now=now, flux=FLUX, spent=exposed, latest=END)
            if not next_.open:
                now += next_.interval
                continue
            exposure, interval, num = next_.exposure, next_.interval, next_.num
        start = now + interval * np.arange(num)
        start = start[start + exposure <= END]
        if not len(start):
            break
        areas, dose = process.areas(start, start + exposure)
        engine.add(start, start + exposure, areas, dose)
        summary = engine.summary()
        now, exposed = float(start[-1]) + interval, exposed + exposure * len(start)
    assert summary is not None
    return Ending(summary, len(engine), exposed, process.t0)


def valve_record(
    seed: int, laws: Sequence[str], before: int | None, rule: StopRule | None
) -> Ending:
    """Take fixed frames, t0 >= ts known, from `before` frames ahead of the valve on."""
    process = Process(seed)
    start = PERIOD * np.arange(COUNT)
    ts = T0 - VALVE_LEAD
    if before is not None:
        start = start[int(ts / PERIOD) - before :]
    areas, dose = process.areas(start, start + EXPOSURE)
    config = KineticsConfig(laws=tuple(laws), t0_prior=(0.0, END), valve_time=ts, valve_prior=True)
    engine = KineticsEngine(config, NOISE)
    first = len(start) - 1
    if rule is not None:
        first = int(np.searchsorted(start + EXPOSURE, max(ts, process.t0), side="right"))
    for frame in range(first, len(start)):
        part = slice(0 if frame == first else frame, frame + 1)
        engine.add(start[part], start[part] + EXPOSURE, areas[part], dose[part])
        summary = engine.summary()
        if rule is not None and rule.decide(summary)[0]:
            return Ending(summary, len(engine), EXPOSURE * len(engine), process.t0, True)
    return Ending(
        summary, len(engine), EXPOSURE * len(engine), process.t0, None if rule is None else False
    )


def within(estimate: Estimate, truth: float) -> bool:
    """Whether the central 95 % interval holds the truth."""
    return estimate.quantiles[0] <= truth <= estimate.quantiles[4]


def row(name: str, ended: Sequence[Ending], peer: Sequence[Ending]) -> None:
    """Print means, and what is saved and lost against the peer."""

    def mean(read: Callable[[Ending], float], group: Sequence[Ending] = ended) -> float:
        return float(np.mean([read(one) for one in group]))

    def sd(name: str) -> tuple[float, float]:
        def read(one: Ending) -> float:
            return float(getattr(one.summary, name).sd)

        return mean(read), 100.0 * (mean(read) / mean(read, peer) - 1.0)

    def exposed(one: Ending) -> float:
        return one.exposed

    saved = 100.0 * (1.0 - mean(exposed) / mean(exposed, peer))
    (t0, t0_wider), (k, k_wider) = sd("t0"), sd("k")
    judged = [one.met for one in ended if one.met is not None]
    met = f"{100 * np.mean(judged):.0f} %" if judged else "-"
    cover_t0 = 100 * mean(lambda one: within(one.summary.t0, one.t0))
    cover_k = 100 * mean(lambda one: within(one.summary.k, RATE))
    print(
        f"{name:<48}{mean(lambda one: one.frames):7.1f}{saved:8.0f} %{t0:9.4f}{t0_wider:+6.0f} %"
        f"{k:9.4f}{k_wider:+6.0f} %{met:>9}{cover_t0:9.0f} {cover_k:4.0f}",
        flush=True,
    )


def head(title: str) -> None:
    """Print the head of a table."""
    print(f"\n{title}")
    print(
        f"{'':<48}{'frames':>7}{'saved':>10}{'sd(t0) s':>9}{'wider':>8}{'sd(k) /s':>9}{'wider':>8}"
        f"{'reached':>9}   95 %: t0, k"
    )


def stopping(seeds: range, laws: Sequence[str], targets: Sequence[tuple[float, float]]) -> None:
    """Print what rules save of fixed frames."""
    rules = [StopRule(StopConfig(sd_t0=t0, sd_k=k)) for t0, k in targets]
    names = [f"stop at sd(t0) {t0} s and sd(k) {k} /s" for t0, k in targets]
    if len(laws) > 1:
        rivals = ("pseudo_second_order", "jander")
        rules.append(StopRule(StopConfig(odds=100.0, rivals=rivals)))
        names.append("stop at odds of 100 against the last and Jander")
    records = list(zip(*(fixed_record(seed, laws, rules) for seed in seeds), strict=True))
    head("Stopping, frames of 333 ms")
    row("51 fixed frames (peer)", records[0], records[0])
    for name, ended in zip(names, records[1:], strict=True):
        row(name, ended, records[0])


def shutter(seeds: range, laws: Sequence[str], peer: Sequence[Ending]) -> None:
    """Print what a design saves."""
    head("Shutter by expected gain, frames of 332.4 ms")
    row("51 fixed frames (peer)", peer, peer)
    for wanted, cost in product((("t0", "k"), ("t0",)), (0.1, 0.07, 0.05)):
        config = DesignConfig(
            exposures=(EXPOSURE,), exposure_cost=cost, frame_cost=0.0, wanted=wanted
        )
        design = FrameDesign(config, NOISE)
        ended = [designed_record(seed, laws, design) for seed in seeds]
        row(f"about {' and '.join(wanted)}, {cost:g} nat a second", ended, peer)
    design = FrameDesign(DesignConfig(), NOISE)
    ended = [designed_record(seed, laws, design) for seed in seeds]
    row("exposures of 33, 100 and 332 ms, defaults", ended, peer)


def valve(
    seeds: range, laws: Sequence[str], peer: Sequence[Ending], target: tuple[float, float]
) -> None:
    """Print what the valve's time saves."""
    head(f"Valve opened {VALVE_LEAD} s before t0 and its time is used: no onset before it")
    row("51 fixed frames, onset free (peer)", peer, peer)
    count = frames_before(Outlook(), NOISE, FLUX, exposure=EXPOSURE, least_gain=0.005)
    rule = StopRule(StopConfig(sd_t0=target[0], sd_k=target[1]))
    for name, before, until in (
        ("all frames", None, None),
        (f"{count} frames before the valve", count, None),
        (f"{count} frames before, stop at {target[0]} s, {target[1]} /s", count, rule),
    ):
        row(name, [valve_record(seed, laws, before, until) for seed in seeds], peer)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="seed of the first repeat")
    parser.add_argument("--known", action="store_true", help="the law is known: first order alone")
    parts = ("stopping", "shutter", "valve")
    parser.add_argument("--part", choices=parts, action="append", help="all unless given")
    options = parser.parse_args()
    laws = ("first_order",) if options.known else DEFAULT_LAWS
    targets = ((0.035, 0.024), (0.04, 0.03), (0.05, 0.04))
    if options.known:
        targets = ((0.029, 0.024), (0.035, 0.03), (0.04, 0.04))
    seeds, wanted = range(options.first, options.first + options.repeats), options.part or parts
    began = time.perf_counter()
    print(f"{options.repeats} repeats, laws: {', '.join(laws)}", flush=True)
    if "stopping" in wanted:
        stopping(seeds, laws, targets)
    peer = [fixed_record(seed, laws, ())[0] for seed in seeds] if set(wanted) & {*parts[1:]} else []
    if "shutter" in wanted:
        shutter(seeds, laws, peer)
    if "valve" in wanted:
        valve(seeds, laws, peer, targets[0] if options.known else targets[-1])
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
