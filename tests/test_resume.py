"""Ctrl-C in a real process: once pauses, twice aborts; the map is completed later."""

import math
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from rich.console import Console

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.demos.mapping_runs import measure_map
from operando.demos.mapping_settings import MappingDemo
from operando.plans import Progress
from operando.session import mapping_session
from operando.store import open_store
from operando.store.journal import read

SHAPE = (18, 15)
POINTS, REVISITS = 270, 54


PYTHON = (sys.executable, "-c", "from operando.cli import main; main()")


def words(out, *more):
    return [
        *("demo", "mapping", "--seed", "3", "--shape", "18x15", "--step", "5", "--dwell", "0.1"),
        *("--json", "--out", str(out), "--store", str(out / "store"), *more),
    ]


def until(happens, timeout=240.0):
    deadline = time.monotonic() + timeout
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def decisions(out):
    """Count the decisions that are on the disk."""
    files = (out / "store" / "journal").glob("**/*.jsonl")
    entries = [entry for file in files for _, entry in read(file) if entry is not None]
    return sum("decision_point" in entry.doc.get("data", {}) for entry in entries)


def documents(out, uid):
    with open_store(str(out / "store")) as store:
        return list(store.documents(uid))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("resume")


@pytest.fixture(scope="module")
def interrupted(out):
    """Pause a map in its second pass, go on, abort it; say how it went."""
    went = {}
    with subprocess.Popen(
        [*PYTHON, *words(out, "--speed", "8")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
        reader.start()
        try:
            until(lambda: decisions(out) > 5)
            process.send_signal(signal.SIGINT)
            until(lambda: any("paused" in line for line in lines))
            time.sleep(0.3)
            went["paused"] = decisions(out)
            time.sleep(0.5)
            went["still_paused"] = decisions(out)
            process.stdin.write("\n")
            process.stdin.flush()
            until(lambda: decisions(out) > went["paused"] + 3)
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            went["printed"] = process.stdout.read()
            went["status"] = process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()
            reader.join(10)
    went["shown"] = "".join(lines)
    went["uid"] = went["shown"].split("--resume ")[1].split()[0]
    return went


def test_one_ctrl_c_pauses_and_enter_goes_on(interrupted, out):
    assert interrupted["still_paused"] == interrupted["paused"]
    progress = Progress.of(documents(out, interrupted["uid"]))
    assert progress.revisits > interrupted["paused"]


def test_two_abort_and_leave_a_closed_run_and_a_checkpoint(interrupted, out):
    assert interrupted["status"] == 130
    assert interrupted["printed"] == ""
    assert "Traceback" not in interrupted["shown"]
    stored = documents(out, interrupted["uid"])
    name, stop = stored[-1]
    assert (name, stop["exit_status"], stop["reason"]) == ("stop", "abort", "Ctrl-C")
    progress = Progress.of(stored)
    assert len(progress.measured) == POINTS
    assert 5 < progress.revisits < REVISITS
    agent = PhaseMappingAgent.from_checkpoint(out / "mapping-agent.npz")
    assert agent.memory().visits.sum() == progress.events
    agent.close()


def test_what_was_aborted_is_completed_to_the_same_map(interrupted, operando, out, tmp_path):
    uid = interrupted["uid"]
    done = operando(*words(out, "--speed", "max", "--resume", uid))
    assert done.returncode == 0, done.stderr
    result = done.json()
    first, second = documents(out, uid), documents(out, result["uid"])
    assert second[0][1]["resumes"] == result["resumes"] == uid
    assert second[-1][1]["exit_status"] == "success"
    progress = Progress.of([*first, *second])
    assert (progress.events, progress.revisits) == (POINTS + REVISITS, REVISITS)

    settings = MappingDemo(seed=3, out=tmp_path, shape=SHAPE, step_um=5.0, dwell_s=0.1)
    with mapping_session(
        seed=3,
        speed=math.inf,
        store=str(out / "store"),
        shape=SHAPE,
        step_um=5.0,
        console=Console(quiet=True),
    ) as session:
        whole = measure_map(session, settings, None)
        answer, memory = whole.agent.answer(), whole.agent.memory()
        whole.agent.close()
    doses = Counter(round(float(dose), 4) for dose in memory.exposure_s)
    assert Counter(round(dose, 4) for dose in progress.dose.values()) == doses
    assert result["dwell_s"] == pytest.approx(float(memory.exposure_s.sum()))
    twice = {int(point) for point in (memory.visits > 1).nonzero()[0]}
    assert len(twice & set(progress.revisited)) > 0.6 * REVISITS
    expected = float(answer.confidence.mean())
    assert result["exact_match_expected"] == pytest.approx(expected, abs=0.05)
