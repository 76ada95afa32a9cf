"""The sparse map: an even cover, then what the agent wants, until a budget ends it."""

import itertools
import math
import threading
import time
from concurrent.futures import Future

import pytest
from bluesky.simulators import RunEngineSimulator

from operando.errors import BadInput
from operando.plans import Progress, map_adaptive
from support.countdown_agent import CountdownAgent
from support.run_documents import assert_frames_belong_to_events as frames_belong
from support.run_documents import measured, validate

MAP = {"shape": (6, 8), "step": 2.0, "exposure": 0.2, "timeout": 5.0, "seed": 3}


def run(engine, station, agent, **changes):
    engine(map_adaptive(station, agent, **{**MAP, **changes}))
    streams = measured(engine.documents)
    return [row for row, _ in streams["decisions"]], streams["primary"]


def stop_of(documents):
    assert documents[-1][0] == "stop"
    return documents[-1][1]


def test_an_even_cover_then_what_the_agent_chose_each_with_its_reason(station, engine, documents):
    agent = CountdownAgent()
    decisions, points = run(engine, station, agent, n_points=18, first=8, batch=4, lookahead=0)

    validate(documents)
    assert agent.asked == [4, 4, 2]
    reasons = [d["decision_reason"] for d in decisions]
    assert reasons == ["start"] * 8 + ["agent"] * 10
    assert [d["decision_round"] for d in decisions] == [-1] * 8 + [0] * 4 + [1] * 4 + [2] * 2
    assert [d["decision_after"] for d in decisions[8:]] == [8] * 4 + [12] * 4 + [16] * 2
    places = [(row["stage_x"], row["stage_y"]) for row, _ in points]
    assert places == [(d["decision_x"], d["decision_y"]) for d in decisions]
    frames_belong(points, 0.2)
    start = documents[0][1]
    assert (start["plan_name"], start["num_points"]) == ("map_adaptive", 18)
    assert start["agent"] == agent.spec()
    cover = {d["decision_point"] for d in decisions[:8]}
    rows, columns = {p // 8 // 3 for p in cover}, {p % 8 // 4 for p in cover}
    assert (rows, columns) == ({0, 1}, {0, 1})  # every quarter of the map has some


def test_fourteen_per_cent_unless_told_otherwise(station, engine):
    decisions, points = run(engine, station, CountdownAgent())
    assert len(points) == round(0.14 * 48) == len(decisions)


class Contented(CountdownAgent):
    def should_stop(self):
        return len(self.asked) >= 2, "it is clear enough"


def test_the_agent_can_say_that_it_is_enough(station, engine, documents):
    _, points = run(engine, station, Contented(), n_points=40, first=4, batch=3, lookahead=1)
    assert len(points) == 4 + 6
    assert (stop_of(documents)["exit_status"], stop_of(documents)["reason"]) == (
        "success",
        "it is clear enough",
    )


def test_the_map_ends_when_its_time_is_up(station, engine, documents):
    began = station.clock.now()
    _, points = run(engine, station, CountdownAgent(), seconds=5.0)
    took = station.clock.now() - began
    assert 4.0 < took <= 5.0
    assert len(points) == pytest.approx(5.0 / 0.235, rel=0.15)


def test_no_point_gets_more_dose_than_it_may(station, engine, documents):
    class Insists(CountdownAgent):
        def suggest(self, num_points=None):
            self.asked.append(num_points)
            return [self.suggestion(13)] * num_points

    decisions, points = run(
        engine, station, Insists(), n_points=30, first=4, batch=6, dose_limit=0.4
    )
    visits = [d["decision_point"] for d in decisions]
    assert max(visits.count(point) for point in visits) == 2
    assert visits.count(13) == 2
    said = {d["decision_reason"] for d in decisions if d["decision_reason"].startswith("fall")}
    assert said == {"fallback: bad suggestion: ValueError: point 13 has had 0.4 s of dose"}
    assert len(points) == 30


def test_when_every_point_has_had_its_dose_the_map_ends(station, engine, documents):
    agent = CountdownAgent()
    agent.suggest = lambda num_points=None: []
    _, points = run(engine, station, agent, n_points=200, first=0, batch=20, dose_limit=0.2)
    assert len(points) == 48
    assert stop_of(documents)["reason"] == "every point has had its dose of at most 0.2 s"
    assert stop_of(documents)["exit_status"] == "success"


@pytest.mark.parametrize(
    "change",
    [
        {"n_points": 0},
        {"first": -1},
        {"batch": 0},
        {"lookahead": -1},
        {"seconds": 0.0},
        {"seconds": math.nan},
        {"dose_limit": 0.1},
        {"dose_limit": math.nan},
        {"timeout": 0.0},
    ],
)
def test_budgets_that_make_no_sense_are_refused_before_the_run(change, station, engine, documents):
    with pytest.raises(BadInput):
        engine(map_adaptive(station, CountdownAgent(), **{**MAP, **change}))
    assert documents == []


class Raises(CountdownAgent):
    def should_stop(self):
        raise RuntimeError("cannot say")


class Hangs(CountdownAgent):
    def suggest(self, num_points=None):
        super().suggest(num_points)
        threading.Event().wait(60)


class FarOff(CountdownAgent):
    def __init__(self):
        super().__init__()
        self.failures = []

    def suggestion(self, point):
        return {**super().suggestion(point), "stage_x": 1e6}

    def register_failures(self, suggestions):
        self.failures += suggestions


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (Raises(), "fallback: the agent failed: RuntimeError: cannot say"),
        (Hangs(), "fallback: no answer within 0.3 s"),
        (FarOff(), "fallback: bad suggestion: LimitError: stage_x = 1e+06 um is outside"),
    ],
)
@pytest.mark.parametrize("lookahead", [0, 2])
def test_a_misbehaving_agent_costs_no_point(agent, said, lookahead, station, engine, documents):
    begin = time.perf_counter()
    decisions, points = run(
        engine, station, agent, n_points=20, first=5, batch=5, timeout=0.3, lookahead=lookahead
    )
    validate(documents)
    assert time.perf_counter() - begin < 5
    assert len(points) == 20
    assert decisions[5]["decision_reason"].startswith(said)
    assert all(d["decision_reason"].startswith("fallback: ") for d in decisions[5:])
    assert len({d["decision_point"] for d in decisions}) == 20
    assert stop_of(documents)["exit_status"] == "success"
    if isinstance(agent, FarOff):
        deadline = time.monotonic() + 5
        while len(agent.failures) % 15 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert {failure["_id"] for failure in agent.failures} >= {"id-47", "id-40"}


class Queued(CountdownAgent):
    """Counts the points it has heard of when it is asked; answers only when it is told to."""

    def __init__(self):
        super().__init__()
        self.heard, self.knew, self.waiting = 0, [], []
        self.streams = {}
        self.free = threading.Event()

    def __call__(self, name, doc):
        if name == "descriptor":
            self.streams[doc["uid"]] = doc["name"]
        elif name == "event" and self.streams[doc["descriptor"]] == "primary":
            self.heard += 1

    def in_turn(self, ask):
        self.knew.append(self.heard)
        reply = Future()
        reply.set_result(ask())
        return reply


def test_the_next_batch_is_asked_for_while_this_one_is_exposed(station, engine):
    agent = Queued()
    engine.subscribe(agent)
    decisions, _ = run(engine, station, agent, n_points=20, first=5, batch=5, lookahead=2)
    assert agent.knew == [5, 8, 13]
    after = {d["decision_round"]: d["decision_after"] for d in decisions}
    assert after == {-1: 0, 0: 5, 1: 8, 2: 13}
    assert agent.asked == [5, 5, 5]


def test_a_slow_agent_holds_up_nothing_but_its_first_batch(make_station, engine):
    class Slow(CountdownAgent):
        def suggest(self, num_points=None):
            time.sleep(0.5)
            return super().suggest(num_points)

    def idle(lookahead):
        station = make_station(speed=2.0)
        times = []

        def watch(name, doc):
            if name == "event" and "stage_x" in doc["data"]:
                times.append(doc["timestamps"]["stage_x"])

        token = engine.subscribe(watch)
        engine.documents.clear()
        run(engine, station, Slow(), n_points=14, first=2, batch=4, lookahead=lookahead)
        engine.unsubscribe(token)
        gaps = [b - a for a, b in itertools.pairwise(times)]
        return [gaps[k] for k in (5, 9)]  # before the second and the third batch

    assert min(idle(lookahead=0)) > 0.2 + 0.5
    assert max(idle(lookahead=4)) < 0.2 + 0.5


def test_a_sparse_map_that_was_cut_short_is_completed(station, engine, documents):
    run(engine, station, CountdownAgent(), n_points=10, first=6, batch=2)
    progress = Progress.of(list(documents))
    assert (progress.events, progress.revisits) == (10, 0)
    documents.clear()
    agent = CountdownAgent()
    agent.next -= 4
    done = progress.events
    decisions, points = run(engine, station, agent, n_points=25, first=8, batch=3, resume=progress)
    assert documents[0][1]["resumes"] == progress.uid
    assert len(points) == 25 - done
    cover = [d["decision_point"] for d in decisions if d["decision_reason"] == "start"]
    assert not set(cover) & progress.measured


def test_messages_of_a_sparse_map(station):
    messages = RunEngineSimulator().simulate_plan(map_adaptive(station, CountdownAgent(), **MAP))
    assert sum(m.command == "trigger" and m.obj is station.detector for m in messages) == 7
