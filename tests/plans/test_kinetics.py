"""`watch_kinetics` on a real RunEngine: its documents, its decisions, and how it ends."""

import math
import threading
import time

import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted

from operando.agents.kinetics_agent import KineticsAgent
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
