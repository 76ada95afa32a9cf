"""Broken streams of documents by the 100,000.

``python -m tests.faults.streams --number 100000 --seed 1`` prints a table of what was sent, how
often an agent said that it failed, and what should not have been.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.broken_streams import NUMBERS, ODD, Chooser, broken_stream
from support.document_machine import Machine
from support.good_runs import KINDS

#: Of every so many streams: one good run after broken ones, all questions, one picture's
#: documents, one picture, the journals looked through, agents made anew.
GOOD, ASK, PICTURE, DRAW, JOURNALS, ANEW = 50, 200, 100, 5000, 200, 200
#: Relaxations are a matter of milliseconds as well.
REST = 40
#: Kinds that take tens of milliseconds a run come less often.
WEIGHTS = {"mapping": 8, "kinetics": 1, "battery": 4, "focus": 15, "bayes": 45}


def run(number, seed, folder, tell=lambda line: None):
    """Send streams; return what was found, and the growth of memory after the first tenth, MB."""
    generator = random.Random(seed)
    pick = Chooser(generator.randrange)
    kinds = [kind for kind in KINDS for _ in range(WEIGHTS[kind])]
    first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Machine(folder, KINDS) as machine:
        for n in range(1, number + 1):
            kind, before = pick.one(kinds), len(machine.found.wrong)
            documents, faults = broken_stream(pick, kind, machine.frames)
            machine.feed(kind, documents, faults)
            if n % REST == 0:
                machine.rest(pick, (*NUMBERS, *ODD))
            if n % ASK == 0:
                machine.ask(kind)
            if n % GOOD == 0:
                machine.good(kind)
            if n % PICTURE == 0:
                machine.picture(documents, draw=n % DRAW == 0)
            if n % JOURNALS == 0 or n == number:
                machine.journals()
                machine.heard.lines.clear()
                machine.said.truncate(0)
            if n % ANEW == 0:
                for one in ("focus", "bayes"):  # what they learn across runs grows by design
                    machine.renew(one)
            for words in machine.found.wrong[before:]:
                tell(f"stream {n}: {words}")
            if n == max(number // 10, 1):
                first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if n % 2000 == 0:
                tell(f"{n} streams, {_megabytes():.0f} MB at most, {time.process_time():.0f} s")
    last = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return machine.found, (last - first) / 1024.0


def _megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.streams")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found, grown = run(
            options.number, options.seed, Path(folder), lambda line: print(line, file=sys.stderr)
        )
    print(f"{options.number} streams, seed {options.seed}")
    for kind in KINDS:
        failed = found.failed[kind]
        print(
            f"  {kind:<12} {found.streams[kind]:>7} streams, {failed:>6} in which it said why not"
        )
    for fault, count in sorted(found.streams.items()):
        if fault not in KINDS:
            print(f"  {fault:<12} {count:>7}")
    seconds = time.perf_counter() - began
    print(f"memory grew by {grown:.0f} MB after the first tenth; {seconds:.0f} s")
    print(f"wrong: {len(found.wrong)}")
    sys.exit(1 if found.wrong else 0)


if __name__ == "__main__":
    main()
