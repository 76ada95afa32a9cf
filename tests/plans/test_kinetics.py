"""`watch_kinetics` on a real RunEngine: its documents, its decisions, and how it ends."""

import math
import threading
import time

import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted

from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.kinetics_design import DesignConfig
from operando.agents.kinetics_stopping import StopConfig
from operando.errors import BadInput
from operando.plans import WatchSettings, measure_ends, watch_kinetics
from operando.replaying import rebuild, replay_run
from support.loading import agent_config, loading_station, watch


@pytest.fixture
def station(tmp_path):
    return loading_station(tmp_path)[0]


def rows(documents, stream):
    """Events of a stream, pages taken apart."""
    uids = {doc["uid"] for name, doc in documents if name == "descriptor" and doc["name"] == stream}
    found = []
    for name, doc in documents:
        if name == "event" and doc["descriptor"] in uids:
            found.append(dict(doc["data"]))
        elif name == "event_page" and doc["descriptor"] in uids:
            for i in range(len(doc["seq_num"])):
                found.append({key: values[i] for key, values in doc["data"].items()})
    return found


class Answers:
    """An agent that gives the same answers whatever it is told."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def suggest(self, num_points=None):
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def test_frames_begin_before_the_valve_and_go_on_to_the_limit(engine, documents, station):
    engine(watch_kinetics(station, settings=watch(), sample="powder", seed=3))
    frames, gas, decisions = (rows(documents, s) for s in ("primary", "gas", "decisions"))
    start = np.array([row["frame_start"] for row in frames])
    assert len(frames) == 18  # as many of 333 ms as end within 6 s
    assert np.diff(start) == pytest.approx(0.33295, abs=1e-6)
    assert [row["gas_valve"] for row in gas] == ["closed", "open", "closed"]
    assert np.count_nonzero(start < gas[1]["gas_opened_at"]) == 5  # one is under way
    assert gas[0]["gas_pressure"] < 1.0 < gas[2]["gas_pressure"]
    assert {row["decision_reason"] for row in decisions} == {"fallback: no agent"}
    assert decisions[-1]["decision_limit"] == "the longest record, 6 s"
    assert documents[-1][1]["reason"] == "ended by the longest record, 6 s"
    assert documents[0][1]["num_points"] == 18


def test_the_end_states_are_measured_and_the_crystal_is_evacuated(engine, documents, station):
    engine(measure_ends(station, frames=5, wait=60.0))
    assert [len(rows(documents, stream)) for stream in ("empty", "loaded")] == [5, 5]
    assert station.gas.read()["gas_pressure"]["value"] < 1.0
    assert (station.gas.position, station.shutter.is_open) == ("closed", False)


def test_an_agent_stops_the_run_and_its_words_are_in_the_stop_document(engine, documents, station):
    going, enough = {"action": "go on", "why": "no"}, {"action": "stop", "why": "seen enough"}
    engine(watch_kinetics(station, Answers(going, going, enough), settings=watch()))
    decisions = rows(documents, "decisions")
    assert [row["decision_action"] for row in decisions] == ["go on", "go on", "stop"]
    assert {row["decision_reason"] for row in decisions} == {"agent"}
    assert len(rows(documents, "primary")) == 6
    assert documents[-1][1]["reason"] == "ended by seen enough"


def test_an_agent_may_choose_other_exposures_which_stand_in_the_frames(engine, documents, station):
    answers = Answers({"action": "go on", "exposure": 0.05, "num": 3}, {"action": "stop"})
    engine(watch_kinetics(station, answers, settings=watch()))
    frames = rows(documents, "primary")
    lengths = [row["frame_stop"] - row["frame_start"] for row in frames]
    assert lengths == pytest.approx([0.332] * 4 + [0.05] * 3, abs=1e-6)


def test_an_agent_may_have_the_shutter_closed_for_a_while(engine, documents, station):
    once = {"action": "go on", "exposure": 0.1, "num": 2, "pause": 0.5}
    nothing = {"action": "go on", "num": 0, "pause": 1.0}
    moves = []
    engine.msg_hook = lambda msg: moves.append(msg.args) if msg.obj is station.shutter else None
    answers = Answers(once, nothing, once, {"action": "stop"})
    engine(watch_kinetics(station, answers, settings=watch()))
    start = np.array([row["frame_start"] for row in rows(documents, "primary")])
    assert len(start) == 8  # four before the valve, twice two
    assert start[6] - start[5] > 0.1 + 0.5 + 1.0
    assert [row["decision_pause"] for row in rows(documents, "decisions")] == [0.5, 1.0, 0.5, 0.0]
    assert moves.count(("closed",)) == moves.count(("open",)) >= 4
    assert not station.shutter.is_open


def test_neither_frames_nor_a_pause_is_no_answer(engine, documents, station):
    engine(watch_kinetics(station, Answers({"action": "go on", "num": 0}), settings=watch()))
    reasons = {row["decision_reason"] for row in rows(documents, "decisions")}
    assert all(reason.startswith("fallback: BadInput") for reason in reasons)
    assert len(rows(documents, "primary")) == 18


def test_an_agent_with_a_design_saves_exposures_and_is_decided_again(engine, documents, station):
    design = DesignConfig(exposures=(0.332,), spacings=(1,), exposure_cost=0.5)
    agent = KineticsAgent(agent_config(design=design, stop=StopConfig(sd_t0=1e-6, sd_k=1e-6)))
    engine.subscribe(agent)
    (references,) = engine(measure_ends(station, frames=30))
    ends = list(documents)
    documents.clear()
    agent.drain()
    engine(watch_kinetics(station, agent, settings=watch(longest=14.0), references=references))
    decisions = rows(documents, "decisions")
    assert {row["decision_reason"] for row in decisions} == {"agent"}
    closed = [row for row in decisions if row["decision_num"] == 0]
    assert closed
    assert "less than they cost" in closed[-1]["decision_why"]
    assert len(rows(documents, "primary")) < 0.8 * 14.0 / 0.333
    assert agent.record().updates[-1].summary.p_begun > 0.99
    again = rebuild(documents[0][1]["agent"])
    for name, doc in ends:
        again(name, doc)
    result = replay_run(documents, again)
    again.close()
    agent.close()
    assert result.compared == result.decisions > 3
    assert result.first_difference is None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (RuntimeError("no idea"), "no idea"),
        ({"action": "perhaps"}, "perhaps"),
        ({"action": "go on", "exposure": 1e-5}, "range"),
        ({"why": "forgot the action"}, "action"),
    ],
)
def test_an_agent_that_fails_is_overruled_and_the_run_goes_on(
    engine, documents, station, answer, told
):
    engine(watch_kinetics(station, Answers(answer), settings=watch(longest=3.0)))
    decisions = rows(documents, "decisions")
    assert all(row["decision_reason"].startswith("fallback") for row in decisions)
    assert told in decisions[0]["decision_reason"]
    assert documents[-1][1]["exit_status"] == "success"


def test_a_slow_agent_leaves_no_gap_in_the_record(engine, documents, tmp_path):
    class Slow(Answers):
        def suggest(self, num_points=None):
            time.sleep(0.15)  # more than four frames at this speed
            return super().suggest(num_points)

    station, _ = loading_station(tmp_path, speed=10.0)
    engine(watch_kinetics(station, Slow({"action": "go on"}), settings=watch(timeout=0.05)))
    start = np.array([row["frame_start"] for row in rows(documents, "primary")])
    assert np.diff(start) == pytest.approx(0.33295, abs=1e-6)
    reasons = {row["decision_reason"] for row in rows(documents, "decisions")}
    assert "fallback: no answer within 0.05 s" in reasons


@pytest.mark.parametrize("way", ["abort", "stop", "halt"])
def test_valve_and_shutter_close_when_the_run_is_broken_off(engine, documents, tmp_path, way):
    station, _ = loading_station(tmp_path, speed=5.0)

    def pause(name, doc):
        if name == "event" and "decision_action" in doc["data"]:
            threading.Thread(target=engine.request_pause).start()

    engine.subscribe(pause)
    with pytest.raises(RunEngineInterrupted):
        engine(watch_kinetics(station, settings=watch(longest=60.0)))
    assert (station.gas.position, station.shutter.is_open) == ("closed", False)
    getattr(engine, way)()
    assert (station.gas.position, station.shutter.is_open) == ("closed", False)


def test_a_run_that_was_paused_goes_on_with_valve_and_beam(engine, documents, tmp_path):
    station, _ = loading_station(tmp_path, speed=5.0)
    paused = []

    def pause(name, doc):
        if name == "event" and "decision_action" in doc["data"] and not paused:
            paused.append(doc)
            threading.Thread(target=engine.request_pause).start()

    engine.subscribe(pause)
    with pytest.raises(RunEngineInterrupted):
        engine(watch_kinetics(station, settings=watch(longest=6.0)))
    time.sleep(0.2)
    engine.resume()
    frames, gas = rows(documents, "primary"), rows(documents, "gas")
    assert len(frames) > 5
    assert all(row["i0"] > 0 for row in frames)
    start = np.array([row["frame_start"] for row in frames])
    assert np.diff(start).max() > 0.9  # the pause is a gap, and is known to be one
    assert gas[-1]["gas_opened_at"] == gas[1]["gas_opened_at"]


def test_a_dose_limit_ends_the_run(engine, documents, station):
    engine(watch_kinetics(station, settings=watch(dose_limit=2.0)))
    assert sum(r["frame_stop"] - r["frame_start"] for r in rows(documents, "primary")) < 2.0
    assert "dose limit" in documents[-1][1]["reason"]


def test_a_stored_run_is_decided_again_from_its_documents(engine, documents, station):
    agent = KineticsAgent(agent_config(target_sd_t0=0.03, settled=2))
    engine.subscribe(agent)
    (references,) = engine(measure_ends(station, frames=30))
    ends = list(documents)
    documents.clear()
    agent.drain()
    engine(watch_kinetics(station, agent, settings=watch(), references=references))
    assert documents[0][1]["resumes"] == references
    assert "targets met" in documents[-1][1]["reason"]
    again = rebuild(documents[0][1]["agent"])
    for name, doc in ends:
        again(name, doc)
    result = replay_run(documents, again)
    again.close()
    agent.close()
    assert result.compared == result.decisions > 3
    assert result.first_difference is None


def test_fast_frames_are_asked_about_by_portions(engine, documents, station):
    settings = WatchSettings(exposure=1 / 300 - 0.00095, before=30, longest=0.5)
    engine(watch_kinetics(station, settings=settings))
    start = np.array([row["frame_start"] for row in rows(documents, "primary")])
    assert len(start) > 100
    assert np.diff(start) == pytest.approx(1 / 300, abs=1e-6)
    assert len(rows(documents, "decisions")) <= 4


@pytest.mark.parametrize(
    "settings",
    [
        {"exposure": 0.0},
        {"before": 0},
        {"longest": 1.0},
        {"portion": 0},
        {"dose_limit": math.nan},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(BadInput):
        WatchSettings(**settings)
