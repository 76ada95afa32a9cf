"""The kinetic engine beside nested sampling, and its speed in a long or fast stream.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/kinetics.py [peers] [long] [fast] [documents]``; all
without words. Times are of the processor, so that a busy machine does not change them.

*peers*: every default law on one record of 17 s: log evidence, means and sds of the lattice, of
Gauss-Hermite quadrature over every single frame (dense), and of dynesty (extra ``[nested]``).
*long*: milliseconds a frame with up to 10,000 frames of history.
*fast*: 100 and 300 Hz on a clock of processor time: how far answers lag behind the frames.
*documents*: the same at 300 Hz for an agent that is fed the documents of a simulated run: frames
are read and reduced to patterns and areas, too.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from kinetics_records import Truth, record

from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_nested import Frames, nested
from operando.physics.kinetic_laws import DEFAULT_LAWS, LAWS


def peers() -> None:
    data = record(Truth(), seed=3)
    began = time.process_time()
    engine = KineticsEngine(KineticsConfig(), data.noise, whole=True)
    engine.add(*data.frames)
    summary = engine.summary()
    ours = time.process_time() - began
    began = time.process_time()
    checks = engine.check()
    checking = time.process_time() - began
    frames = Frames(*data.frames, data.noise, tuple(engine.state()["plateau"]))
    print(f"17 s record; lattices of five laws {ours:.2f} s, dense check {1e3 * checking:.0f} ms")
    head = ("- dense", "- dynesty", "its sd", "t0, sd", "t0 sd", "k, sd", "k sd", "dynesty s")
    print(f"{'law':22}" + "".join(f"{word:>10}" for word in head))
    spent = 0.0
    for name in DEFAULT_LAWS:
        model, check = summary.models[name], checks[name]
        began = time.process_time()
        told = nested(LAWS[name], frames, KineticsConfig(), seed=1, points=200)
        seconds = time.process_time() - began
        spent += seconds
        row = (
            model.log_evidence - check.log_evidence,
            model.log_evidence - told.log_evidence,
            told.log_evidence_sd,
            (model.t0.mean - told.t0[0]) / told.t0[1],
            model.t0.sd / told.t0[1],
            (model.k.mean - told.k[0]) / told.k[1],
            model.k.sd / told.k[1],
            seconds,
        )
        print(f"{name:22}" + "".join(f"{value:10.4f}" for value in row), flush=True)
    print(f"dynesty / lattices: {spent / ours:.0f} times the processor time")


def long() -> None:
    data = record(Truth(t0=40.0, rate=0.02), seed=5, level=2e-4, end=10_400 / 3.0)
    engine = KineticsEngine(KineticsConfig(), data.noise)
    engine.add(*data.part(0, 60))
    print(f"{len(data.start)} frames, slow process from frame 120; five laws, answer every frame")
    taken = 60
    for first in (200, 2000, 5000, 10_000):
        while taken < first:  # blocks of 20 frames in between
            engine.add(*data.part(taken, min(taken + 20, first)))
            taken = min(taken + 20, first)
        spent = []
        for index in range(first, first + 200):
            began = time.process_time()
            engine.add(*data.part(index, index + 1))
            engine.summary()
            spent.append(1e3 * (time.process_time() - began))
        taken = first + 200
        print(
            f"frames {first} to {taken - 1}: mean {np.mean(spent):.1f}, median "
            f"{np.median(spent):.1f}, worst {np.max(spent):.0f} ms a frame",
            flush=True,
        )


def fast() -> None:
    for rate in (100.0, 300.0):
        data = record(Truth(), seed=2, period=1.0 / rate)
        engine = KineticsEngine(KineticsConfig(), data.noise)
        clock, taken, worst, lag, late = 0.0, 0, (0.0, 0.0), 0.0, 0.0
        while taken < len(data.start):
            # Everything that has arrived by now is taken at once, at least what makes a batch.
            least = int(np.ceil(engine.pace * rate))
            clock = max(clock, data.stop[min(taken + least, len(data.stop)) - 1])
            ready = int(np.searchsorted(data.stop, clock, side="right"))
            began = time.process_time()
            engine.add(*data.part(taken, ready))
            engine.summary()
            clock += time.process_time() - began
            lag = clock - data.stop[ready - 1]
            worst = max(worst, (lag, float(data.stop[ready - 1])))
            late = lag if data.stop[ready - 1] < 10.0 else late
            taken = ready
        print(
            f"{rate:.0f} Hz: answer at most {worst[0]:.2f} s behind (at {worst[1]:.2f} s), "
            f"{late:.3f} s behind at 10 s, {lag:.3f} s at the end"
        )


def documents() -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        ends, run, onset = simulated_run(Path(folder))
        agent = KineticsAgent()
        for name, doc in ends:
            agent(name, doc)
        agent.drain()
        clock, arrived, lags = 0.0, 0.0, []
        for name, doc in run:
            if name == "event_page" and "frame_stop" in doc["data"]:
                arrived = doc["data"]["frame_stop"][-1]
            clock = max(clock, arrived)
            began = time.process_time()
            agent(name, doc)
            agent.drain()
            clock += time.process_time() - began
            lags.append((clock - arrived, arrived))
        record = agent.record()
        updates = record.updates
        answering = sum(update.cpu_seconds for update in updates)
        frames = updates[-1].summary.frames
        begin = record.origin
        agent.close()
    worst = max(lags)
    late = max(lag for lag, at in lags if at > onset + 1.5)
    print(
        f"300 Hz through documents: {frames} frames, {len(updates)} answers, onset at "
        f"{onset - begin:.2f} s; at most {worst[0]:.2f} s behind (at {worst[1] - begin:.2f} s), "
        f"{late:.2f} s from 1.5 s after the onset on, {lags[-1][0]:.3f} s at the end; "
        f"answers {1e3 * answering / frames:.1f} ms a frame"
    )


def simulated_run(folder):
    """Documents of the end states and of 5 s at 300 Hz, and the onset on the same clock."""
    import math

    from bluesky import RunEngine

    from operando.devices import simulated_loading_station
    from operando.plans import WatchSettings, measure_ends, watch_kinetics
    from operando.simulations.clock import Clock
    from operando.simulations.gas_cell import GasLoading
    from operando.simulations.loading_beamline import LoadingBeamline

    clock, gas = Clock(math.inf), GasLoading()
    source = LoadingBeamline(gas, 4, began=clock.now())
    station = simulated_loading_station(source, clock, folder)
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    kept = []
    engine.subscribe(lambda name, doc: kept.append((name, dict(doc))))
    engine(measure_ends(station, frames=60))
    ends = list(kept)
    kept.clear()
    settings = WatchSettings(1.0 / 300.0 - 0.00095, before=300, longest=5.0)
    engine(watch_kinetics(station, settings=settings))
    return ends, list(kept), gas.onset


def main() -> None:
    words = sys.argv[1:] or ["peers", "long", "fast", "documents"]
    for word in words:
        {"peers": peers, "long": long, "fast": fast, "documents": documents}[word]()


if __name__ == "__main__":
    main()
