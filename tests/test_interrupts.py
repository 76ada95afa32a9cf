"""A process that is told to end, by ``kill`` or a terminal that closes, while a plan runs."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from rich.console import Console

from operando.interrupts import ENDINGS, Aborted, run_to_end

CLOSED = []


def plan(points=200):
    def inner():
        yield from bps.open_run()
        for _ in range(points):
            yield from bps.checkpoint()
            yield from bps.sleep(0.02)
        yield from bps.close_run()

    def close():
        CLOSED.append(time.monotonic())
        yield from bps.null()

    return bpp.finalize_wrapper(inner(), close)


@pytest.fixture
def engine():
    CLOSED.clear()
    return RunEngine({}, call_returns_result=False)


def ended(engine, number, when):
    """Run the plan, end the process at a document of a kind; return the error and the stop."""
    documents = []

    def listen(name, doc):
        documents.append((name, doc))
        if name == when:
            os.kill(os.getpid(), number)

    engine.subscribe(listen)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, *ENDINGS)]
    with pytest.raises(Aborted) as caught:
        run_to_end(engine, plan(200 if when == "start" else 2), Console(quiet=True))
    assert [signal.getsignal(number) for number in (signal.SIGINT, *ENDINGS)] == handlers
    return caught.value, documents[-1][1]


@pytest.mark.parametrize("number", ENDINGS)
def test_run_is_aborted_and_tidied_up_after(engine, number):
    error, stop = ended(engine, number, "start")
    assert error.signal_number == number
    assert (stop["exit_status"], stop["reason"]) == ("abort", signal.Signals(number).name)
    assert error.uid == stop["run_start"]
    assert len(CLOSED) == 1
    assert engine.state == "idle"


def test_what_would_follow_a_run_that_is_just_over_is_not_begun(engine):
    error, stop = ended(engine, signal.SIGTERM, "stop")
    assert error.uid == stop["run_start"]


def test_before_the_run_has_begun_is_not_too_early(engine):
    class Slow(RunEngine):
        def __call__(self, *given, **named):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
            return super().__call__(*given, **named)

    began = time.monotonic()
    with pytest.raises(Aborted):
        run_to_end(Slow({}, call_returns_result=False), plan(), Console(quiet=True))
    assert time.monotonic() - began < 3.0
    assert len(CLOSED) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_another_thread_receives_is_not_lost(engine, number):
    """The main thread sleeps while a plan runs, and Python tells it alone of signals."""
    documents = []

    def listen(name, doc):
        documents.append((name, doc))
        if name == "start":
            for _ in range(1 if number in ENDINGS else 2):
                signal.pthread_kill(threading.get_ident(), number)
                time.sleep(0.1)

    engine.subscribe(listen)
    began = time.monotonic()
    with pytest.raises(Aborted):
        run_to_end(engine, plan(), Console(quiet=True))
    assert time.monotonic() - began < 3.0  # the plan takes four
    assert documents[-1][1]["exit_status"] == "abort"
    assert CLOSED


def test_signals_of_others_reach_those_who_wait_for_them(engine):
    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.setblocking(False)
        mine.settimeout(5.0)
        before = signal.set_wakeup_fd(theirs.fileno())
        handler = signal.signal(signal.SIGWINCH, lambda number, frame: None)
        try:
            engine.subscribe(lambda name, doc: os.kill(os.getpid(), signal.SIGWINCH), "start")
            run_to_end(engine, plan(3), Console(quiet=True))
            assert mine.recv(1) == bytes([signal.SIGWINCH])
        finally:
            assert signal.set_wakeup_fd(before) == theirs.fileno()
            signal.signal(signal.SIGWINCH, handler)


def test_a_hangup_that_is_to_be_ignored_is(engine):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        engine.subscribe(lambda name, doc: os.kill(os.getpid(), signal.SIGHUP), "start")
        assert run_to_end(engine, plan(3), Console(quiet=True))
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("attempt", range(3))
def test_a_storm_of_signals_ends_the_run_as_one_does(engine, attempt):
    """Who ends a group of processes often tells each twice, the second time within the first."""
    documents, senders = [], []
    storm = f"import os\nfor _ in range(20000): os.kill({os.getpid()}, {signal.SIGTERM})"

    def listen(name, doc):
        documents.append((name, doc))
        if name == "start":
            senders.append(subprocess.Popen([sys.executable, "-c", storm]))
            time.sleep(0.2)  # until it has begun

    engine.subscribe(listen)
    python = signal.signal(signal.SIGTERM, lambda number, frame: None)  # what comes too late
    try:
        with pytest.raises(Aborted):
            run_to_end(engine, plan(), Console(quiet=True))
        assert senders[0].wait(timeout=60) == 0
    finally:
        signal.signal(signal.SIGTERM, python)
    assert documents[-1][1]["exit_status"] == "abort"
    assert CLOSED
