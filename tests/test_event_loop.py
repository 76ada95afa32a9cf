"""The loop of a RunEngine is closed when a session ends, with its thread and its files."""

import threading
import time

import pytest
from bluesky import RunEngine
from bluesky.plans import count
from ophyd.sim import det

from operando import event_loop as module
from operando.event_loop import event_loop


def test_a_loop_is_closed_with_its_session():
    with event_loop() as loop:
        engine = RunEngine({}, loop=loop, context_managers=[])
        engine(count([det]))
    assert loop.is_closed()
    engine._th.join(5.0)
    assert not engine._th.is_alive()


def test_a_loop_that_was_never_started_is_closed():
    with pytest.raises(ValueError, match="no store"), event_loop() as loop:
        raise ValueError("no store")
    assert loop.is_closed()


def test_a_loop_that_is_busy_is_closed_later_and_nobody_waits(monkeypatch):
    monkeypatch.setattr(module, "_ENDS_S", 0.05)
    go_on = threading.Event()
    with event_loop() as loop:
        engine = RunEngine({}, loop=loop, context_managers=[])
        loop.call_soon_threadsafe(go_on.wait, 30.0)
        began = time.monotonic()
    assert time.monotonic() - began < 5.0
    assert not loop.is_closed()
    go_on.set()
    engine._th.join(5.0)
    deadline = time.monotonic() + 5.0
    while not loop.is_closed():
        assert time.monotonic() < deadline
        time.sleep(0.01)
