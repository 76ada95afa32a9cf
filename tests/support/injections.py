"""What goes wrong in a child of `support.faulty_process`, and when.

A fault is a mapping: ``kind``; ``documents``, the number of documents that the store has taken
when it happens, or ``seconds`` since the command began; ``delay``, s more; and for some kinds
``amount``.
"""

import contextlib
import os
import resource
import signal
import threading
import time
from pathlib import Path


def kill(fault, enter):
    """End the process without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def terminate(fault, enter):
    """Tell the process to end."""
    os.kill(os.getpid(), signal.SIGTERM)


def press_once(fault, enter):
    """Press Ctrl-C, and Enter after a while."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.3)
    enter()


def press_twice(fault, enter):
    """Press Ctrl-C, and ``amount`` seconds later again."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(fault["amount"])
    os.kill(os.getpid(), signal.SIGINT)


def take_memory(fault, enter):
    """Leave ``amount`` bytes of address space."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + int(fault["amount"])
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


def limit_files(fault, enter):
    """Let no file grow beyond ``amount`` bytes, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(fault["amount"]), resource.RLIM_INFINITY))


def fill_disk(fault, enter):
    """Fill the disk of the store up to ``amount`` bytes."""
    folder = Path(fault["disk"])
    free = os.statvfs(folder)
    size = free.f_bavail * free.f_frsize - int(fault["amount"])
    # Where others take the last bytes meanwhile it is full all the same.
    with (folder / "ballast").open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(size, 1))


def set_clock(fault, enter):
    """Set the computer's clock ``amount`` seconds on, or back."""
    true, offset = time.time, float(fault["amount"])
    time.time = lambda: true() + offset


KINDS = {
    "SIGKILL": kill,
    "SIGTERM": terminate,
    "SIGINT once": press_once,
    "SIGINT twice": press_twice,
    "out of memory": take_memory,
    "file limit": limit_files,
    "full disk": fill_disk,
    "clock jump": set_clock,
}


class Injector:
    """Has a fault happen when its time has come.

    Parameters
    ----------
    fault : mapping or None
    note : callable
        Given a line when it happens.
    enter : callable
        Presses Enter.
    """

    def __init__(self, fault, note, enter):
        self._fault, self._note, self._enter = fault, note, enter
        self._left = fault.get("documents") if fault else None
        self._due = threading.Event()

    def begin(self):
        """Begin to wait for it."""
        if self._fault is not None and self._fault["kind"] in KINDS:
            # Made now: there may be no memory for a thread when it is wanted.
            threading.Thread(target=self._wait, daemon=True).start()

    def taken(self):
        """Count a document."""
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._due.set()

    def _wait(self):
        self._due.wait(self._fault.get("seconds"))
        time.sleep(self._fault.get("delay", 0.0))
        self._note(f"F {self._fault['kind']}")
        KINDS[self._fault["kind"]](self._fault, self._enter)
