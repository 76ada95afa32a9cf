import math
import threading
import time

import pytest

from operando.errors import BadInput
from operando.simulations.clock import Clock


def test_infinite_speed_takes_no_real_time_and_counts_every_sleep():
    clock = Clock(math.inf, epoch=0.0)
    began = time.monotonic()
    for _ in range(1000):
        clock.sleep(3600.0)
    assert time.monotonic() - began < 1.0
    assert clock.now() == 3.6e6


def test_finite_speed_scales_real_time():
    clock = Clock(100.0)
    began, simulated = time.monotonic(), clock.now()
    clock.sleep(5.0)
    assert 0.05 <= time.monotonic() - began < 1.0
    assert clock.now() - simulated >= 5.0


@pytest.mark.parametrize("speed", [1e4, math.inf])
def test_threads_see_time_that_never_runs_backwards(speed):
    clock = Clock(speed)
    seen: list[list[float]] = [[] for _ in range(4)]

    def work(times: list[float]) -> None:
        for _ in range(50):
            clock.sleep(0.01)
            times.append(clock.now())

    threads = [threading.Thread(target=work, args=(times,)) for times in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(times == sorted(times) for times in seen)
    if math.isinf(speed):
        assert clock.now() == pytest.approx(max(map(max, seen)))


def test_one_deadline_for_two_devices_counts_once():
    clock = Clock(math.inf, epoch=10.0)
    deadline = clock.now() + 0.05
    clock.sleep_until(deadline)
    clock.sleep_until(deadline)
    assert clock.now() == deadline


def test_wait_is_cut_short_by_the_event():
    clock = Clock(1.0)
    event = threading.Event()
    threading.Timer(0.05, event.set).start()
    began = time.monotonic()
    assert clock.wait(event, 60.0)
    assert time.monotonic() - began < 10.0


def test_wait_that_nobody_interrupts_takes_its_time():
    clock = Clock(math.inf, epoch=0.0)
    assert not clock.wait(threading.Event(), 2.0)
    assert clock.now() == 2.0
    done = threading.Event()
    done.set()
    assert clock.wait(done, 2.0)
    assert clock.now() == 2.0


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_impossible_speed_is_refused(speed):
    with pytest.raises(BadInput, match="speed"):
        Clock(speed)


def test_time_cannot_be_unslept():
    with pytest.raises(BadInput, match="zero or more"):
        Clock(math.inf).sleep(-1.0)
