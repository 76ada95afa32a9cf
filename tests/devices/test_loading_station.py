"""Valve, frame train and waiting of the gas-loading station."""

import math
import threading
import time

import numpy as np
import pytest

from operando.devices import simulated_loading_station
from operando.devices.exposure import READOUT_S
from operando.errors import BadInput, DeviceError, LimitError
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading
from operando.simulations.loading_beamline import LoadingBeamline


@pytest.fixture
def make(tmp_path):
    """Build a station at some speed, with its detector staged and its shutter open."""
    made = []

    def build(speed=math.inf):
        clock = Clock(speed, epoch=1000.0)
        station = simulated_loading_station(LoadingBeamline(GasLoading(), 1), clock, tmp_path)
        for device in (station.detector, station.train, station.gas):
            device.stage()
        station.shutter.set("open").wait(5)
        made.append(station)
        return station

    yield build
    for station in made:
        station.detector.unstage()


def take(train, **portion):
    """Fly one portion; begin and end of its exposures."""
    train.prepare(portion)
    train.kickoff()
    train.complete().wait(10)
    list(train.collect_asset_docs())
    (page,) = train.collect_pages()
    return np.array(page["data"]["frame_start"]), np.array(page["data"]["frame_stop"])


@pytest.mark.parametrize("speed", [20.0, math.inf])
def test_portions_follow_each_other_without_a_gap_however_late_they_are_asked_for(make, speed):
    station = make(speed)
    first, _ = take(station.train, exposure=0.2, num=2)
    time.sleep(0.1)  # two simulated seconds at a speed of 20: the frames are there already
    asked = station.clock.now()
    second, stops = take(station.train, exposure=0.2, num=3)
    starts = np.concatenate([first, second])
    assert np.diff(starts) == pytest.approx(0.2 + READOUT_S, abs=1e-9)
    assert stops - second == pytest.approx(0.2)
    if speed == 20.0:
        assert second[0] < asked


def test_another_exposure_or_a_fresh_one_begins_a_new_train(make):
    station = make(math.inf)
    _, stops = take(station.train, exposure=0.2, num=2)
    station.clock.sleep(5.0)
    starts, stops = take(station.train, exposure=0.1, num=1)
    assert starts[0] == pytest.approx(stops[0] - 0.1)
    assert starts[0] > 1005.0
    station.clock.sleep(5.0)
    starts, _ = take(station.train, exposure=0.1, num=1, fresh=True)
    assert starts[0] > 1010.0


def test_a_portion_that_is_given_up_fails_and_the_next_one_begins_anew(make):
    station = make(20.0)
    station.train.prepare({"exposure": 10.0, "num": 1})
    station.train.kickoff()
    status = station.train.complete()
    station.train.stop()
    with pytest.raises(DeviceError, match="stopped"):
        status.wait(5)
    starts, _ = take(station.train, exposure=0.1, num=1)
    assert len(starts) == 1


def test_what_the_detector_cannot_do_is_refused(make):
    train = make().train
    with pytest.raises(LimitError):
        train.prepare({"exposure": 0.001, "num": 1})
    with pytest.raises(BadInput, match="at least one frame"):
        train.prepare({"exposure": 0.1, "num": 0})
    with pytest.raises(DeviceError, match="prepare"):
        train.kickoff()


def test_the_monitor_counts_each_frame_and_the_beam_is_off_behind_the_shutter(make):
    station = make()
    take(station.train, exposure=0.2, num=4)
    lit = station.monitor.counts
    assert lit.shape == (4,)
    station.shutter.set("closed").wait(5)
    take(station.train, exposure=0.2, num=2)
    assert not station.monitor.counts.any()
    assert lit == pytest.approx(0.2 * 2e6, rel=0.1)


def test_the_detector_can_be_triggered_by_itself_too(make):
    station = make()
    station.detector.trigger().wait(5)
    assert station.detector.get_index() == 1
    assert station.monitor.counts.shape == (1,)


def test_the_valve_notes_when_it_opened_on_the_clock_of_the_detector(make):
    station = make()
    before = station.clock.now()
    station.gas.set("open").wait(5)
    reading = {key: item["value"] for key, item in station.gas.read().items()}
    assert reading["gas_valve"] == "open"
    assert reading["gas_opened_at"] == pytest.approx(before + 0.05)


@pytest.mark.parametrize("end", ["stop", "pause", "unstage"])
def test_the_valve_closes_whatever_ends_the_run(make, end):
    station = make()
    station.gas.set("open").wait(5)
    station.clock.sleep(1.0)
    held = station.gas.read()["gas_pressure"]["value"]
    getattr(station.gas, end)()
    station.clock.sleep(60.0)
    assert station.gas.position == "closed"
    assert station.gas.read()["gas_pressure"]["value"] == pytest.approx(held)


def test_a_resumed_run_has_its_valve_back_and_the_time_of_the_first_opening(make):
    station = make()
    station.gas.set("open").wait(5)
    opened = station.gas.read()["gas_opened_at"]["value"]
    station.gas.pause()
    station.clock.sleep(3.0)
    station.gas.resume()
    assert station.gas.position == "open"
    assert station.gas.read()["gas_opened_at"]["value"] == opened
    station.gas.unstage()
    station.gas.resume()
    assert station.gas.position == "closed"


def test_a_valve_that_is_stopped_while_it_opens_stays_closed(make):
    station = make(0.1)  # it takes half a second
    status = station.gas.set("open")
    threading.Timer(0.05, station.gas.stop).start()
    with pytest.raises(DeviceError, match="stopped"):
        status.wait(5)
    time.sleep(0.6)
    assert station.gas.position == "closed"
    assert station.gas.read()["gas_opened_at"]["value"] == 0.0


def test_a_valve_has_three_positions_only(make):
    with pytest.raises(BadInput, match="ajar"):
        make().gas.set("ajar")


def test_waiting_takes_the_stations_time_and_can_be_given_up(make):
    station = make()
    before = station.clock.now()
    station.dwell.set(60.0).wait(5)
    assert station.clock.now() == pytest.approx(before + 60.0)
    slow = make(1.0)
    status = slow.dwell.set(60.0)
    slow.dwell.stop(success=True)
    status.wait(1)
    with pytest.raises(BadInput):
        slow.dwell.set(-1.0)
