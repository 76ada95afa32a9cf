"""Focusing on a real RunEngine: what it finds, what it records, and what it does when disturbed."""

import math
import signal
import threading

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import RunEngineInterrupted

from operando.agents.beam_profile import BeamProfiles
from operando.agents.coordinate_scan import CoordinateScanAgent
from operando.agents.focus_agent import FocusAgent, FocusConfig
from operando.devices import simulated_focusing_station
from operando.errors import BadInput, LimitError
from operando.plans import focus_by_coordinates, focus_kb, knife_edge
from operando.replaying import rebuild, replay_run
from operando.simulations.clock import Clock
from operando.simulations.kb_optics import KNOBS
from support.run_documents import measured, validate


class Focusing:
    """A station with an engine that keeps its documents, and the truth for scoring."""

    def __init__(self, seed, speed=math.inf):
        self.clock = Clock(speed)
        self.station = simulated_focusing_station(self.clock, seed)
        self.engine = RunEngine({}, context_managers=[], call_returns_result=False)
        self.runs = []

    def run(self, plan, *agents):
        documents = []
        tokens = [self.engine.subscribe(agent) for agent in agents]
        tokens.append(self.engine.subscribe(lambda name, doc: documents.append((name, dict(doc)))))
        self.runs.append(documents)
        self.engine(plan)
        for token in tokens:
            self.engine.unsubscribe(token)
        return documents

    @property
    def truth(self):
        return self.station.mirrors._instrument.size_um(self.clock.now())


@pytest.fixture(scope="module")
def focused():
    """One run to the end, its documents and its agent, and a second one six hours later."""
    focusing = Focusing(3)
    focusing.agent = FocusAgent(FocusConfig(seed=3))
    focusing.before = focusing.truth
    first = focusing.run(focus_kb(focusing.station, focusing.agent, seed=3), focusing.agent)
    focusing.first, focusing.after, focusing.scans = first, focusing.truth, focusing.agent.scans
    focusing.answer = focusing.agent.report()
    focusing.clock.sleep(6 * 3600.0)
    focusing.drifted = focusing.truth
    plan = focus_kb(focusing.station, focusing.agent, seed=3, resumes=first[0][1]["uid"])
    focusing.second = focusing.run(plan, focusing.agent)
    yield focusing
    focusing.agent.close()


def test_the_beam_is_focused_and_the_claim_holds(focused):
    assert max(focused.before) > 4.0
    for direction, size, limit in zip("vh", focused.after, (1.25, 2.0), strict=True):
        claim = focused.answer["claim"][direction]
        assert claim["size_um"] + claim["sd_um"] < 1.05 * limit * 1.02
        assert abs(claim["size_um"] - size) < 4.0 * claim["sd_um"]
        assert size < 1.1 * limit


def test_the_documents_are_valid_and_say_why_each_step(focused):
    validate(focused.first)
    decisions = [row for row, _ in measured(focused.first)["decisions"]]
    assert decisions[-1]["decision_action"] == "stop"
    assert "small enough" in focused.first[-1][1]["reason"]
    assert {row["decision_reason"] for row in decisions} == {"agent"}
    assert {row["decision_decision_v"] for row in decisions} >= {"design", "EI"}
    stops = [doc for name, doc in focused.first if name == "stop"]
    assert stops[0]["exit_status"] == "success"
    assert not focused.station.shutter.is_open


def test_knobs_arrive_from_below_within_their_limits(focused):
    knob = focused.station.mirrors.bend_v
    with pytest.raises(LimitError, match="kb_bend_v"):
        knob.set(1300.0)
    assert knob.read()["kb_bend_v"]["value"] == knob.position
    assert focused.station.mirrors.describe()["kb_pitch_v"]["units"] == "mrad"
    # What lags is on the side of one that came from below: the mirror is where the motor is.
    instrument = focused.station.mirrors._instrument
    for name in KNOBS:
        motor = getattr(focused.station.mirrors, name).position
        assert abs(instrument._lags[name].output - motor) < 1e-9


def test_a_warm_start_takes_fewer_scans(focused):
    assert max(focused.drifted[0] / 1.25, focused.drifted[1] / 2.0) > 1.1
    assert max(focused.truth[0] / 1.25, focused.truth[1] / 2.0) < 1.1
    assert focused.agent.scans < focused.scans
    assert focused.second[0][1]["resumes"] == focused.first[0][1]["uid"]


def test_a_replay_makes_the_same_decisions(focused):
    agent = rebuild(focused.first[0][1]["agent"])
    result = replay_run(focused.first, agent)
    assert result.identical, result.first_difference
    assert result.compared == result.decisions > 8
    again = replay_run(focused.second, agent)
    assert again.identical, again.first_difference
    agent.close()


def test_an_agent_from_a_checkpoint_says_the_same(focused, tmp_path):
    agent = FocusAgent(FocusConfig(seed=3), checkpoint_path=tmp_path / "focus.npz")
    for name, doc in focused.first:
        agent(name, doc)
    agent.checkpoint()
    restored = FocusAgent.from_checkpoint(tmp_path / "focus.npz")
    assert restored.report() == agent.report()
    assert restored.should_stop() == agent.should_stop()
    agent.close()


def test_a_profile_alone(focused):
    profiles = BeamProfiles()
    where = [focused.agent._profiles.last(d).fit.centre for d in "vh"]
    plan = knife_edge(focused.station, centre=tuple(where), half=5.0, num=25)
    validate(focused.run(plan, profiles))
    for direction, size in zip("vh", focused.truth, strict=True):
        fit = profiles.last(direction).fit
        assert abs(fit.fwhm - size) < 5.0 * fit.fwhm_sd
        assert fit.fwhm_sd < 0.1


def test_coordinates_one_after_the_other_need_more_scans():
    focusing = Focusing(3)
    agent = CoordinateScanAgent(FocusConfig(seed=3, most=26))
    documents = focusing.run(focus_by_coordinates(focusing.station, agent), agent)
    assert documents[0][1]["plan_name"] == "focus_by_coordinates"
    sizes = [p.fit.fwhm for p in agent.profiles() if p.scan.direction == "v" and p.fit.resolved]
    assert sizes[-1] < 0.5 * max(sizes)
    moved = [row for row, _ in measured(documents)["knife_v"]]
    knobs = np.array([[row["kb_pitch_v"], row["kb_bend_v"]] for row in moved])
    steps = np.diff(knobs, axis=0)
    assert not (steps != 0).all(axis=1).any()  # never two knobs of a mirror at a time
    agent.close()


class Contrary:
    """An agent whose first answers cannot be carried out."""

    name = "contrary"

    def __init__(self, *answers):
        self.answers = list(answers)

    def suggest(self, num_points=None):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def test_what_cannot_be_done_moves_nothing_and_is_recorded():
    focusing = Focusing(3)
    agent = Contrary(
        RuntimeError("no idea"),
        {"action": "measure", "bend_v": 2000.0},
        {"action": "stop", "why": "enough"},
    )
    documents = focusing.run(focus_kb(focusing.station, agent))
    rows = [row for row, _ in measured(documents)["decisions"]]
    assert [row["decision_reason"].split(":")[0] for row in rows] == [
        "fallback",
        "fallback",
        "agent",
    ]
    assert "no idea" in rows[0]["decision_reason"]
    assert "LimitError" in rows[1]["decision_reason"]
    assert focusing.station.mirrors.bend_v.position == 1000.0
    assert documents[-1][1]["reason"] == "enough"


def test_an_agent_that_never_answers_ends_the_run():
    focusing = Focusing(3)
    asked = threading.Event()

    class Silent:
        def suggest(self, num_points=None):
            asked.wait(30.0)
            return []

    documents = focusing.run(focus_kb(focusing.station, Silent(), timeout=0.05))
    asked.set()
    assert "without an answer" in documents[-1][1]["reason"]
    assert not focusing.station.shutter.is_open


def test_an_abort_leaves_the_knobs_standing_and_the_shutter_closed():
    focusing = Focusing(3, speed=20.0)
    agent = Contrary({"action": "measure", "bend_v": 1150.0, "v_half": 30.0, "v_num": 21})
    timer = threading.Timer(0.8, lambda: focusing.engine.request_pause(defer=False))
    timer.start()
    with pytest.raises(RunEngineInterrupted):
        focusing.run(focus_kb(focusing.station, agent))
    assert not focusing.station.shutter.is_open
    focusing.engine.abort("enough")
    assert focusing.runs[-1][-1][1]["exit_status"] == "abort"
    assert not focusing.station.mirrors.bend_v.moving
    assert not focusing.station.shutter.is_open
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_scans_that_are_none_are_refused_before_anything_moves():
    station = Focusing(3).station
    for options in ({"half": 0.0}, {"num": 1}, {"directions": "z"}, {"half": 3000.0}):
        with pytest.raises((BadInput, ValueError)):
            list(knife_edge(station, **options))
    with pytest.raises(BadInput, match="count"):
        list(knife_edge(station, dwell=-1.0))
