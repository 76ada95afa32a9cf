"""What comes back from a Tiled catalog: the runs as a third person finds them."""

import threading

import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted
from bluesky_tiled_plugins import TiledWriter

from operando.plans import map_fly, map_raster, map_two_pass
from operando.plans.grid import MapGrid
from operando.store import open_store
from support.countdown_agent import CountdownAgent

TWO_PASS = {
    "shape": (6, 8),
    "step": 2.0,
    "exposure": 0.01,
    "revisit_exposure": 0.2,
    "n_revisits": 12,
    "batch": 5,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture
def stored(engine, store):
    engine.subscribe(store.writer())
    return engine


def frames(stream):
    return stream["pilatus_image"].read()


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_frames_and_positions_come_back_as_they_were_measured(plan, make_station, stored, store):
    station = make_station(data_dir=store.frames_dir)
    (uid,) = stored(plan(station, shape=(3, 5), step=2.0, exposure=0.05))
    store.sync()
    run = store[uid]
    stream = run["primary"]

    image = frames(stream)
    assert (image.shape, image.dtype) == ((15, 195, 487), np.int32)
    grid = MapGrid((3, 5), 2.0)
    places = np.array([grid.position(k) for k in grid.serpentine()])
    x, y, i0 = (stream[key].read() for key in ("stage_x", "stage_y", "i0"))
    np.testing.assert_allclose(np.column_stack([x, y]), places)
    assert {np.asarray(values).dtype for values in (x, y, i0)} == {np.dtype("f8")}
    np.testing.assert_array_equal(image[:, 0, :2], np.rint(places))
    np.testing.assert_array_equal(stream["pilatus_image"][7], image[7])
    assert run.validate(raise_on_error=True, fix_errors=False)


def test_both_passes_and_the_decisions_come_back(make_station, stored, store):
    station = make_station(data_dir=store.frames_dir)
    (uid,) = stored(map_two_pass(station, CountdownAgent(), **TWO_PASS))
    store.sync()
    run = store[uid]

    assert frames(run["primary"]).shape == (48, 195, 487)
    image, revisits, decisions = frames(run["revisits"]), run["revisits"], run["decisions"]
    assert image.shape == (12, 195, 487)
    assert set(image[:, 0, 2]) == {200}
    np.testing.assert_array_equal(image[:, 0, 0], revisits["stage_x"].read())
    np.testing.assert_array_equal(decisions["decision_x"].read(), revisits["stage_x"].read())
    probability = np.asarray(decisions["decision_probability"].read())
    assert (probability.shape, probability.dtype) == ((12, 9), np.dtype("f8"))
    np.testing.assert_allclose(probability[0], 0.1 * np.arange(9))
    assert set(decisions["decision_reason"].read()) == {"agent"}
    assert sorted(decisions["decision_point"].read()) == list(range(36, 48))
    assert run.validate(raise_on_error=True, fix_errors=False)


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_an_aborted_run_is_valid_and_has_a_frame_for_every_event(plan, make_station, stored, store):
    station = make_station(speed=4.0, data_dir=store.frames_dir)
    threading.Timer(0.8, stored.request_pause).start()
    with pytest.raises(RunEngineInterrupted):
        stored(plan(station, shape=(20, 20), step=2.0, exposure=0.05))
    (uid,) = stored.abort("enough")
    store.sync()
    run = store[uid]

    assert run.metadata["stop"]["exit_status"] == "abort"
    x = run["primary"]["stage_x"].read()
    np.testing.assert_array_equal(frames(run["primary"])[:, 0, 0], x)
    assert len(x) > 2
    assert run.validate(raise_on_error=True, fix_errors=False)


def test_frames_can_be_read_from_the_catalog_while_the_map_is_measured(
    make_station, engine, documents, store
):
    station = make_station(data_dir=store.frames_dir)
    seen = []

    def look(name, doc):
        if name == "event_page" and doc["seq_num"][-1] == 10:
            seen.append(frames(store[documents[0][1]["uid"]]["primary"]).shape)

    engine.subscribe(TiledWriter(store.catalog, batch_size=1))
    engine.subscribe(look)
    engine(map_fly(station, shape=(4, 5), step=2.0, exposure=0.05))
    assert seen == [(10, 195, 487)]
