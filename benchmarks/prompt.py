"""Time from the command to the prompt: ``operando ipython`` beside plain IPython.

The other peer is what a Bluesky profile does at the least: IPython, ``RunEngine({})``, ``ophyd``.
Each is begun in turn, in a terminal of its own, and timed until the prompt takes input.

    python benchmarks/prompt.py [--rounds 5]
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time

import pexpect

PEERS = {
    "ipython": ["-m", "IPython"],
    "ipython, RunEngine({}), ophyd": [
        "-m",
        "IPython",
        "-i",
        "-c",
        "import ophyd; from bluesky import RunEngine; RE = RunEngine({})",
    ],
    "operando ipython": ["-c", "from operando.cli import main; main()", "ipython"],
}


def to_prompt(arguments, folder):
    """Seconds to the prompt, and of processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    terminal = pexpect.spawn(
        sys.executable,
        arguments,
        cwd=folder,
        env={**os.environ, "IPYTHONDIR": f"{folder}/profile", "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        dimensions=(40, 120),
        timeout=120,
    )
    terminal.expect(r"In \[")
    seconds = time.perf_counter() - begin
    terminal.kill(9)
    terminal.expect(pexpect.EOF)
    terminal.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = {name: [] for name in PEERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, arguments in PEERS.items():
                found[name].append(to_prompt(arguments, folder))
    print(f"median of {rounds}, load of the machine {os.getloadavg()[0]:.1f}")
    base = statistics.median(seconds for seconds, _ in found["ipython"])
    for name, times in found.items():
        seconds, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = seconds / base
        print(f"{name:<32} {seconds:5.2f} s to the prompt, {cpu:5.2f} s of processor, {ratio:.2f}×")


if __name__ == "__main__":
    main()
