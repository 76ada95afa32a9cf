import threading
import time
from collections import Counter

import pytest
from bluesky.simulators import RunEngineSimulator, check_limits
from bluesky.utils import RunEngineInterrupted

from operando.errors import LimitError
from operando.plans import map_fly, map_raster
from operando.plans.grid import MapGrid
from support.run_documents import assert_frames_belong_to_events, measured, validate

MAP = {"shape": (3, 5), "step": 2.0, "exposure": 0.05}


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_a_map_is_a_valid_run_of_every_point_in_serpentine_order(plan, station, engine, documents):
    (uid,) = engine(plan(station, **MAP, sample="steel", seed=7, md={"operator": "somebody"}))

    validate(documents)
    start = documents[0][1]
    assert start["uid"] == uid
    assert start["plan_name"] == plan.__name__
    assert start["shape"] == [3, 5]
    assert start["extents"] == [[0.0, 4.0], [0.0, 8.0]]
    assert start["num_points"] == 15
    assert (start["sample"], start["seed"], start["agent"]) == ("steel", 7, None)
    assert start["operator"] == "somebody"
    grid = MapGrid((3, 5), 2.0)
    points = measured(documents)["primary"]
    places = [(row["stage_x"], row["stage_y"]) for row, _ in points]
    assert places == [pytest.approx(grid.position(k)) for k in grid.serpentine()]
    assert {row["i0"] for row, _ in points} == {50_000}
    assert_frames_belong_to_events(points, 0.05)
    assert documents[-1][1]["exit_status"] == "success"
    assert not station.shutter.is_open


def test_flying_emits_documents_line_by_line_and_one_file(station, engine, documents, tmp_path):
    engine(map_fly(station, **MAP))
    names = Counter(name for name, _ in documents)
    assert names == {
        "start": 1,
        "descriptor": 1,
        "stream_resource": 1,
        "stream_datum": 3,
        "event_page": 3,
        "stop": 1,
    }
    assert len(list(tmp_path.glob("*.h5"))) == 1


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_descriptors_say_how_to_reduce_the_frames(plan, station, engine, documents):
    engine(plan(station, **MAP))
    (descriptor,) = (doc for name, doc in documents if name == "descriptor")
    configuration = {
        key: value
        for device in descriptor["configuration"].values()
        for key, value in device["data"].items()
    }
    assert configuration["pilatus_exposure"] == 0.05
    assert len(configuration["pilatus_poni"]) == 6
    assert configuration["pilatus_energy"] == 10.0
    assert configuration["pilatus_mask"] == [3, 500, 70000]
    image = descriptor["data_keys"]["pilatus_image"]
    assert (image["dtype_numpy"], image["shape"], image["external"]) == (
        "<i4",
        [195, 487],
        "STREAM:",
    )
    assert descriptor["data_keys"]["stage_x"]["units"] == "um"


def test_timestamps_follow_the_clock(station, engine, documents):
    begin = station.clock.now()
    engine(map_fly(station, **MAP))
    times = [t for name, doc in documents if name == "event_page" for t in doc["timestamps"]["i0"]]
    assert begin < times[0]
    assert times == sorted(times)
    assert times[-1] < station.clock.now()
    assert times[1] - times[0] == pytest.approx(0.05095, abs=1e-5)


@pytest.mark.parametrize("plan", [map_raster, map_fly])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 2000.0}, "stage_[xy] = .* is outside its range of -2500 to 2500 um"),
        ({"origin": (0.0, -1e6)}, "stage_x = "),
        ({"exposure": 0.001}, "300 frames/s"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_the_run(
    plan, change, message, station, engine, documents
):
    with pytest.raises(LimitError, match=message):
        engine(plan(station, **{**MAP, **change}))
    assert documents == []
    assert station.stage.x.position == 0.0


@pytest.mark.filterwarnings("error")
def test_a_raster_passes_bluesky_s_limit_check(station, engine):
    check_limits(map_raster(station, **MAP))


def test_messages_of_a_raster(station):
    messages = RunEngineSimulator().simulate_plan(map_raster(station, **MAP))
    commands = Counter(message.command for message in messages)
    assert commands["save"] == 15
    assert commands["checkpoint"] >= 15
    shutter = [m.args[0] for m in messages if m.command == "set" and m.obj is station.shutter]
    assert shutter == ["open", "closed"]
    assert [m.command for m in messages if m.command in ("stage", "unstage")] == [
        *["stage"] * 3,
        *["unstage"] * 3,
    ]


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_an_aborted_map_closes_the_shutter_and_keeps_what_was_measured(
    plan, make_station, engine, documents
):
    station = make_station(speed=4.0)
    threading.Timer(1.0, engine.request_pause).start()
    with pytest.raises(RunEngineInterrupted):
        engine(plan(station, shape=(20, 20), step=2.0, exposure=0.05))
    assert not station.shutter.is_open  # while the user thinks
    engine.abort("the sample fell off")

    assert not station.shutter.is_open
    assert not station.stage.x.moving
    stop = documents[-1][1]
    assert documents[-1][0] == "stop"
    assert (stop["exit_status"], stop["reason"]) == ("abort", "the sample fell off")
    points = measured(documents)["primary"]
    assert 5 < len(points) < 200
    assert_frames_belong_to_events(points, 0.05)
    # Nothing stays behind: the next run is as good as any.
    documents.clear()
    station.detector.exposure.set(0.01)
    engine(plan(station, shape=(1, 3), step=2.0, exposure=0.01))
    assert len(measured(documents)["primary"]) == 3


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_a_paused_map_resumes_and_misses_nothing(plan, make_station, engine, documents):
    station = make_station(speed=4.0)
    threading.Timer(0.3, engine.request_pause).start()
    with pytest.raises(RunEngineInterrupted):
        engine(plan(station, shape=(4, 20), step=2.0, exposure=0.02))
    time.sleep(0.2)
    engine.resume()

    validate(documents)
    grid = MapGrid((4, 20), 2.0)
    points = measured(documents)["primary"]
    places = [(row["stage_x"], row["stage_y"]) for row, _ in points]
    assert places == [pytest.approx(grid.position(k)) for k in grid.serpentine()]
    assert_frames_belong_to_events(points, 0.02)  # 100 per cent flux: the shutter reopened
    assert not station.shutter.is_open


def test_a_device_that_fails_ends_the_run_as_failed(station, engine, documents, monkeypatch):
    calls = []

    def frames(*args):
        calls.append(args)
        if len(calls) == 3:
            raise OSError("disk full")
        return original(*args)

    original = type(station.detector._beam).frames.__get__(station.detector._beam)
    monkeypatch.setattr(type(station.detector._beam), "frames", lambda self, *args: frames(*args))
    with pytest.raises(Exception, match=r"fly|disk full"):
        engine(map_fly(station, **MAP))

    assert documents[-1][1]["exit_status"] == "fail"
    assert len(measured(documents)["primary"]) == 10
    assert not station.shutter.is_open
