"""What ten and a hundred times as much costs: patterns, events of a run, runs, Dask workers.

Sizes go up within one process, so that its peak of memory belongs to the largest so far. A ratio
of one says that a unit costs the same in the largest as in the smallest.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.row import Row, Settings, absent, by_turns, compared, progress
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.phase_training import TrainingConfig, synthetic_patterns
from operando.commands.stored import run_summary
from operando.replaying import replay_run
from operando.store import Store, open_store

PATTERNS = (10_000, 100_000, 1_000_000)
POOL = 8192
EVENTS = (1_000, 10_000, 100_000)
#: The whole thousand takes some minutes: by ``--full``.
RUNS, FULL_RUNS = (10, 100, 300), (10, 100, 1_000)
PATIENCE_S = 3600.0
DASK_FILES, DASK_PATTERNS = 6, 64


def rows(settings: Settings) -> Iterator[Row]:
    """Give the cost of a unit, largest beside smallest."""
    yield labelling(PATTERNS)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        yield from long_runs(store, EVENTS)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        sizes = FULL_RUNS if settings.full else RUNS
        yield from many_runs(store, sizes, settings.repeats)
    yield two_workers(settings.repeats)


def curve(what: str, unit: str, costs: Mapping[int, float], remark: str = "") -> Row:
    """Make a row of the cost of one at several sizes."""
    smallest, largest = min(costs), max(costs)
    shown = ", ".join(f"{cost:.3g} at {size:,}" for size, cost in costs.items())
    return Row(
        f"{what}, {largest:,}",
        f"the same, {smallest:,}",
        unit,
        costs[largest],
        costs[smallest],
        costs[smallest] / costs[largest],
        repeats=1,
        remark=f"each: {shown}{'; ' if remark else ''}{remark}",
    )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def labelling(sizes: tuple[int, ...]) -> Row:
    """Label patterns, a pool of them again and again, as they would come from a disk."""
    classifier = PhaseClassifier.shipped()
    pool, _ = synthetic_patterns(TrainingConfig(n_patterns=POOL), np.random.default_rng(7))
    classifier.classify(pool)
    costs, peaks = {}, []
    for size in sizes:
        began, share = time.perf_counter(), np.zeros(9)
        for first in range(0, size, POOL):
            part: PowderPatterns = pool[: min(POOL, size - first)]
            share += classifier.classify(part).present.sum(axis=0)
        costs[size] = 1e6 * (time.perf_counter() - began) / size
        peaks.append(f"{peak_mb():.0f}")
        progress(f"  {size:,} patterns: {costs[size]:.1f} µs each, peak {peaks[-1]} MB")
    return curve("patterns labelled", "µs", costs, f"peak of memory {', '.join(peaks)} MB")


def documents(events: int, plan: str = "count") -> Iterator[tuple[str, dict[str, Any]]]:
    """Make a run of readings of a motor and a counter."""
    start, descriptor = str(uuid.uuid4()), str(uuid.uuid4())
    began = time.time()
    yield "start", {"uid": start, "time": began, "plan_name": plan, "scan_id": 1, "sample": plan}
    key = {"source": "benchmark", "dtype": "number", "dtype_numpy": "<f8", "shape": []}
    yield (
        "descriptor",
        {
            "uid": descriptor,
            "run_start": start,
            "time": began,
            "name": "primary",
            "data_keys": {"motor": key, "counter": key},
            "configuration": {},
            "hints": {},
            "object_keys": {},
        },
    )
    for n in range(1, events + 1):
        when = began + 1e-3 * n
        yield (
            "event",
            {
                "uid": f"{descriptor}-{n}",
                "descriptor": descriptor,
                "seq_num": n,
                "time": when,
                "data": {"motor": 0.1 * n, "counter": 7.0 * n},
                "timestamps": {"motor": when, "counter": when},
                "filled": {},
            },
        )
    yield (
        "stop",
        {
            "uid": str(uuid.uuid4()),
            "run_start": start,
            "time": began + 1e-3 * events,
            "exit_status": "success",
            "reason": "",
            "num_events": {"primary": events},
        },
    )


class Counting:
    """An agent that only counts."""

    def __init__(self) -> None:
        self.events = 0

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Count an event."""
        self.events += name == "event"

    def report(self) -> dict[str, int]:
        """Say how many there were."""
        return {"events": self.events}


def put(store: Store, events: int, plan: str = "count") -> str:
    """Store a run as a RunEngine would hand it over; give its uid."""
    uid, write = "", store.writer()
    for name, doc in documents(events, plan):
        uid = uid or str(doc["uid"])
        write(name, doc)
    return uid


def long_runs(store: Store, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Store runs of more and more events, and replay them from the journal and from Tiled."""
    put(store, 10)
    store.sync(PATIENCE_S)
    costs: dict[str, dict[int, float]] = {}
    for size in sizes:
        began = time.perf_counter()
        uid = put(store, size)
        taken = time.perf_counter()
        store.sync(PATIENCE_S)
        seconds = {"taken by the writer": taken - began, "in Tiled": time.perf_counter() - began}
        for source in ("journal", "tiled"):
            began = time.perf_counter()
            replayed = replay_run(store.documents(uid, source), Counting())
            assert replayed.report == {"events": size}
            seconds[f"replayed, {source}"] = time.perf_counter() - began
        for name, value in seconds.items():
            costs.setdefault(name, {})[size] = 1e6 * value / size
        progress(f"  {size:,} events: " + ", ".join(f"{k} {v:.2f} s" for k, v in seconds.items()))
    for name, found in costs.items():
        remark = f"peak of memory {peak_mb():.0f} MB" if name == "replayed, tiled" else ""
        yield curve(f"events of a run, {name}", "µs", found, remark)


def many_runs(store: Store, sizes: tuple[int, ...], repeats: int) -> Iterator[Row]:
    """List and search a store that fills."""
    costs: dict[str, dict[int, float]] = {}
    stored = 0
    for size in sizes:
        began, more = time.perf_counter(), size - stored
        for number in range(stored + 1, size + 1):
            uid = put(store, 1, "even" if number % 2 == 0 else "odd")
        stored = size
        store.sync(PATIENCE_S)
        costs.setdefault("stored", {})[size] = 1e3 * (time.perf_counter() - began) / more
        for name, call in questions(store, uid, size).items():
            best = min(seconds(call) for _ in range(repeats))
            costs.setdefault(name, {})[size] = 1e3 * best
        shown = ", ".join(f"{name} {found[size]:.1f} ms" for name, found in costs.items())
        progress(f"  {size:,} runs: {shown}")
    for name, found in costs.items():
        yield curve(f"runs, {name}", "ms", found)


def questions(store: Store, uid: str, size: int) -> dict[str, Callable[[], None]]:
    """Give what a person asks of a store, each answer checked."""

    def newest() -> None:
        listed = [run_summary(run) for run in store.search().values().tail(50)]
        assert listed[-1]["uid"] == uid
        assert len(listed) == min(size, 50)

    def searched() -> None:
        assert len(store.search(plan="odd", sample="odd")) == size - size // 2

    def found() -> None:
        assert store.find(uid[:9]).metadata["start"]["uid"] == uid

    def last() -> None:
        assert store.find("-1").metadata["start"]["uid"] == uid

    return {
        "the newest 50 listed": newest,
        "searched by plan and sample": searched,
        "one found by its uid's beginning": found,
        "the last one found": last,
    }


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def two_workers(repeats: int) -> Row:
    """Share the same files with one worker and with two."""
    what, peer = "operando classify --dask, two workers", "one worker"
    try:
        from distributed import LocalCluster
    except ImportError:
        return absent(what, peer, "pip install 'operando[dask]'")
    from operando.commands.labels_spread import classify_on
    from operando.spreading import cluster

    classifier = PhaseClassifier.shipped()
    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with ExitStack() as opened:
        files = tables(Path(opened.enter_context(tempfile.TemporaryDirectory())))

        def rate(number: int) -> Callable[[], float]:
            local = opened.enter_context(LocalCluster(n_workers=number, processes=True, **options))
            reached = opened.enter_context(cluster(local.scheduler_address))

            def measured() -> float:
                began = time.perf_counter()
                got = classify_on(reached, files, classifier=classifier, wavelength=1.5406)
                return len(got["patterns"]) / (time.perf_counter() - began)

            return measured

        found = by_turns({what: rate(2), peer: rate(1)}, repeats)
    row = compared(what, peer, "patterns/s", found[what], found[peer], more_is_better=True)
    efficiency = f"{100.0 * (row.ratio or 0.0) / 2.0:.0f} % of twice one worker"
    return replace(row, remark=f"scaling efficiency: {efficiency}, on {os.cpu_count()} cores")


def tables(folder: Path) -> list[Path]:
    """Write files of patterns with a few lines each."""
    axis = np.linspace(12.0, 60.0, 1200)
    rng = np.random.default_rng(7)
    paths = []
    for n in range(DASK_FILES):
        lines = sum(900 * np.exp(-0.5 * ((axis - c) / 0.15) ** 2) for c in (20 + n, 33, 44.7))
        counts = rng.poisson(np.tile(40 + lines, (DASK_PATTERNS, 1)))
        paths.append(folder / f"{n}.csv")
        np.savetxt(paths[-1], np.column_stack([axis, counts.T]), fmt="%.5g", delimiter=",")
    return paths
