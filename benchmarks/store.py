"""What storing costs a scan: bare, with operando's store, and with Tiled's writer beside it.

Run ``python benchmarks/store.py [--json] [--events N] [--rounds N]``; some minutes. A scan of
500 events with a motor, a counter and one frame of 195 × 487 pixels each (HDF5, bitshuffle-LZ4),
in simulated time without waiting, is the hardest case: nothing hides what the writer costs. The
ways take turns, each right after a bare scan; figures are medians of the rounds, ratios with their
range. A scan that waits 20 ms an event, as a fast detector makes it, is beside.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky import RunEngine
from bluesky_tiled_plugins import TiledWriter

from operando.devices import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.clock import Clock
from operando.store import Store, open_store

WORST_RATIO = 1.05


class SparseSource:
    """Frames of few counts, cheap to draw: the benchmark is not of the simulation."""

    def __init__(self) -> None:
        shape = (195, 487)
        self._frame = np.random.default_rng(1).poisson(0.5, shape).astype(np.int32)

    def frames(self, x_um: Any, y_um: Any, exposure_s: float, **rest: Any) -> Any:
        """Give the same frame at every point, (n, 195, 487)."""
        return np.broadcast_to(self._frame, (len(x_um), *self._frame.shape))

    def i0_counts(self, exposure_s: float, n: int) -> Any:
        """Give a million counts, n times."""
        return np.full(n, 1e6)

    def mask(self) -> Any:
        """Give no pixel."""
        return np.array([], dtype=np.int64)


def scan(station: Any, events: int, pause: float) -> Any:
    devices = [station.detector, station.monitor]

    @bpp.stage_decorator(devices)
    @bpp.run_decorator(md={"plan_name": "benchmark"})
    def inner() -> Any:
        yield from bps.prepare(station.detector, {"exposure": 0.01}, wait=True)
        for n in range(events):
            yield from bps.mv(station.stage.x, float(n % 40))
            if pause:
                yield from bps.sleep(pause)
            yield from bps.trigger_and_read([*devices, station.stage.x], name="primary")

    return inner()


def seconds(
    folder: Path, events: int, pause: float, subscribe: Callable[[RunEngine], None]
) -> float:
    """Time from the first to the last message of a scan."""
    station = simulated_mapping_station(SparseSource(), Clock(math.inf), folder, DetectorGeometry())
    engine = RunEngine({}, context_managers=[])
    subscribe(engine)
    began = time.perf_counter()
    engine(scan(station, events, pause))
    return time.perf_counter() - began


def ways(store: Store) -> dict[str, Callable[[RunEngine], None]]:
    def direct(batch: int) -> Callable[[RunEngine], None]:
        def subscribe(engine: RunEngine) -> None:
            engine.subscribe(TiledWriter(store.catalog, batch_size=batch))

        return subscribe

    return {
        "bare": lambda engine: None,
        "operando": lambda engine: engine.subscribe(store.writer()) and None,
        "TiledWriter(batch_size=1)": direct(1),
        "TiledWriter()": direct(10_000),
    }


def measure(store: Store, events: int, rounds: int, pause: float) -> dict[str, Any]:
    """Time each way right after a bare scan of its own: what else runs comes and goes."""
    bare = ways(store).pop("bare")
    taken: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        for name, subscribe in ways(store).items():
            slow = name.endswith("=1)")
            if name == "bare" or (slow and (number or pause)):
                continue  # one round of the slow one tells enough
            reference = seconds(store.frames_dir, events, pause, bare)
            own = seconds(store.frames_dir, events, pause, subscribe)
            taken.setdefault(name, []).append((reference, own))
            store.sync()  # what is uploaded after the scan is not charged to the next
    rows = {}
    for name, pairs in taken.items():
        ratios = [own / reference for reference, own in pairs]
        rows[name] = {
            "bare_seconds": statistics.median(reference for reference, _ in pairs),
            "seconds": statistics.median(own for _, own in pairs),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "ms_per_event": 1e3 * statistics.median(own - ref for ref, own in pairs) / events,
        }
    return {"events": events, "rounds": rounds, "pause_s": pause, "ways": rows}


def show(result: dict[str, Any]) -> None:
    events, pause = result["events"], 1e3 * result["pause_s"]
    print(f"{events} events with a frame each, {pause:.0f} ms of waiting an event")
    for name, row in result["ways"].items():
        low, high = min(row["ratios"]), max(row["ratios"])
        print(
            f"  {name:28s}{row['seconds']:8.2f} s, bare {row['bare_seconds']:6.2f} s: "
            f"ratio {row['ratio']:6.3f} ({low:.3f} to {high:.3f}), "
            f"{row['ms_per_event']:+.2f} ms an event"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        measure(store, 20, 1, 0.0)
        for pause in (0.0, 0.02):
            results.append(measure(store, options.events, options.rounds, pause))
    if options.json:
        print(json.dumps({"results": results, "worst_ratio": WORST_RATIO}))
        return
    for result in results:
        show(result)
        ratio = result["ways"]["operando"]["ratio"]
        verdict = "met" if ratio <= WORST_RATIO else "NOT met"
        print(f"  at most {WORST_RATIO:.2f} times the bare scan: {verdict}\n")


if __name__ == "__main__":
    main()
