"""Faults on purpose: processes that are killed, starved, stopped and lied to, by the hundred.

Run ``python -m benchmarks.faults --number 200 --seed S``. Each trial is a demonstration (a map,
a record of kinetics, a charge; small ones, as a command in a process of its own) to which one
thing happens at a random moment; then the run is resumed, or replayed where there is nothing to
resume. What must hold is in `tests/support/fault_trials.py`: the hardware is safe, every document
that the store had taken is kept, the result is that of a run to which nothing happened, no hang,
no traceback, nothing left running. Trials that ended before their fault came do not count.

``--only N...`` repeats trials of that seed. Full and read-only disks need the right to mount.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.fault_trials import Laboratory, Outcome

COLUMNS = ("injected", "held", "failed")


def describe(outcome: Outcome) -> str:
    trial = outcome.trial
    when = trial.fault.get("documents")
    moment = f"document {when}" if when else f"{trial.fault['seconds']:.2f} s"
    found = "; ".join(outcome.problems) if outcome.happened else "too late"
    return f"{trial.number:4d} {trial.kind:15} {trial.demo:14} {moment:14} {found or 'held'}"


def table(outcomes: list[Outcome]) -> list[str]:
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        if not outcome.happened:
            continue
        for row in (outcome.trial.kind, outcome.trial.demo, "all"):
            count = counts.setdefault(row, Counter())
            count.update(["injected", "failed" if outcome.problems else "held"])
    rows = [f"{'':16}" + "".join(f"{column:>10}" for column in COLUMNS)]
    order = sorted(counts, key=lambda row: (row == "all", row[0].islower(), row))
    for row in order:
        rows.append(f"{row:16}" + "".join(f"{counts[row][column]:10d}" for column in COLUMNS))
    return rows


def inject(laboratory: Laboratory, given: Any, over: threading.Event) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for number in given.only or itertools.count(given.first):
        if over.is_set() or sum(one.happened for one in outcomes) >= given.number:
            break
        outcomes.append(laboratory.attempt(laboratory.trial(number, given.seed)))
        print(time.strftime("%H:%M:%S"), describe(outcomes[-1]), flush=True)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=200, help="faults that happen")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", help="repeat these trials")
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--keep", type=Path, help="folder for store and notes")
    given = parser.parse_args()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with (
        tempfile.TemporaryDirectory() as folder,
        Laboratory((given.keep or Path(folder)) / "faults") as laboratory,
    ):
        print(f"seed {given.seed}; disks can be filled: {laboratory.mounted}", flush=True)
        outcomes = inject(laboratory, given, over)
        runs, problems = laboratory.in_tiled()
    failed = [one for one in outcomes if one.problems]
    print("\n".join(table(outcomes)))
    print(f"{runs} runs in Tiled; other than in the journal: {problems or 'none'}")
    return int(bool(failed or problems))


if __name__ == "__main__":
    sys.exit(main())
