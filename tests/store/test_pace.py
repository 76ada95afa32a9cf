"""How long a replay waits between documents."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from operando.replaying import driving, replay_run

EVENTS = 40


def documents():
    yield "start", {"uid": "run", "time": 100.0}
    yield "descriptor", {"uid": "d", "run_start": "run", "name": "primary", "time": 100.0}
    for n in range(EVENTS):
        when = 100.0 + 0.01 * n
        stamps = {"x": when, "page": [when - 0.01, when], "array": np.array([when]), "none": []}
        yield (
            "event",
            {"uid": str(n), "descriptor": "d", "seq_num": n + 1, "data": {}, "timestamps": stamps},
        )
    yield "stop", {"run_start": "run", "time": 101.0}


@pytest.fixture
def slept(monkeypatch):
    """Note every wait; the clock then says that it is over."""
    waits = []
    clock = SimpleNamespace(
        sleep=waits.append,
        monotonic=lambda: 5.0 + sum(waits),
        perf_counter=time.perf_counter,
    )
    monkeypatch.setattr(driving, "time", clock)
    return waits


def test_without_a_pace_nothing_waits(slept):
    """Not even for nought: on a busy machine that costs a millisecond a document."""
    result = replay_run(documents(), lambda name, doc: None)
    assert result.documents == EVENTS + 3
    assert result.run_seconds == pytest.approx(0.01 * (EVENTS - 1))
    assert slept == []


def test_at_a_pace_the_waits_are_those_of_the_run(slept):
    replay_run(documents(), lambda name, doc: None, speed=4.0)
    assert sum(slept) == pytest.approx(0.01 * (EVENTS - 1) / 4.0)
    assert min(slept) > 0
