"""Agents that misbehave: the map is completed, and the record says what happened."""

import itertools
import math
import threading
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.agents.base import DocumentWorker
from operando.errors import AgentError
from operando.plans import map_adaptive, map_two_pass, watch_kinetics
from operando.plans.asking import NOT_ASKED
from operando.plans.kinetics_choice import Chooser
from operando.simulations.clock import Clock
from support.countdown_agent import GRID, CountdownAgent
from support.echo_source import EchoSource
from support.faulty_devices import faulty_station
from support.loading import loading_station, watch

MAP = {"shape": GRID.shape, "step": GRID.step, "exposure": 0.02}


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    def station(speed=math.inf):
        return faulty_station(EchoSource(), Clock(speed), tmp_path_factory.mktemp("frames"))

    return station


def rows(documents, stream):
    uids = {doc["uid"] for name, doc in documents if name == "descriptor" and doc["name"] == stream}
    return [d["data"] for name, d in documents if name == "event" and d["descriptor"] in uids]


def sparse(engine, station, agent, **changes):
    """Measure twelve points, eight of them of the agent's; decisions and points."""
    engine.documents.clear()
    points = {"n_points": 12, "first": 4, "batch": 4, "timeout": 0.3, "lookahead": 0}
    engine(map_adaptive(station, agent, **MAP, **{**points, **changes}))
    assert engine.documents[-1][1]["exit_status"] == "success"
    assert not station.shutter.is_open
    decisions, measured = rows(engine.documents, "decisions"), rows(engine.documents, "primary")
    assert [d["decision_x"] for d in decisions] == [row["stage_x"] for row in measured]
    return decisions, measured


class Answers(CountdownAgent):
    """Gives what a function makes of its good answer."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def suggest(self, num_points=None):
        return self.spoil(super().suggest(num_points))


def quits(answer):
    raise SystemExit(3)


def runs_out(answer):
    raise MemoryError("no more")


def half_way(answer):
    yield answer[0]
    raise ValueError("half way")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (quits, "fallback: the agent failed: RuntimeError: SystemExit: 3"),
        (runs_out, "fallback: the agent failed: MemoryError: no more"),
        (half_way, "fallback: the agent failed: ValueError: half way"),
        (lambda answer: None, "fallback: the agent failed: TypeError"),
        (lambda answer: 7, "fallback: the agent failed: TypeError"),
        (lambda answer: "abcd", "fallback: bad suggestion: TypeError"),
        (lambda answer: [{"x": 1.0}] * 4, "fallback: bad suggestion: KeyError"),
        (lambda answer: [{**a, "stage_x": math.nan} for a in answer], "fallback: bad suggestion"),
        (lambda answer: [{**a, "stage_y": math.inf} for a in answer], "fallback: bad suggestion"),
        (lambda answer: [{**a, "stage_x": None} for a in answer], "fallback: bad suggestion"),
        (lambda answer: [{**a, "stage_x": 600.0} for a in answer], "fallback: bad suggestion"),
        (lambda answer: [{**a, "probability": [0.5]} for a in answer], "fallback: bad suggestion"),
    ],
)
def test_answers_that_cannot_be_used_cost_no_point(spoil, said, make, engine):
    decisions, measured = sparse(engine, make(), Answers(spoil))
    assert len(measured) == 12
    assert all(d["decision_reason"].startswith(said) for d in decisions[4:])
    assert len({d["decision_point"] for d in decisions}) == 12  # evenly over what is left


def test_an_answer_without_end_is_taken_as_far_as_it_was_asked_for(make, engine):
    agent = Answers(lambda answer: itertools.cycle([*answer, answer[0]]))
    decisions, measured = sparse(engine, make(), agent)
    assert len(measured) == 12
    assert {d["decision_reason"] for d in decisions[4:]} == {"agent"}


def test_more_points_than_asked_for_are_not_measured(make, engine):
    agent = Answers(lambda answer: [*answer, *answer])
    decisions, measured = sparse(engine, make(), agent)
    assert len(measured) == 12
    assert Counter(d["decision_round"] for d in decisions) == {-1: 4, 0: 4, 1: 4}


def test_the_same_point_again_and_again_gets_no_more_than_its_dose(make, engine):
    agent = Answers(lambda answer: [answer[0]] * len(answer))
    agent.next = GRID.size - 1
    decisions, measured = sparse(engine, make(), agent, dose_limit=0.04)
    visits = Counter(GRID.nearest(row["stage_x"], row["stage_y"]) for row in measured)
    assert len(measured) == 12
    assert max(visits.values()) == 2
    refused = [d["decision_reason"] for d in decisions if "of dose" in d["decision_reason"]]
    assert len(refused) >= 4  # of each batch two are taken, unless the even cover had the point


def test_words_without_end_are_cut_to_what_the_record_holds(make, engine):
    long = {"model_version": "v" * 10_000, "_id": "i" * 10_000}
    decisions, _ = sparse(engine, make(), Answers(lambda answer: [{**a, **long} for a in answer]))
    assert {len(d["decision_model_version"]) for d in decisions[4:]} == {80}
    assert {len(d["decision_id"]) for d in decisions[4:]} == {80}


class CannotBeAsked(CountdownAgent):
    def in_turn(self, ask):
        raise RuntimeError("nobody listens")


def test_an_agent_that_cannot_even_be_asked(make, engine):
    decisions, _ = sparse(engine, make(), CannotBeAsked())
    said = "fallback: the agent failed: RuntimeError: nobody listens"
    assert {d["decision_reason"] for d in decisions[4:]} == {said}


class AnswersLate(CountdownAgent):
    """Hangs at the first question until told, and answers it then."""

    def __init__(self):
        super().__init__()
        self.release = threading.Event()
        self.answered = threading.Event()

    def suggest(self, num_points=None):
        answer = super().suggest(num_points)
        first = len(self.asked) == 1
        if first:
            self.release.wait(30)
        self.answered.set()
        return [{**one, "_id": f"question {len(self.asked)}"} for one in answer]


@pytest.mark.parametrize("plan", ["sparse", "two passes"])
def test_an_answer_that_comes_late_is_thrown_away(plan, make, engine):
    agent, seen = AnswersLate(), []

    def release(name, doc):
        if doc["data"].get("decision_round", -1) == 1:  # it was not asked the second question
            agent.release.set()
            agent.answered.wait(5)
            time.sleep(0.05)
            seen.append(doc["data"]["decision_reason"])

    engine.subscribe(release, "event")
    if plan == "sparse":
        decisions, _ = sparse(engine, make(), agent, n_points=16)
        decisions = decisions[4:]
    else:
        again = {"revisit_exposure": 0.04, "n_revisits": 12, "batch": 4, "timeout": 0.3}
        engine(map_two_pass(make(), agent, **MAP, **again))
        decisions = rows(engine.documents, "decisions")
    by_round = {d["decision_round"]: d for d in decisions}
    assert by_round[0]["decision_reason"] == "fallback: no answer within 0.3 s"
    assert by_round[1]["decision_reason"] == f"fallback: {NOT_ASKED}"
    assert by_round[2]["decision_reason"] == "agent"
    assert by_round[2]["decision_id"] == "question 2"
    assert seen


class _Flips:
    """A question that is answered between two looks at it."""

    error = stop = None
    seconds = 0.0

    def __init__(self):
        self.looks = 0

    @property
    def done(self):
        self.looks += 1
        return self.looks > 1

    def result(self):
        return [{"action": "stop", "why": "an answer to an earlier question"}]


def test_an_answer_that_comes_between_two_looks_is_late_as_well(tmp_path):
    station, _ = loading_station(tmp_path)
    chooser = Chooser(CountdownAgent(), station, watch())
    chooser._question = _Flips()
    plan = chooser.decide(0.0, 0.0)
    messages = list(iter(lambda: next(plan, None), None))
    assert "wait_for" not in [message.command for message in messages]
    (decision,) = [message.args[0] for message in messages if message.command == "set"]
    assert (decision.action, decision.reason) == ("go on", f"fallback: {NOT_ASKED}")


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "go on", "num": 10**9},
        {"action": "go on", "num": math.nan},
        {"action": "go on", "exposure": math.nan},
        {"action": "go on", "exposure": 1e9},
        {"action": "go on", "pause": math.nan},
        {"action": "go on", "pause": 1e9},
        {"action": "dance"},
        {},
    ],
)
def test_a_gas_loading_goes_on_whatever_its_agent_says(answer, tmp_path, engine):
    class Agent:
        def suggest(self, num_points=None):
            return [answer]

    station, _ = loading_station(tmp_path)
    engine(watch_kinetics(station, Agent(), settings=watch()))
    decisions = rows(engine.documents, "decisions")
    assert all(d["decision_reason"].startswith("fallback: ") for d in decisions)
    assert len(decisions) == 15  # to the end of the record
    assert engine.documents[-1][1]["exit_status"] == "success"


coordinate = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 2.0, 14.0, "4", None, True, b"2"]),
)
suggestion = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=5),
    st.dictionaries(st.sampled_from(["stage_x", "stage_y", "_id", "probability"]), coordinate),
)


@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    answers=st.lists(st.lists(suggestion, max_size=6), min_size=1, max_size=6), limit=st.booleans()
)
def test_whatever_an_agent_answers_the_map_is_completed(answers, limit, make, engine):
    """Lists of anything, in any number: all points, no dose above the limit, all reasons told."""
    given_out = itertools.cycle(answers)
    agent = Answers(lambda answer: next(given_out))
    dose = 0.02 if limit else math.inf
    decisions, measured = sparse(engine, make(), agent, dose_limit=dose)
    assert len(measured) == 12
    visits = Counter(GRID.nearest(row["stage_x"], row["stage_y"]) for row in measured)
    assert -1 not in visits
    assert not limit or max(visits.values()) == 1
    assert all(
        d["decision_reason"] in ("start", "agent") or d["decision_reason"][:9] == "fallback:"
        for d in decisions
    )


def test_a_worker_survives_what_ends_a_program(caplog):
    def read(name, doc):
        if name == "event":
            raise SystemExit(1)

    worker = DocumentWorker(read, "quitter")
    worker.put("start", {})
    with pytest.raises(SystemExit):
        worker.in_turn(lambda: quits(None)).result(10)
    worker.put("event", {})
    with pytest.raises(AgentError, match="SystemExit"):
        worker.drain(10)
    worker.put("start", {})
    assert worker.in_turn(lambda: "back").result(10) == "back"
    worker.close()
