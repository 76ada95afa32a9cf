"""Tiled goes away, the disk is full, the store is read-only: the measurement does not notice."""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
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
from support.frames_run import documents
from support.tiled_server import READ_KEY, WRITE_KEY, Server, free_port


@pytest.mark.slow
def test_server_away_for_ten_seconds_in_the_middle_of_a_run(server):
    with open_store(server.address, api_key=WRITE_KEY) as store:
        write, docs, slowest = store.writer(), [], 0.0
        back = threading.Timer(10.0, server.start)
        for name, doc in documents(store.frames_dir, 200, pause=0.08):
            docs.append((name, doc))
            began = time.perf_counter()
            write(name, doc)
            slowest = max(slowest, time.perf_counter() - began)
            if len(docs) == 40:
                server.kill()
                back.start()
        back.join()
        server.wait()
        uid = docs[0][1]["uid"]
        assert store.sync(60).waiting == ()
        assert store[uid].validate()
        assert store[uid].metadata["stop"]["exit_status"] == "success"
        assert store[uid]["primary"]["image"].shape[0] == 200
        got = list(store.documents(uid, "tiled"))
        assert got == [(name, sanitize_doc(doc)) for name, doc in docs]
    # The plan did not notice: no document had to wait while the server was down.
    assert slowest < 0.5


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("GET", "/api/v1/", None, 200),
        ("GET", "/api/v1/metadata/", None, 401),
        ("GET", "/api/v1/metadata/", "wrong", 401),
        ("GET", "/api/v1/metadata/", READ_KEY, 200),
        ("GET", "/api/v1/metadata/", WRITE_KEY, 200),
        ("GET", f"/api/v1/metadata/?api_key={READ_KEY}", READ_KEY, 401),
        ("DELETE", "/api/v1/metadata/none", READ_KEY, 401),
        ("POST", "/api/v1/metadata/", READ_KEY, 401),
        ("PUT", "/api/v1/metadata/none", READ_KEY, 401),
        ("DELETE", "/api/v1/metadata/none", WRITE_KEY, 404),
    ],
)
def test_keys_of_a_server(shared_gate, method, path, key, status):
    headers = {} if key is None else {"Authorization": f"Apikey {key}"}
    assert shared_gate.request(method, path, headers=headers).status_code == status


@pytest.fixture(scope="module")
def shared_gate(tmp_path_factory, empty_catalog):
    """Return an HTTP client of a real server, shared: it takes seconds to start."""
    folder = tmp_path_factory.mktemp("gate")
    shutil.copy(empty_catalog, folder / "catalog.db")
    with (
        Server(folder, folder, free_port()) as server,
        httpx.Client(base_url=server.address) as client,
    ):
        yield client


def test_keys_are_new_told_once_and_nowhere_kept(tmp_path, make_store):
    make_store(tmp_path / "store").close()
    code = "from operando.cli import main; main()"
    words = ["serve", "--store", str(tmp_path / "store"), "--port", "0", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, *words], **pipes) as process:
        told = json.loads(process.stdout.readline())
        keys = told["read_key"].encode(), told["write_key"].encode()
        assert keys[0] != keys[1]
        headers = {"Authorization": f"Apikey {told['write_key']}"}
        time.sleep(0.5)
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{told['address']}/api/v1/metadata/", headers=headers, timeout=30)
        process.terminate()
        out, said = process.communicate(timeout=120)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(key in text for key in keys for text in (out, said, *kept))


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


def test_full_disk_loses_nothing(small_disk, engine, make_store):
    with make_store(small_disk / "store") as store:
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


def test_process_that_ends_with_a_full_disk_loses_nothing(small_disk, engine, make_store):
    docs = []
    with make_store(small_disk / "store") as store:
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
