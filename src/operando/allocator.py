"""How the C library's allocator is to behave in a process that measures for days."""

from __future__ import annotations

import sys

#: glibc's number for the most arenas it may make (``mallopt(3)``).
_M_ARENA_MAX = -8


def few_arenas(number: int = 2) -> bool:
    """Let all threads of this process share a few pools of memory.

    By default glibc makes up to eight pools a processor, one for each new thread that meets a
    busy one, and what a thread has freed in its own pool is of no use to the others. A session's
    threads come and go with its runs: its memory then grew by some 30 MB a map with the same
    number of objects alive (``benchmarks/soak.py``); with two pools it stays.

    Parameters
    ----------
    number : int
        The most pools there may be; those that are there stay.

    Returns
    -------
    bool
        False where there is no glibc, and nothing was changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, number))
    except AttributeError:  # musl has no mallopt
        return False
