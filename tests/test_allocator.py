"""The allocator of a process that measures for days."""

import subprocess
import sys
import textwrap

import pytest

#: Threads that allocate at the same time, and then how many pools glibc has made for them.
POOLS = """
    import ctypes, os, sys, threading

    from operando.allocator import few_arenas

    if len(sys.argv) > 1:
        assert few_arenas(int(sys.argv[1]))
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    together = threading.Barrier(6)

    def allocate():
        together.wait()
        for _ in range(20000):
            libc.malloc(ctypes.c_size_t(64))  # without the interpreter's lock

    threads = [threading.Thread(target=allocate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(text.value.decode().count("<heap nr="))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_threads_share_the_pools_that_are_allowed():
    def pools(*allowed):
        code = textwrap.dedent(POOLS)
        run = subprocess.run(
            [sys.executable, "-c", code, *allowed], capture_output=True, text=True, check=True
        )
        return int(run.stdout)

    assert pools() > 2, "this machine makes no pools for its threads: nothing is shown"
    assert pools("2") == 2
