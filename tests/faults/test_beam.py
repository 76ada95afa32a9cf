"""Beam that is lost in the middle of a map, and frames that are no measurement."""

import math
import threading
import time

import numpy as np
import pytest

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.devices.ring import Ring
from operando.interactive.waiting import wait_for_beam
from operando.physics.geometry import DetectorGeometry
from operando.plans import Care, map_fly, map_raster, map_two_pass
from operando.plans.grid import MapGrid
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from operando.stations.parts import RingPart
from operando.store import open_store
from support.echo_source import EchoSource
from support.faulty_devices import Fault, faulty_station

GRID = MapGrid((6, 8), 8.0)
MAP = {"shape": GRID.shape, "step": GRID.step, "exposure": 0.05, "care": Care(pause=0.01)}


def rows(documents, stream="primary"):
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    for name, doc in documents:
        if name == "event" and names[doc["descriptor"]] == stream:
            yield doc["data"]
        elif name == "event_page" and names[doc["descriptor"]] == stream:
            for k in range(len(doc["seq_num"])):
                yield {key: values[k] for key, values in doc["data"].items()}


@pytest.fixture
def make(tmp_path):
    def station(source=None, **faults):
        return faulty_station(source or EchoSource(), Clock(math.inf), tmp_path, **faults)

    return station


@pytest.fixture
def steel():
    return MapBeamline(CorrodedSteel(7, GRID.shape, GRID.step), DetectorGeometry(), 7)


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_after_a_dump_the_plan_waits_and_measures_again_what_was_dark(plan, make, engine):
    """The ring's reading comes a few points late: those had no beam, and nobody knew."""
    station, ring, beam = make(), Ring("", name="ring"), threading.Event()
    beam.set()
    station.shutter.upstream = beam.is_set
    wait_for_beam(engine, ring, RingPart(settle_s=0.05))
    seen, closed = [], []

    def lose_it(name, doc):
        if name not in ("event", "event_page"):
            return
        seen.append(name)
        if len(seen) == 2:
            beam.clear()
        if len(seen) == (4 if plan is map_raster else 3):
            ring.dump()
            threading.Thread(target=have_it_back).start()

    def have_it_back():
        late = time.monotonic() + 20.0
        while station.shutter.read()["shutter"]["value"] == "open" and time.monotonic() < late:
            time.sleep(0.01)
        closed.append(station.shutter.read()["shutter"]["value"])
        beam.set()
        ring.refill()

    engine.subscribe(lose_it)
    patient = Care(pause=2.0)  # long beside the ring's news: it is the suspender that waits
    engine(plan(station, **{**MAP, "care": patient}))
    assert closed == ["closed"]
    found = list(rows(engine.documents))
    dark = [row for row in found if not row["i0"] > 0]
    assert dark
    lit = [GRID.nearest(row["stage_x"], row["stage_y"]) for row in found if row["i0"] > 0]
    assert sorted(lit) == list(range(GRID.size))
    assert engine.documents[-1][1]["exit_status"] == "success"
    assert not station.shutter.is_open


def test_a_ring_current_that_is_no_number_is_no_beam(make, engine):
    ring = Ring("", name="ring")
    ring.current.put(math.nan, force=True)
    assert not ring.has_beam
    wait_for_beam(engine, ring, RingPart(settle_s=0.0))
    began, opened = time.time(), []

    def have_it_back():
        opened.append(time.time())
        ring.refill()

    threading.Timer(0.3, have_it_back).start()
    engine(map_fly(make(), **MAP))
    assert engine.documents[0][1]["time"] > opened[0] > began


@pytest.mark.parametrize(
    ("faults", "why", "lost"),
    [
        ({"detector": Fault("zeros", at=(5, 6, 20))}, "no counts", 3),
        ({"detector": Fault("copy", at=(5, 20))}, "copy", 2),
        ({"monitor": Fault("nothing", at=(5, 6, 20))}, "no beam", 3),
        ({"monitor": Fault("not a number", at=(5,))}, "no beam", 1),
    ],
)
def test_a_frame_that_is_no_measurement_gives_no_phase(faults, why, lost, make, steel, engine):
    for fault in faults.values():
        fault.calls = 0
    station, agent = make(steel, **faults), PhaseMappingAgent()
    engine.subscribe(agent)
    # Nobody measures again here: what the agent makes of such frames by itself is what counts.
    engine(map_raster(station, **{**MAP, "care": Care(least_beam=None)}))
    answer, report = agent.answer(), agent.report()
    agent.close()
    assert agent.error is None
    assert report["passed_over"] == {why: lost}
    assert int(answer.measured.sum()) == report["points"] == GRID.size - lost
    assert report["dwell_s"] == pytest.approx((GRID.size - lost) * 0.05)


def test_an_agent_labels_a_map_with_gaps_of_beam_as_if_there_had_been_none(
    make, steel, engine, tmp_path
):
    station, agent = make(steel, monitor=Fault("nothing", at=(3, 17, 18, 19))), PhaseMappingAgent()
    engine.subscribe(agent)
    more = {"revisit_exposure": 0.1, "n_revisits": 4, "batch": 2}
    engine(map_two_pass(station, agent, **MAP, **more))
    report = agent.report()
    agent.close()
    assert report["passed_over"] == {"no beam": 4}
    assert (report["points"], report["visits"]) == (GRID.size, GRID.size + 4)
    reasons = [row["decision_reason"] for row in rows(engine.documents, "decisions")]
    assert reasons == ["agent"] * 4


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def test_a_run_that_failed_comes_back_with_its_reason_and_its_good_points(make, engine, store):
    engine.subscribe(store.writer())
    at = (3, *range(20, 99))
    fault = Fault("not a number", at=at)
    station = faulty_station(EchoSource(), Clock(math.inf), store.frames_dir, monitor=fault)
    with pytest.raises(Exception, match="i0"):
        engine(map_raster(station, **MAP))
    store.sync()
    run = store[-1]
    assert run.stop["exit_status"] == "fail"
    assert "no beam: i0 reads nan counts in 0.05 s" in run.stop["reason"]
    stored = run["primary"].read(["stage_x", "stage_y", "i0"])
    counts = np.asarray(stored["i0"])
    assert np.isfinite(counts).sum() == 18
    assert np.flatnonzero(~np.isfinite(counts)).tolist() == [2, *range(19, 23)]
    assert len(run["primary"]["pilatus_image"].read()) == len(counts)
