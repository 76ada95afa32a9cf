"""Frames a second through the whole loop on two cores, beside pyFAI alone and memory."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.frames import LINE, Flown, draw, loop
from benchmarks.row import Row, Settings, by_turns, compared, progress
from operando.agents.reduction import Reducer, ReductionConfig
from operando.devices.exposure import MAX_FRAME_RATE
from operando.physics.geometry import DetectorGeometry

SUSTAINED_S = 60.0
AT_ONCE = 60 * LINE
HELD_S = 15.0
GOAL = 1000.0
#: Shares of what went through at once that are tried, until one holds.
SHARES = (0.95, 0.85, 0.75, 0.65, 0.5)


def rows(settings: Settings) -> Iterator[Row]:
    """Give the detector's own rate for a minute, the highest that holds, and the limits."""
    two = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, two)
    with loop() as fly:
        yield sustained(fly(MAX_FRAME_RATE, round(SUSTAINED_S * MAX_FRAME_RATE)))
        flown: list[Flown] = []

        def whole() -> float:
            flown.append(fly(math.inf, AT_ONCE))
            return flown[-1].rate

        found = by_turns({"loop": whole, **alone(*draw())}, settings.repeats)
        work = statistics.median(1e3 * one.processor / one.frames for one in flown)
        remark = f"{AT_ONCE} frames on {len(two)} cores, {work:.2f} ms of processor a frame"
        yield beside("frames to a labelled map, at once", "pyFAI alone, one thread", found, remark)
        yield beside("frames to a labelled map, at once", "memory read once, the limit", found)
        yield compared(
            "frames to patterns alone, one thread",
            "pyFAI alone, one thread",
            "frames/s",
            found["reduction"],
            found["pyFAI alone, one thread"],
            more_is_better=True,
        )
        yield highest(fly, statistics.median(found["loop"]))


def beside(what: str, peer: str, found: dict[str, list[float]], remark: str = "") -> Row:
    return compared(
        what, peer, "frames/s", found["loop"], found[peer], more_is_better=True, remark=remark
    )


def sustained(flown: Flown) -> Row:
    """Frames as fast as a PILATUS 100K gives them."""
    return Row(
        f"frames to a labelled map, {SUSTAINED_S:.0f} s",
        "PILATUS 100K's maximum",
        "frames/s",
        flown.rate,
        MAX_FRAME_RATE,
        flown.rate / MAX_FRAME_RATE,
        repeats=1,
        remark=f"{'holds' if flown.holds else 'DOES NOT HOLD'}: {flown}",
    )


def highest(fly: Callable[..., Flown], at_once: float) -> Row:
    """Find the highest rate that holds, from what went through at once downwards."""
    for share in SHARES:
        rate = share * at_once
        flown = fly(rate, round(rate * HELD_S))
        progress(f"  {rate:,.0f} frames/s {'hold' if flown.holds else 'do not hold'}: {flown}")
        if flown.holds:
            break
    else:
        rate = math.nan
    return Row(
        "highest rate that holds",
        "the goal",
        "frames/s",
        rate,
        GOAL,
        rate / GOAL,
        repeats=1,
        remark=f"for {HELD_S:.0f} s: {flown}",
    )


def alone(frames: NDArray[np.int32], mask: NDArray[np.int64]) -> dict[str, Callable[[], float]]:
    """Give what takes frames from memory and does nothing but one thing with them."""
    geometry = DetectorGeometry()
    reducer = Reducer(
        ReductionConfig(
            geometry.shape, geometry.pixel_size, geometry.poni(), 10.0, tuple(mask.tolist())
        )
    )
    some = frames[:160]

    def rate(call: Callable[[], object], number: int) -> Callable[[], float]:
        def measured() -> float:
            began = time.perf_counter()
            call()
            return number / (time.perf_counter() - began)

        return measured

    return {
        "reduction": rate(lambda: reducer.stream(frames), len(frames)),
        "pyFAI alone, one thread": rate(
            lambda: [reducer.integrate(frame) for frame in some], len(some)
        ),
        "memory read once, the limit": rate(lambda: [frame.sum() for frame in frames], len(frames)),
    }
