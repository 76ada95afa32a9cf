import time

import h5py
import hdf5plugin  # noqa: F401 - the frames are bitshuffled
import pytest

from operando.errors import BadInput, DeviceError, LimitError

LINE = {"x_start": 0.0, "x_stop": 158.0, "y": 6.0, "num": 80, "exposure": 0.05}


@pytest.fixture
def staged(station):
    station.detector.stage()
    station.shutter.set("open")
    yield station
    station.detector.unstage()


def fly(flyer, line):
    flyer.prepare(line).wait(timeout=20)
    flyer.kickoff().wait(timeout=20)
    flyer.complete().wait(timeout=20)
    return list(flyer.collect_asset_docs()), list(flyer.collect_pages())


def test_a_line_gives_its_events_and_frames(staged, tmp_path):
    assets, (page,) = fly(staged.flyer, LINE)

    assert page["data"]["stage_x"] == pytest.approx([2.0 * k for k in range(80)])
    assert page["data"]["stage_y"] == [6.0] * 80
    assert page["data"]["i0"] == [50_000] * 80
    assert assets[-1][1]["indices"] == {"start": 0, "stop": 80}
    (path,) = tmp_path.glob("*.h5")
    with h5py.File(path, swmr=True) as file:
        assert file["entry/data/data"][:, 0, 0].tolist() == [2 * k for k in range(80)]


def test_a_line_lasts_its_frames_and_its_ramps(staged):
    flyer, stage = staged.flyer, staged.stage
    flyer.prepare(LINE).wait(timeout=20)
    begin = staged.clock.now()
    flyer.kickoff()
    flyer.complete().wait(timeout=20)
    period = 0.05 + 0.00095
    ramp = (2.0 / period) / stage.x.acceleration.get()

    assert staged.clock.now() - begin == pytest.approx(80 * period + 2 * ramp, abs=1e-5)
    list(flyer.collect_asset_docs())
    (page,) = flyer.collect_pages()
    times = page["timestamps"]["i0"]
    assert times[0] == pytest.approx(begin + ramp + period / 2, abs=1e-5)
    assert times[-1] - times[0] == pytest.approx(79 * period, abs=1e-5)


def test_lines_can_be_flown_backwards_and_consist_of_one_point(staged):
    _, (page,) = fly(staged.flyer, {**LINE, "x_start": 158.0, "x_stop": 0.0})
    assert page["data"]["stage_x"][:2] == pytest.approx([158.0, 156.0])
    assert staged.stage.x.position < 0.0  # it slowed down behind the end
    for pitch in (0.0, 2.0):
        _, (page,) = fly(staged.flyer, {**LINE, "x_stop": 0.0, "num": 1, "pitch": pitch})
        assert page["data"]["stage_x"] == [0.0]


def test_what_cannot_be_flown_is_refused_before_anything_moves(staged):
    flyer = staged.flyer
    with pytest.raises(LimitError, match="300 frames/s"):
        flyer.prepare({**LINE, "exposure": 0.001})
    with pytest.raises(LimitError, match="stage_x = 25"):
        flyer.prepare({**LINE, "x_start": 2400.0, "x_stop": 2500.0})  # no room for the run-up
    with pytest.raises(LimitError, match="stage_y = 9000"):
        flyer.prepare({**LINE, "y": 9000.0})
    with pytest.raises(LimitError, match="fly velocity"):
        flyer.prepare({**LINE, "num": 2})
    with pytest.raises(BadInput, match="at least one frame"):
        flyer.prepare({**LINE, "num": 0})
    with pytest.raises(DeviceError, match="prepare it first"):
        flyer.kickoff()
    assert staged.stage.x.position == 0.0


def test_a_line_that_is_stopped_keeps_what_it_measured(make_station):
    station = make_station(speed=2.0)
    station.detector.stage()
    station.flyer.prepare(LINE).wait(timeout=20)
    station.flyer.kickoff()
    time.sleep(0.5)
    station.flyer.stop()
    position = station.stage.x.position
    station.flyer.complete().wait(timeout=20)
    ((_, _), (_, datum)) = station.flyer.collect_asset_docs()
    (page,) = station.flyer.collect_pages()
    taken = page["data"]["stage_x"]

    assert 5 < len(taken) < 40
    assert datum["indices"] == {"start": 0, "stop": len(taken)}
    assert taken[-1] - 1.1 <= position <= taken[-1] + 3.1  # stopped in the next exposure
    station.detector.unstage()


def test_a_line_that_is_prepared_again_replaces_what_was_not_collected(staged, tmp_path):
    flyer = staged.flyer
    flyer.prepare({**LINE, "y": 2.0}).wait(timeout=20)
    flyer.kickoff()
    flyer.complete().wait(timeout=20)
    _, (page,) = fly(flyer, {**LINE, "y": 4.0})
    assert page["data"]["stage_y"] == [4.0] * 80
    (path,) = tmp_path.glob("*.h5")
    with h5py.File(path, swmr=True) as file:
        assert file["entry/data/data"][:, 0, 1].tolist() == [4] * 80


def test_the_configuration_of_detector_and_stage_goes_with_the_flyer(station):
    configuration = station.flyer.read_configuration()
    assert {"pilatus_poni", "pilatus_energy", "stage_x_velocity"} <= set(configuration)
    assert set(configuration) == set(station.flyer.describe_configuration())
    assert station.flyer.describe_collect()["pilatus_image"]["external"] == "STREAM:"
