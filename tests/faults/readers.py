"""Spoilt files by the million, for every reader.

``python -m tests.faults.readers --number 1000000 --seed 1`` prints a table: how many inputs each
reader got, how many it read, how many it refused as it should, and what went otherwise. Each
batch runs in a process of its own, so that a crash of a library costs no more than its batch.
"""

import argparse
import gc
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

# Threads of a library would be missing in the processes that are forked.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMEXPR_MAX_THREADS": "1"}
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from operando.errors import OperandoError
from support.readers import GROUPS

#: Longest time of the processor for a small file, s, and most memory that reading one may add.
LONGEST_S, MEMORY = 2.0, 3_000_000_000
BATCH = 4000
#: Readers that take less, ms, are of text, and read once before they are forked.
_CHEAP = 1.1


class TooLong(BaseException):
    """A reader has taken longer than it may."""


def _too_long(*_):
    raise TooLong


def attempt(reader, path):
    """Read a file; say "right", "refused", or what went wrong."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        reader.read(path)
    except OperandoError as error:
        words = str(error)
        if len(words.splitlines()) != 1:
            return f"a message of {len(words.splitlines())} lines: {words[:150]!r}"
        return "refused" if path.name in words else f"the file is not named: {words[:150]!r}"
    except TooLong:
        return f"longer than {LONGEST_S} s"
    except BaseException as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return "right"


def batch(reader, seed, count, folder):
    """Try a reader with spoilt files; give counts, and the first file of each kind of failure."""
    rng = random.Random(seed)
    path = Path(folder) / f"spoilt-{os.getpid()}{reader.suffix}"
    counts, kept = Counter(), {}
    for _ in range(count):
        data = reader.mutate(rng, rng.choice(reader.good), reader.good)
        path.write_bytes(data)
        came = attempt(reader, path)
        came = came.replace(path.name, "FILE")
        if came not in ("right", "refused"):
            kept.setdefault(came, data)
            counts["wrong"] += 1
        else:
            counts[came] += 1
        counts["inputs"] += 1
    path.unlink(missing_ok=True)
    return counts, kept


def _counted(reader, seed, count, folder, keep, out):
    """Run a batch in this process; write its counts and the files that failed."""
    sys.stdout = sys.stderr = open(os.devnull, "w")
    signal.signal(signal.SIGPROF, _too_long)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    warnings.simplefilter("ignore")
    counts, kept = batch(reader, seed, count, folder)
    for number, data in enumerate(kept.values()):
        if keep:
            name = f"{reader.name.replace(' ', '-')}-{seed}-{number}{reader.suffix}"
            (keep / name).write_bytes(data)
    out.write_text(json.dumps([counts, list(kept)]))


def apart(reader, seed, count, folder, keep):
    """Run a batch in a process of its own; give its counts and failures."""
    out = Path(folder) / "counted.json"
    child = os.fork()
    if child == 0:
        try:
            _counted(reader, seed, count, folder, keep, out)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)  # what is done at the end of a process waits for threads that it lacks
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        return Counter(inputs=count, wrong=1), [f"batch with seed {seed} ended by {status}"]
    counts, kept = json.loads(out.read_text())
    return Counter(counts), kept


def _read_good(readers, folder):
    """Read the files that all begins from, so that what is imported late is there in each batch."""
    for reader in readers:
        # What agents and pyFAI compute with has threads that a forked process lacks and waits for.
        for data in reader.good if reader.cost < _CHEAP else ():
            path = folder / f"good-{reader.name.replace(' ', '-')}{reader.suffix}"
            path.write_bytes(data)
            reader.read(path)


def shares(readers, number):
    """Deal inputs out: as many to each reader as take the same time, but 2 % at least of those."""
    weights = [1.0 / reader.cost for reader in readers]
    return [max(round(number * weight / sum(weights)), 1) for weight in weights]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.readers")
    parser.add_argument("--number", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--group", choices=GROUPS, action="append", help="all if not given")
    parser.add_argument("--keep", type=Path, help="folder for files that failed")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    failures = 0
    print(f"{options.number} inputs, seed {options.seed}")
    print(f"{'reader':<22}{'inputs':>9}{'read':>9}{'refused':>9}{'wrong':>7}{'ms each':>9}")
    with tempfile.TemporaryDirectory(dir=_fast()) as folder:
        groups = options.group or list(GROUPS)
        readers = [reader for group in groups for reader in GROUPS[group](Path(folder))]
        _read_good(readers, Path(folder))
        gc.freeze()  # pyFAI collects garbage with every geometry, and here there is much to see
        total = Counter()
        for reader, count in zip(readers, shares(readers, options.number), strict=True):
            counts, kept, began = Counter(), [], time.perf_counter()
            for first in range(0, count, BATCH):
                seed = options.seed * 1_000_003 + first
                done = apart(reader, seed, min(BATCH, count - first), folder, options.keep)
                counts += done[0]
                kept += [words for words in done[1] if words not in kept]
            each = 1e3 * (time.perf_counter() - began) / count
            row = "".join(f"{counts[key]:>9}" for key in ("inputs", "right", "refused"))
            print(f"{reader.name:<22}{row}{counts['wrong']:>7}{each:>9.2f}", flush=True)
            for words in kept[:8]:
                print(f"    {words}", flush=True)
            failures += counts["wrong"]
            total += counts
    row = "".join(f"{total[key]:>9}" for key in ("inputs", "right", "refused", "wrong"))
    print(f"{'all':<22}{row}")
    sys.exit(1 if failures else 0)


def _fast():
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    main()
