"""Hours of simulated scans in one process: memory, files, threads and the rate are to stay.

Run ``python -m benchmarks.soak --hours 2 [--seed S] [--out DIR]``; ``--rounds N`` ends earlier. A
round has five parts in an order of its own: a map in two passes and a flown map in a session that
is open from the first round to the last, and the demonstrations of mapping, battery and kinetics,
each of which opens and closes the same store, as a user calls them: with agents, reports, figures
and a live picture.

After every part the process is measured, cyclic garbage collected first. A line a round goes to
stdout, everything to ``samples.jsonl``; the end is a table of slopes per hour (Theil–Sen with its
95 % interval, the first fifth of the rounds left out as warm-up) with a verdict for each. Memory
that grows is named by the part in which it did. SIGTERM and Ctrl-C end it with the table so far.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

from operando.allocator import few_arenas

few_arenas()  # as the command does: before what it imports starts threads

import argparse
import gc
import io
import json
import math
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from scipy.stats import theilslopes

from operando.agents.mapping_config import MappingConfig
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.demos.battery import run_battery_demo
from operando.demos.battery_settings import BatteryDemo
from operando.demos.following import followed
from operando.demos.kinetics import KineticsDemo, run_kinetics_demo
from operando.demos.mapping import MappingDemo, run_mapping_demo
from operando.plans import map_fly, map_two_pass
from operando.session import Session, mapping_session

SHAPE, STEP = (12, 10), 8.0
WARM_UP = 0.2
#: Growth per hour, as a share of the level, that is called flat.
TOLERANCE = {"rss_mb": 0.02, "objects": 0.02, "wall_s": 0.05, "cpu_s": 0.05}
_MB = 1e6


def sample(folder: Path) -> dict[str, float]:
    """Measure this process and the store's folder."""
    gc.collect()
    statm = Path("/proc/self/statm").read_text().split()
    return {
        "rss_mb": int(statm[1]) * resource.getpagesize() / _MB,
        "objects": len(gc.get_objects()),
        "files": len(os.listdir("/proc/self/fd")) - 1,
        "threads": len(os.listdir("/proc/self/task")),
        "children": len(children()),
        "store_mb": size_of(folder) / _MB,
    }


def children() -> list[str]:
    """List the processes that this one has started and not yet waited for."""
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except OSError:  # the thread has just ended
            continue
    return found


def size_of(folder: Path) -> int:
    """Add up what lies in a folder."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total


def cpu() -> float:
    """Return the processor time of this process and of its ended children, s."""
    own, ended = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def parts(session: Session, out: Path) -> dict[str, Callable[[int], Any]]:
    """Return what a round is made of, each called with a seed."""
    silent = Console(file=io.StringIO(), force_terminal=False)

    def quiet() -> Console:
        silent.file = io.StringIO()
        return silent

    def two_pass(seed: int) -> None:
        agent = PhaseMappingAgent(MappingConfig(), checkpoint_path=out / "agent.npz")
        plan = map_two_pass(
            session.station,
            agent,
            shape=SHAPE,
            step=STEP,
            exposure=0.02,
            revisit_exposure=0.1,
            n_revisits=24,
            batch=6,
            sample="soak",
            seed=seed,
        )
        session.run(plan, agent, title="map")
        agent.close()

    def flown(seed: int) -> None:
        agent = PhaseMappingAgent(name="flown")
        plan = map_fly(
            session.station,
            shape=SHAPE,
            step=STEP,
            exposure=0.02,
            sample="soak",
            seed=seed,
            agent=agent,
        )
        session.run(plan, agent, title="flown")
        agent.close()

    return {
        "open: two passes": two_pass,
        "open: flown": flown,
        "demo mapping": lambda seed: run_mapping_demo(
            MappingDemo(seed=seed, shape=SHAPE, step_um=STEP, live=True, out=out), quiet()
        ),
        "demo battery": lambda seed: run_battery_demo(
            BatteryDemo(seed=seed, step=0.3, reference_repeats=1, until=4.6, live=True, out=out),
            quiet(),
        ),
        "demo kinetics": lambda seed: run_kinetics_demo(
            KineticsDemo(seed=seed, longest=9.7, live=True, out=out), quiet()
        ),
    }


def soak(out: Path, seconds: float, rounds: int, seed: int, over: threading.Event) -> Soaked:
    """Measure round after round until the time, the rounds or the patience are over."""
    soaked = Soaked(out / "samples.jsonl")
    began = time.monotonic()
    chance = random.Random(seed)
    silent = Console(file=io.StringIO())
    with (
        mapping_session(
            seed=seed,
            speed=math.inf,
            store=str(out / "store"),
            shape=SHAPE,
            step_um=STEP,
            console=silent,
        ) as session,
        followed(session, out, live=True),
    ):
        work = parts(session, out)
        for number in range(rounds):
            if over.is_set() or time.monotonic() - began > seconds:
                break
            silent.file = io.StringIO()  # what it is told must not pile up
            session.written.clear()
            soaked.round(number, work, chance, out, over)
    return soaked


class Soaked:
    """What was sampled.

    Parameters
    ----------
    path : Path
        File that gets everything as it comes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()
        self.rounds: list[dict[str, float]] = []
        self.grown: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = {}
        self.failures: list[str] = []

    def round(
        self,
        number: int,
        work: Mapping[str, Callable[[int], Any]],
        chance: random.Random,
        out: Path,
        over: threading.Event,
    ) -> None:
        """Do every part once, in an order of chance, and sample after each."""
        order = chance.sample(list(work), len(work))
        wall, used = time.perf_counter(), cpu()
        before = sample(out / "store") if number == 0 else self.rounds[-1]
        now = before
        for part in order:
            if over.is_set():
                return  # a round that is cut short has no rate
            seed, began = chance.randrange(1000), time.perf_counter()
            try:
                work[part](seed)
            except Exception as error:
                self.failures.append(f"round {number}, {part}, seed {seed}: {error!r}")
                traceback.print_exc()
            self.seconds.setdefault(part, []).append(time.perf_counter() - began)
            previous, now = now, sample(out / "store")
            if number:
                self.grown[part] += now["rss_mb"] - previous["rss_mb"]
            self._keep({"round": number, "part": part, "seed": seed, **now})
        row = {
            "hours": (time.monotonic() - self._began) / 3600,
            "wall_s": time.perf_counter() - wall,
            "cpu_s": cpu() - used,
            **now,
        }
        self.rounds.append(row)
        self._keep({"round": number, **row})
        told = "  ".join(f"{key} {value:.4g}" for key, value in row.items())
        print(f"{time.strftime('%H:%M:%S')} round {number}: {told}", flush=True)

    def _keep(self, row: Mapping[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def table(self) -> list[str]:
        """Return the slopes per hour, each with a verdict, and what grew where."""
        kept = self.rounds[math.ceil(WARM_UP * len(self.rounds)) :]
        lines = [
            f"{len(self.rounds)} rounds in {self._hours():.2f} h, "
            f"{len(self.rounds) - len(kept)} of them warm-up; {len(self.failures)} parts failed",
            *self.failures,
        ]
        if len(kept) < 4:
            return [*lines, "too few rounds for slopes"]
        head = ("", "first", "median", "last", "slope/h", "95 %", "verdict")
        lines.append("{:10} {:>9} {:>9} {:>9} {:>10} {:>22}  {}".format(*head))
        for key in ("rss_mb", "objects", "files", "threads", "children", "wall_s", "cpu_s"):
            lines.append(self._line(key, kept))
        stored = kept[-1]["store_mb"] - kept[0]["store_mb"]
        lines.append(
            f"store: {kept[-1]['store_mb']:.0f} MB, {stored / (len(kept) - 1):.2f} a round"
        )
        for part, grown in sorted(self.grown.items()):
            times = self.seconds[part]
            lines.append(
                f"{part:18} {grown / max(len(self.rounds) - 1, 1):+7.2f} MB a round, "
                f"median {np.median(times):.2f} s"
            )
        return lines

    def _hours(self) -> float:
        return self.rounds[-1]["hours"] if self.rounds else 0.0

    def _line(self, key: str, kept: Sequence[Mapping[str, float]]) -> str:
        hours = [row["hours"] for row in kept]
        values = [row[key] for row in kept]
        slope, _, low, high = theilslopes(values, hours)
        level = float(np.median(values))
        interval = f"[{low:.3g}, {high:.3g}]"
        found = verdict(key, values, slope, low, level)
        return (
            f"{key:10} {values[0]:9.5g} {level:9.5g} {values[-1]:9.5g} {slope:+10.3g} "
            f"{interval:>22}  {found}"
        )


def verdict(key: str, values: Sequence[float], slope: float, low: float, level: float) -> str:
    """Say whether something grows.

    What is counted must not have more in the last third than it had in the first. What scatters
    is flat where the interval of its slope has zero, or its growth is within `TOLERANCE`.
    """
    if key not in TOLERANCE:
        third = max(len(values) // 3, 1)
        return "flat" if max(values[-third:]) <= max(values[:third]) else "GROWS"
    if low <= 0:
        return "flat"
    within = slope <= TOLERANCE[key] * level
    return f"flat within {TOLERANCE[key]:.0%}" if within else "GROWS"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        print(f"seed {given.seed}, process {os.getpid()}, in {out}", flush=True)
        soaked = soak(out, 3600 * given.hours, given.rounds, given.seed, over)
        lines = soaked.table()
        lines.append(f"afterwards: {leftovers()}")
    print("\n".join(lines), flush=True)
    return int(any("GROWS" in line for line in lines) or bool(soaked.failures))


def leftovers() -> str:
    """Name the threads and open files that stay when everything is closed."""
    threads = Counter(thread.name for thread in threading.enumerate())
    files: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        try:
            files[os.readlink(f"/proc/self/fd/{number}").split(":")[0]] += 1
        except OSError:
            continue
    return f"threads {dict(threads)}, files {dict(files)}"


if __name__ == "__main__":
    sys.exit(main())
