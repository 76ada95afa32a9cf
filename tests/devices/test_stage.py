import itertools
import math
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.devices.travel import Travel
from operando.errors import DeviceError, LimitError

positive = st.floats(0.1, 1e4)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), positive, positive)
def test_a_move_is_never_faster_than_the_axis(start, stop, velocity, acceleration):
    travel = Travel(start, stop, velocity, acceleration)
    times = [travel.duration * k / 50 for k in range(51)]
    places = [travel.position(t) for t in times]

    assert places[0] == pytest.approx(start)
    assert places[-1] == pytest.approx(stop, abs=1e-6)
    dt = travel.duration / 50
    for a, b in itertools.pairwise(places):
        assert abs(b - a) <= velocity * dt * (1 + 1e-6) + 1e-9
        assert (b - a) * (stop - start) >= -1e-9


def test_positions_outside_the_limits_are_refused_by_value_and_range(station):
    for value in (2500.1, -1e9, math.nan, math.inf):
        with pytest.raises(LimitError, match=r"stage_x = .* -2500 to 2500 um"):
            station.stage.x.set(value)
    assert station.stage.x.position == 0.0


def test_a_move_takes_the_time_of_its_profile_and_settling(station):
    axis, clock = station.stage.x, station.clock
    begin = clock.now()
    axis.set(100.0).wait(timeout=1)
    expected = Travel(0.0, 100.0, axis.velocity.get(), axis.acceleration.get()).duration

    assert clock.now() - begin == pytest.approx(expected + axis.settle.get(), abs=1e-6)
    assert axis.position == 100.0


def test_both_axes_move_at_the_same_time(station):
    stage, clock = station.stage, station.clock
    longest = Travel(0.0, 300.0, 1000.0, 20000.0).duration + 0.01
    for sign in (1, -1, 1):  # every round is a move of its own
        begin = clock.now()
        stage.x.set(10.0 + sign).wait(timeout=1)
        stage.y.set(0.0 if sign < 0 else 300.0).wait(timeout=1)
        assert clock.now() - begin == pytest.approx(longest, abs=1e-6)


def test_at_finite_speed_a_move_returns_at_once_and_can_be_stopped_on_the_way(make_station):
    axis = make_station(speed=1.0).stage.x
    axis.velocity.set(100.0)
    status = axis.set(200.0)
    assert not status.done
    time.sleep(0.2)
    with pytest.raises(DeviceError, match="stage_x is moving"):
        axis.set(0.0)
    axis.stop()
    stopped_at = axis.position
    time.sleep(0.1)

    assert 5.0 < stopped_at < 60.0
    assert axis.position == stopped_at
    assert axis.read()["stage_x"]["value"] == stopped_at
    assert isinstance(status.exception(timeout=1), DeviceError)


def test_a_stop_on_behalf_of_a_pause_is_no_failure(make_station):
    axis = make_station(speed=1.0).stage.x
    status = axis.set(200.0)
    axis.stop(success=True)
    status.wait(timeout=1)
    axis.set(axis.position).wait(timeout=1)


def test_the_beam_is_smallest_at_nominal_pitch_and_flux_follows_pitch(station):
    stage = station.stage
    assert stage.beam_size == (1.25, 2.0)
    stage.pitch_v.set(4.1)
    stage.pitch_h.set(3.8)
    assert stage.beam_size == (
        pytest.approx(math.hypot(1.25, 2.0)),
        pytest.approx(math.hypot(2, 4)),
    )
    assert stage.flux_factor == pytest.approx(4.1 * 3.8 / 16)
    with pytest.raises(LimitError, match="stage_pitch_v = 7 mrad"):
        stage.pitch_v.set(7.0)


def test_units_and_settings_are_described(station):
    stage = station.stage
    assert set(stage.read()) == {"stage_x", "stage_y"}
    assert stage.describe()["stage_x"]["units"] == "um"
    configuration = stage.describe_configuration()
    assert configuration["stage_x_velocity"]["units"] == "um/s"
    assert configuration["stage_pitch_h"]["units"] == "mrad"
    assert set(configuration) == set(stage.read_configuration())


def test_an_axis_that_cannot_set_off_is_said_to_stand(make_station, monkeypatch):
    axis = make_station(speed=1000.0).stage.x
    start = threading.Thread.start

    def no_more(thread):
        if thread.name == "operando-timed":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        with pytest.raises(DeviceError, match="can't start new thread"):
            axis.set(100.0)
    assert not axis.moving
    axis.set(10.0).wait(timeout=5)
    assert axis.position == 10.0
