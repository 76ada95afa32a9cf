"""A store that is opened again and again, also while it is open."""

import gc
import subprocess
import sys
import threading

import pytest

from operando.session import stored_runs
from operando.store import open_store
from support.frames_run import documents


def test_what_is_written_after_another_opening_is_there_later(tmp_path, make_store):
    """Closing the tables elsewhere in the process once deleted the log that was being written."""
    folder = tmp_path / "store"
    with make_store(folder) as store:
        measure(store)
        with open_store(folder) as again:
            assert len(again) == 1
        uid = measure(store)
    code = "import sys; from operando.store import open_store; s = open_store(sys.argv[1])\n"
    code += "print(s[sys.argv[2]]['primary'].base['internal'].read()['seq_num'].size)"
    command = [sys.executable, "-c", code, str(folder), uid]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.stdout.strip() == "20", read.stderr


def measure(store):
    """Store a run and have it uploaded."""
    write = store.writer()
    docs = list(documents(store.frames_dir, 20))
    for name, doc in docs:
        write(name, doc)
    assert store.sync().waiting == ()
    return docs[0][1]["uid"]


@pytest.fixture
def opened_before(tmp_path, make_store):
    """Return a store's folder after what stays with a process has come to it."""
    make_store(tmp_path / "store").close()
    open_sessions(tmp_path / "store", 2)
    return tmp_path / "store"


def open_sessions(folder, number):
    for _ in range(number):
        with stored_runs(str(folder)):
            pass


def test_sessions_leave_no_thread_and_no_server_behind(opened_before):
    threads, servers = threading.active_count(), count("FastAPI")
    loops = count("_UnixSelectorEventLoop")
    open_sessions(opened_before, 3)
    assert threading.active_count() <= threads
    assert count("FastAPI") <= servers
    assert count("_UnixSelectorEventLoop") <= loops


def count(name):
    """Count the objects of a class that cannot be reached from outside."""
    gc.collect()
    return sum(type(one).__name__ == name for one in gc.get_objects())
