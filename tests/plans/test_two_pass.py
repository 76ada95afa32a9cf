import math
import threading
import time

import pytest
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import RunEngineInterrupted

from operando.errors import BadInput
from operando.plans import map_two_pass
from support.countdown_agent import CountdownAgent
from support.run_documents import assert_frames_belong_to_events as frames_belong
from support.run_documents import measured, validate

MAP = {
    "shape": (6, 8),
    "step": 2.0,
    "exposure": 0.01,
    "revisit_exposure": 0.2,
    "n_revisits": 12,
    "batch": 5,
    "timeout": 5.0,
    "seed": 3,
}


def run(engine, station, agent, **changes):
    engine(map_two_pass(station, agent, **{**MAP, **changes}))
    streams = measured(engine.documents)
    return [row for row, _ in streams["decisions"]], streams["revisits"]


def test_revisits_are_those_the_agent_chose_with_reasons(station, engine, documents):
    agent = CountdownAgent()
    decisions, revisits = run(engine, station, agent)

    validate(documents)
    assert agent.asked == [5, 5, 2]
    assert {d["decision_point"] for d in decisions} == set(range(36, 48))
    assert [d["decision_round"] for d in decisions] == [0] * 5 + [1] * 5 + [2] * 2
    assert [d["decision_after"] for d in decisions] == [48] * 5 + [53] * 5 + [58] * 2
    for decision in decisions:
        point = decision["decision_point"]
        assert decision["decision_reason"] == "agent"
        assert decision["decision_acquisition"] == pytest.approx(0.1 * point)
        assert decision["decision_probability"] == pytest.approx([0.1 * k for k in range(9)])
        assert decision["decision_model_version"] == "v1"
        assert decision["decision_id"] == f"id-{point}"
        assert decision["decision_think_time"] < 1.0
    places = [(row["stage_x"], row["stage_y"]) for row, _ in revisits]
    assert places == [(d["decision_x"], d["decision_y"]) for d in decisions]
    frames_belong(revisits, 0.2)
    frames_belong(measured(documents)["primary"], 0.01)
    start = documents[0][1]
    assert start["num_points"] == 60
    assert start["agent"] == agent.spec()
    assert start["revisits"] == {"num": 12, "exposure": 0.2, "batch": 5, "lookahead": 0}


def test_each_decision_is_emitted_before_its_point_is_measured(station, engine, documents):
    run(engine, station, CountdownAgent())
    streams = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    order = [streams[doc["descriptor"]] for name, doc in documents if name == "event"]
    assert order == ["decisions", "revisits"] * 12


def test_the_second_pass_has_its_own_exposure_and_file(station, engine, documents, tmp_path):
    run(engine, station, CountdownAgent())
    exposures = {
        doc["name"]: value["data"]["pilatus_exposure"]
        for name, doc in documents
        if name == "descriptor"
        for value in doc["configuration"].values()
        if "pilatus_exposure" in value["data"]
    }
    assert exposures == {"primary": 0.01, "revisits": 0.2}
    assert len(list(tmp_path.glob("*.h5"))) == 2


class Raises(CountdownAgent):
    def suggest(self, num_points=None):
        super().suggest(num_points)
        raise RuntimeError("no model\nat all")


class Silent(CountdownAgent):
    def suggest(self, num_points=None):
        super().suggest(num_points)
        return []


class Hangs(CountdownAgent):
    def suggest(self, num_points=None):
        super().suggest(num_points)
        threading.Event().wait(60)


@pytest.mark.parametrize(
    ("agent", "reason", "asked"),
    [
        (Raises(), "fallback: the agent failed: RuntimeError: no model at all", 3),
        (Silent(), "fallback: the agent had nothing to suggest", 3),
        (Hangs(), "fallback: no answer within 0.3 s", 1),
    ],
)
def test_an_agent_that_fails_costs_no_point(agent, reason, asked, station, engine, documents):
    begin = time.perf_counter()
    decisions, revisits = run(engine, station, agent, timeout=0.3)

    validate(documents)
    assert time.perf_counter() - begin < 5
    assert len(agent.asked) == asked
    assert decisions[0]["decision_reason"] == reason
    assert all(d["decision_reason"].startswith("fallback: ") for d in decisions)
    assert len({d["decision_point"] for d in decisions}) == 12  # none twice
    assert documents[-1][1]["exit_status"] == "success"
    frames_belong(revisits, 0.2)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"stage_x": 1e6}, "stage_x = 1e+06 um is outside its range"),
        ({"stage_y": math.nan}, "stage_y = nan um"),
        ({"stage_x": 100.0}, "off the map"),
        ({"stage_x": None}, "TypeError"),
        ({"probability": [0.5] * 3}, "3 probabilities for 9 labels"),
        ({"acquisition": "high"}, "could not convert"),
    ],
)
def test_a_point_that_cannot_be_measured_is_replaced_and_recorded(fault, said, station, engine):
    class Confused(CountdownAgent):
        def suggestion(self, point):
            good = super().suggestion(point)
            return {**good, **fault} if point == 45 else good

    decisions, revisits = run(engine, station, Confused())
    bad = [d for d in decisions if d["decision_reason"] != "agent"]
    assert len(bad) == 1
    assert bad[0]["decision_reason"].startswith("fallback: bad suggestion: ")
    assert said in bad[0]["decision_reason"]
    assert len(revisits) == 12


def test_something_that_is_no_suggestion_at_all(station, engine):
    class Mad(CountdownAgent):
        def suggestion(self, point):
            return point

    decisions, _ = run(engine, station, Mad())
    assert all("bad suggestion" in d["decision_reason"] for d in decisions)


def test_more_revisits_than_points_are_possible(station, engine):
    decisions, _ = run(engine, station, Silent(), n_revisits=60, batch=None)
    assert {d["decision_point"] for d in decisions} == set(range(48))


def test_a_map_without_revisits(station, engine, documents):
    engine(
        map_two_pass(
            station, CountdownAgent(), **{**MAP, "n_revisits": None, "revisit_fraction": 0.0}
        )
    )
    assert [doc["name"] for name, doc in documents if name == "descriptor"] == ["primary"]


@pytest.mark.parametrize(
    "change",
    [{"n_revisits": -1}, {"n_revisits": None, "revisit_fraction": 1.5}, {"batch": 0}],
)
def test_numbers_of_revisits_that_make_no_sense(change, station, engine, documents):
    with pytest.raises(BadInput):
        run(engine, station, CountdownAgent(), **change)
    assert documents == []


def test_the_run_engine_can_be_interrupted_while_the_agent_thinks(make_station, engine, documents):
    class Slow(CountdownAgent):
        def suggest(self, num_points=None):
            time.sleep(2.0)
            return super().suggest(num_points)

    station = make_station()
    threading.Timer(0.7, engine.request_pause).start()
    begin = time.perf_counter()
    with pytest.raises(RunEngineInterrupted):
        engine(map_two_pass(station, Slow(), **{**MAP, "batch": 12}))
    assert time.perf_counter() - begin < 2.0  # not when the agent is done
    assert not station.shutter.is_open
    engine.resume()

    decisions = [row for row, _ in measured(documents)["decisions"]]
    assert {d["decision_reason"] for d in decisions} == {"agent"}
    frames_belong(measured(documents)["revisits"], 0.2)


def test_revisits_paused_and_resumed_stay_with_their_decisions(make_station, engine, documents):
    station = make_station(speed=4.0)
    plan = map_two_pass(station, CountdownAgent(), **{**MAP, "shape": (6, 8)})

    def pause(name, doc):
        if name == "event" and doc["data"].get("decision_point") == 44:
            threading.Timer(0.02, engine.request_pause).start()

    engine.subscribe(pause)
    with pytest.raises(RunEngineInterrupted):
        engine(plan)
    engine.resume()

    streams = measured(documents)
    places = [(row["stage_x"], row["stage_y"]) for row, _ in streams["revisits"]]
    chosen = [(row["decision_x"], row["decision_y"]) for row, _ in streams["decisions"]]
    assert places == chosen
    frames_belong(streams["revisits"], 0.2)


def test_the_same_seed_falls_back_to_the_same_points(station, engine, documents):
    first, _ = run(engine, station, Silent())
    documents.clear()
    again, _ = run(engine, station, Silent())
    documents.clear()
    other, _ = run(engine, station, Silent(), seed=4)
    points = [[d["decision_point"] for d in decisions] for decisions in (first, again, other)]
    assert points[0] == points[1] != points[2]


def test_messages_of_a_two_pass_map(station):
    messages = RunEngineSimulator().simulate_plan(map_two_pass(station, CountdownAgent(), **MAP))
    assert sum(m.command == "kickoff" for m in messages) == 6
    assert sum(m.command == "trigger" and m.obj is station.detector for m in messages) == 12
