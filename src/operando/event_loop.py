"""An event loop for a RunEngine, which ends with whoever made it."""

from __future__ import annotations

import asyncio
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
        deadline = time.monotonic() + _ENDS_S
        while loop.is_running() and time.monotonic() < deadline:
            time.sleep(0.001)
        if not loop.is_running():
            loop.close()
