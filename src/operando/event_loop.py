"""An event loop for a RunEngine, which ends with whoever made it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Longest wait for the loop to end, s.
_ENDS_S = 5.0


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give an event loop for a RunEngine, which would leave its thread and its files behind.

    Yields
    ------
    asyncio.AbstractEventLoop
        The RunEngine starts it.
    """
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        if loop.is_running():
            loop.call_soon_threadsafe(loop.stop)
        if not _closed(loop, time.monotonic() + _ENDS_S):
            # What it does takes long; nobody has to wait for that.
            name = "operando-loop-end"
            threading.Thread(target=_closed, args=(loop,), name=name, daemon=True).start()


def _closed(loop: asyncio.AbstractEventLoop, deadline: float = float("inf")) -> bool:
    """Close a loop when it has ended; tell whether it did in time."""
    while loop.is_running():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    loop.close()
    return True
