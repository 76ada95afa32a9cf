"""Tiled goes away, the disk is full, the store is read-only: the measurement does not notice."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import httpx
import numpy as np
import pytest
from event_model import sanitize_doc
from ophyd.sim import SynSignal

from operando.errors import StoreError
from operando.store import open_store
from operando.store.journal import JournalFile, read
from operando.store.places import Places
from support.frames_run import documents

READ_KEY, WRITE_KEY = "readreadreadread0", "writewritewritewrite0"
ENVIRONMENT = {**os.environ, "OPERANDO_READ_KEY": READ_KEY, "OPERANDO_WRITE_KEY": WRITE_KEY}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(folder, frames, port):
    """Run a real server in a process of its own."""
    command = ["serve", "--store", folder, "--readable", frames, "--port", port]
    process = subprocess.Popen(
        [sys.executable, "-c", "from operando.cli import main; main()", *map(str, command)],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/api/v1/").status_code == 200:
                    break
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.slow
def test_server_away_for_ten_seconds_in_the_middle_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    port, folder = free_port(), tmp_path / "served"
    address = f"http://127.0.0.1:{port}"
    frames = Places.of(address).frames
    frames.mkdir(parents=True)
    with contextlib.ExitStack() as servers:
        first = servers.enter_context(serving(folder, frames, port))
        with open_store(address, api_key=WRITE_KEY) as store:
            write, docs, slowest = store.writer(), [], 0.0
            for name, doc in documents(store.frames_dir, 160, pause=0.1):
                docs.append((name, doc))
                began = time.perf_counter()
                write(name, doc)
                slowest = max(slowest, time.perf_counter() - began)
                if len(docs) == 60:
                    first.kill()
                    gone = time.monotonic()
                if len(docs) > 60 and first is not None and time.monotonic() - gone > 10.0:
                    first = None
                    servers.enter_context(serving(folder, frames, port))
            assert first is None, "the run was over before the server was back"
            assert store.sync(60).waiting == ()
            run = store[docs[0][1]["uid"]]
            assert run.validate()
            assert run.metadata["stop"]["exit_status"] == "success"
            assert run["primary"]["image"].shape[0] == 160
            got = list(store.documents(docs[0][1]["uid"], "tiled"))
            assert got == [(name, sanitize_doc(doc)) for name, doc in docs]
    # The plan did not notice: no document waited, not even while the server was down.
    assert slowest < 0.5


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 8 MB, where that is permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, leave=20_000):
    """Fill a disk up to some bytes."""
    free = os.statvfs(folder)
    size = free.f_bavail * free.f_frsize - leave
    (folder / "ballast").write_bytes(bytes(size))


def many_events(number):
    signal = SynSignal(lambda: np.random.default_rng(0).random(50).tolist(), name="spectrum")

    @bpp.run_decorator()
    def plan():
        for _ in range(number):
            yield from bps.trigger_and_read([signal])

    return plan()


def test_full_disk_loses_nothing(small_disk, engine):
    with open_store(small_disk / "store") as store:
        docs = []
        engine.subscribe(store.writer())
        engine.subscribe(lambda name, doc: docs.append((name, sanitize_doc(doc))))
        fill(small_disk)
        (uid,) = engine(many_events(300))
        assert len([name for name, _ in docs if name == "event"]) == 300
        (waiting,) = store.sync(1.0).waiting
        assert waiting.in_memory > 200
        assert waiting.problem == "No space left on device"
        (small_disk / "ballast").unlink()
        assert store.sync().waiting == ()
        assert list(store.documents(uid, "tiled")) == docs
        assert store[uid].validate()


def test_process_that_ends_with_a_full_disk_loses_nothing(small_disk, engine):
    docs = []
    with open_store(small_disk / "store") as store:
        engine.subscribe(store.writer())
        engine.subscribe(lambda name, doc: docs.append((name, sanitize_doc(doc))))
        fill(small_disk)
        (uid,) = engine(many_events(300))
        store.close(0.5)
    (small_disk / "ballast").unlink()
    with open_store(small_disk / "store", create=False) as store:
        assert store.sync().waiting == ()
        assert list(store.documents(uid, "tiled")) == docs


def test_journal_of_limited_size_keeps_the_rest_in_memory(tmp_path):
    """The same without a mount: the kernel refuses to let the file grow."""
    docs = list(documents(tmp_path, 100))
    path = tmp_path / "run.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = JournalFile(path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        for name, doc in docs:
            journal.append(name, doc)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert journal.problem == "File too large"
    assert all(entry is not None for _, entry in read(path))
    assert journal.close() == []
    got = [(entry.name, entry.doc) for _, entry in read(path)]
    assert got == [(name, sanitize_doc(doc)) for name, doc in docs]


@pytest.fixture
def read_only(tmp_path, shared_store):
    """Mount the shared store read-only, or take the right to write away."""
    root = Path(shared_store.name)
    bind = ["mount", "--bind", str(root), str(root)]
    if os.geteuid() == 0:
        if subprocess.run(bind, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not permitted here, and root may write anywhere")
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        yield root
        subprocess.run(["umount", "-l", str(root)], check=True)
    else:
        root.chmod(0o555)
        yield root
        root.chmod(0o755)


def test_read_only_store_is_one_clear_line(read_only):
    with pytest.raises(StoreError, match="it is read-only") as caught:
        open_store(read_only)
    assert "\n" not in str(caught.value)


def test_read_only_store_can_still_be_read(read_only, shared_store):
    with open_store(read_only, create=False) as store:
        assert len(store) == len(shared_store)
