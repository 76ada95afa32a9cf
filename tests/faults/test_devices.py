"""Stage, detector and monitor that go wrong in the middle of a map."""

import math
import time
from collections import Counter

import pytest
from event_model import DocumentNames, schema_validators

from operando.plans import (
    Care,
    Progress,
    map_adaptive,
    map_fly,
    map_raster,
    map_two_pass,
)
from operando.simulations.clock import Clock
from support.countdown_agent import GRID, CountdownAgent
from support.echo_source import EchoSource
from support.faulty_devices import Fault, faulty_station

MAP = {"shape": GRID.shape, "step": GRID.step, "exposure": 0.02}
SOON = Care(pause=0.01)


def raster(station, **more):
    return map_raster(station, **MAP, care=SOON, **more)


def fly(station, **more):
    return map_fly(station, **MAP, care=SOON, **more)


def two_pass(station, **more):
    again = {"revisit_exposure": 0.04, "n_revisits": 6, "batch": 3}
    return map_two_pass(station, CountdownAgent(), **MAP, **again, care=SOON, **more)


def adaptive(station, **more):
    points = {"n_points": 12, "first": 4, "batch": 4}
    return map_adaptive(station, CountdownAgent(), **MAP, **points, care=SOON, **more)


PLANS = [raster, fly, two_pass, adaptive]


@pytest.fixture
def make(tmp_path):
    def station(speed=math.inf, **faults):
        return faulty_station(EchoSource(), Clock(speed), tmp_path, **faults)

    return station


def rows(documents, *streams):
    """Events of streams (all with frames unless told), one mapping each, in their order."""
    streams = streams or ("primary", "revisits")
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    found = []
    for name, doc in documents:
        if name == "event" and names[doc["descriptor"]] in streams:
            found.append(doc["data"])
        if name == "event_page" and names[doc["descriptor"]] in streams:
            keys = doc["data"]
            found += [dict(zip(keys, row, strict=True)) for row in zip(*keys.values(), strict=True)]
    return found


def frames(documents):
    """Number of frames that documents announce."""
    spans = [doc["indices"] for name, doc in documents if name == "stream_datum"]
    return sum(span["stop"] - span["start"] for span in spans)


def fails(engine, station, plan):
    """Run a plan that must fail, soon and safely; the reason that the run gives."""
    began = time.monotonic()
    with pytest.raises(Exception):  # noqa: B017, PT011 - what the run says of it counts
        engine(plan)
    assert time.monotonic() - began < 15.0
    name, stop = engine.documents[-1]
    assert (name, stop["exit_status"]) == ("stop", "fail")
    assert station.shutter.read()["shutter"]["value"] == "closed"
    assert not station.stage.x.moving
    assert not station.stage.y.moving
    assert frames(engine.documents) == len(rows(engine.documents))
    for kind, doc in engine.documents:
        schema_validators[DocumentNames[kind]].validate(doc)
    return stop["reason"]


def lit(found):
    """Which points were measured with beam, and how often."""
    return Counter(GRID.nearest(row["stage_x"], row["stage_y"]) for row in found if row["i0"] > 0)


@pytest.mark.parametrize("plan", PLANS)
def test_a_stage_that_stalls_is_named_and_stopped(plan, make, engine, impatient):
    station = make(x=Fault("stall", at=8))
    reason = fails(engine, station, plan(station))
    assert reason.startswith("DeviceError: not done within")
    assert "stage_x" in reason
    assert "um" in reason
    assert station.stage.x.stopped
    assert 3 <= len(rows(engine.documents)) < 40  # what came before it is kept


def test_a_stage_that_overshoots_once_is_sent_again(make, engine):
    station = make(x=Fault("overshoot", at=(5, 9, 10), by=3.0))
    engine(raster(station))
    found = rows(engine.documents)
    assert lit(found) == dict.fromkeys(range(GRID.size), 1)
    assert engine.documents[-1][1]["exit_status"] == "success"


@pytest.mark.parametrize("plan", [raster, adaptive])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("overshoot", at=range(6, 99), by=-7.0), "um where"),
        (Fault("not a number", at=range(6, 99)), "stage_x reads nan um where"),
    ],
)
def test_a_stage_that_is_always_elsewhere_ends_the_run(plan, fault, said, make, engine):
    fault.calls = 0
    station = make(x=fault)
    reason = fails(engine, station, plan(station))
    assert said in reason
    assert reason.endswith("given up after 4 tries")
    assert len(rows(engine.documents)) == 5


@pytest.mark.parametrize("at", [7, 8])
@pytest.mark.parametrize("kind", ["overshoot", "not a number"])
def test_no_line_is_flown_from_or_to_the_wrong_place(kind, at, make, engine):
    station = make(x=Fault(kind, at=at, by=3.0))
    reason = fails(engine, station, fly(station))
    assert "stage_x stands at" in reason
    assert "was asked for" in reason
    assert len(rows(engine.documents)) == 24  # three lines


@pytest.mark.parametrize("plan", [raster, fly])
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("one less", None),
        ("one more", None),
        ("rows missing", "100, 487"),
        ("one row", "1, 487"),
        ("real", "195, 487), float64"),
    ],
)
def test_frames_that_nobody_asked_for_end_the_run(kind, shape, plan, make, engine):
    station = make(detector=Fault(kind, at=4))
    reason = fails(engine, station, plan(station))
    assert reason.startswith("DeviceError: pilatus gave frames of shape")
    assert shape is None or shape in reason
    assert len(rows(engine.documents)) == (24 if plan is fly else 3)

    progress = Progress.of(engine.documents)
    engine.documents.clear()
    engine(plan(station, resume=progress))  # the fault is over, and the rest is measured
    found = lit(rows(engine.documents))
    assert set(found) == set(range(GRID.size)) - progress.measured
    assert set(found.values()) == {1}


def test_a_frame_that_never_comes_ends_the_run_by_name(make, engine, impatient):
    station = make(detector=Fault("no frame", at=4))
    reason = fails(engine, station, raster(station))
    assert reason == "DeviceError: not done within 0.5 s: trigger pilatus"
    assert len(rows(engine.documents)) == 3


def test_a_frame_that_comes_late_costs_nothing_but_time(make, engine, impatient):
    station = make(detector=Fault("late frame", at=4, by=0.2))
    engine(raster(station))
    assert lit(rows(engine.documents)) == dict.fromkeys(range(GRID.size), 1)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("kind", ["nothing", "not a number"])
def test_points_without_beam_are_measured_again_and_the_record_says_so(kind, plan, make, engine):
    station = make(monitor=Fault(kind, at=(3, 4, 9, 10, 11, 30, 50, 60)))
    engine(plan(station))
    stop = engine.documents[-1][1]
    assert stop["exit_status"] == "success"
    found = rows(engine.documents)
    dark = [row for row in found if not row["i0"] > 0]
    assert len(dark) == {raster: 7, fly: 7, two_pass: 8, adaptive: 5}[plan]
    wanted = {raster: 48, fly: 48, two_pass: 54, adaptive: 12}[plan]
    assert sum(lit(found).values()) == wanted
    assert frames(engine.documents) == len(found)
    if plan in (two_pass, adaptive):
        stream = "revisits" if plan is two_pass else "primary"
        decisions = rows(engine.documents, "decisions")
        points = rows(engine.documents, stream)
        assert [d["decision_x"] for d in decisions] == [p["stage_x"] for p in points]
        said = "again: no beam: i0 reads"
        again = [d for d in decisions if d["decision_reason"].startswith(said)]
        assert len(again) == sum(not point["i0"] > 0 for point in points) > 0
        assert {d["decision_round"] for d in again} == {-1}


@pytest.mark.parametrize("plan", PLANS)
def test_a_beam_that_stays_away_ends_the_run_and_what_was_measured_can_be_completed(
    plan, make, engine
):
    station = make(monitor=Fault("nothing", at=range(7, 999)))
    reason = fails(engine, station, plan(station))
    assert "no beam: i0 reads 0 counts in 0.02 s, usual are 2e+04" in reason
    assert reason.endswith("given up after 4 tries")
    progress = Progress.of(engine.documents)
    assert progress.measured == set(lit(rows(engine.documents)))
    assert sum(progress.dose.values()) == pytest.approx(6 * 0.02)

    station.monitor.fault = Fault()
    engine.documents.clear()
    engine(plan(station, resume=progress))
    begun = set(lit(rows(engine.documents, "primary")))
    assert not begun & progress.measured or plan is adaptive
    if plan is not adaptive:
        assert begun | progress.measured == set(range(GRID.size))


def test_a_map_may_be_told_not_to_look_at_the_monitor(make, engine):
    station = make(monitor=Fault("nothing", at=range(7, 999)))
    engine(map_raster(station, **MAP, care=Care(least_beam=None)))
    assert len(rows(engine.documents)) == GRID.size
    start = engine.documents[0][1]
    assert start["care"] == {"least_beam": None, "tries": 3, "pause": 2.0}


def test_what_a_map_asked_of_points_it_had_not_measured_was_asked_at_the_right_place(make, engine):
    """A question's ``after`` counts events, those of points that were measured again as well."""
    station = make(monitor=Fault("nothing", at=(5, 52)))
    engine(two_pass(station))
    decisions = rows(engine.documents, "decisions")
    asked = {d["decision_round"]: d["decision_after"] for d in decisions}
    first = len(rows(engine.documents, "primary"))
    assert first == 49
    ends = [k for k, d in enumerate(decisions) if d["decision_round"] == 1]
    assert (asked[0], asked[1]) == (first, first + ends[0])


def test_senseless_care_is_refused():
    for change in ({"least_beam": 1.0}, {"tries": -1}, {"pause": math.nan}):
        with pytest.raises(ValueError, match=r"least_beam|tries"):
            Care(**change)
