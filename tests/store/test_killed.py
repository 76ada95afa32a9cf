"""A measuring process dies at any moment; what it had saved is in Tiled."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from operando.store import open_store
from operando.store.journal import SUFFIX, JournalFile, read
from operando.store.places import Places
from operando.store.recovery import REASON, abandoned, close_run
from support.frames_run import documents
from support.run_documents import measured, validate

KILLS = 20
TESTS = Path(__file__).parents[1]


@pytest.fixture
def measurers(tmp_path, make_store):
    """Start two processes that fork a measuring child for each name that they are sent."""
    folder, notes = tmp_path / "store", tmp_path / "notes"
    notes.mkdir()
    make_store(folder).close()
    command = [sys.executable, "-m", "support.measuring_process", str(folder), str(notes)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=TESTS, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    yield processes, folder, notes
    for process in processes:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=60)


def lines_of(note):
    """Return the number of lines in a note that another process writes."""
    return note.read_text().count("\n") if note.exists() else 0


def kill_one(process, note, events, delay):
    """Have a map measured and kill its process soon after that many events were saved."""
    process.stdin.write(note.name + "\n")
    process.stdin.flush()
    child = int(process.stdout.readline())
    deadline = time.monotonic() + 120
    while lines_of(note) <= events and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    assert process.stdout.readline() == "gone\n"


@pytest.mark.slow
def test_sigkill_at_random_moments_loses_nothing(measurers):
    processes, folder, notes = measurers

    def kill_many(which):
        chance = random.Random(which)
        for number in range(which, KILLS, len(processes)):
            events, delay = chance.randrange(90), chance.uniform(0.0, 0.02)
            kill_one(processes[which], notes / f"{number:02d}", events, delay)

    # Two measure into one store at a time, so each is killed while the other goes on.
    with ThreadPoolExecutor() as pool:
        list(pool.map(kill_many, range(len(processes))))
    killed = {}
    for note in sorted(notes.iterdir()):
        uid, *saved = note.read_text().splitlines()
        killed[uid] = [int(number) for number in saved]
    assert len(killed) == KILLS
    assert sum(map(len, killed.values())) > 20 * KILLS
    assert len({len(saved) for saved in killed.values()}) > KILLS // 2
    with open_store(folder, create=False) as store:
        assert store.sync().waiting == ()
        assert len(store) == KILLS
        for uid, saved in killed.items():
            check_killed_run(store, uid, saved)


def check_killed_run(store, uid, saved):
    """Every saved event and its frame are in Tiled, once; the run is closed and opens."""
    run = store[uid]
    docs = list(store.documents(uid, "tiled"))
    validate(docs[:20] + docs[-20:])
    stop = run.metadata["stop"]
    assert stop["exit_status"] == "abort"
    assert stop["reason"] == REASON
    numbers = [doc["seq_num"] for name, doc in docs if name == "event"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(saved) <= set(numbers)
    if not numbers:
        return
    table = run["primary"].base["internal"].read()
    assert list(table["seq_num"]) == numbers
    image = run["primary"]["pilatus_image"]
    assert image.shape[0] >= len(saved)
    for row, frame in measured(docs)["primary"][:: max(len(numbers) // 5, 1)]:
        assert frame is None or frame[0, 0] == round(row["stage_x"])
    last = np.asarray(image[len(saved) - 1]) if saved else None
    assert last is None or last[0, 0] == round(table["stage_x"][len(saved) - 1])


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    return list(documents(folder, 5))


def written(path, docs):
    """Write a journal and return its lines."""
    journal = JournalFile(path)
    for name, doc in docs:
        journal.append(name, doc)
    journal.close()
    return path.read_bytes().splitlines(keepends=True)


def test_runs_left_behind_come_in_the_order_in_which_they_were_measured(tmp_path):
    for age, name in ((20.0, "b"), (10.0, "a"), (30.0, "c")):
        path = tmp_path / f"{name}{SUFFIX}"
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    left = list(abandoned(tmp_path))
    assert [journal.path.name[0] for journal in left] == ["c", "b", "a"]
    for journal in left:
        journal.close()


def test_tail_cut_at_every_byte_of_the_last_two_records(whole_run, tmp_path):
    places = Places(tmp_path)
    places.make()
    lines = written(tmp_path / f"all{SUFFIX}", whole_run)
    data = b"".join(lines)
    before = len(data) - len(lines[-1]) - len(lines[-2])
    uid = whole_run[0][1]["uid"]
    for size in range(before, len(data)):
        path = places.journal / f"{uid}{SUFFIX}"
        path.write_bytes(data[:size])
        journal = JournalFile(path)
        assert close_run(journal, places.damaged) == uid
        journal.close()
        kept = len(lines) - 2 + (size >= before + len(lines[-2]))
        entries = [entry for _, entry in read(path)]
        assert [entry.n for entry in entries] == list(range(kept + 1))
        assert b"".join(entry.line for entry in entries[:-1]) == b"".join(lines[:kept])
        assert entries[-1].name == "stop"
        assert entries[-1].doc["exit_status"] == "abort"
        cut = size - sum(map(len, lines[:kept]))
        tail = places.damaged / f"{uid}.tail"
        assert (tail.read_bytes() if cut else b"") == data[size - cut : size]
        tail.unlink(missing_ok=True)


@pytest.mark.parametrize("place", ["in the last record", "between two", "nothing is left"])
def test_cut_journal_ends_in_tiled(new_store, tmp_path, place):
    docs = list(documents(new_store.frames_dir, 5))
    lines = written(tmp_path / "whole", docs)
    data = b"".join(lines)
    size = {
        "in the last record": len(data) - 20,
        "between two": len(data) - len(lines[-1]),
        "nothing is left": 10,
    }[place]
    uid = docs[0][1]["uid"]
    folder = new_store.frames_dir.parent
    (folder / "journal" / f"{uid}{SUFFIX}").write_bytes(data[:size])
    with open_store(folder) as store:
        assert store.sync().waiting == ()
        if place == "nothing is left":
            assert len(store) == 0
            assert len(list((folder / "journal" / "damaged").iterdir())) == 1
        else:
            assert store[uid].metadata["stop"]["exit_status"] == "abort"
            assert len(store[uid]["primary"].read(variables=["x"])["x"]) == 5
