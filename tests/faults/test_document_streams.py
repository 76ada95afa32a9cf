"""Streams of documents that are broken in every way: nobody crashes, hangs, or mixes runs up."""

import random

import pytest
from bluesky import RunEngine
from bluesky.plans import count
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from ophyd.sim import det

from operando.harmless import Harmless
from operando.live.drawing import Drawing
from operando.store.journal import read, seal, unseal
from support.broken_streams import FAULTS, NUMBERS, ODD, Chooser, broken_stream
from support.document_machine import Machine, answer, new_agent
from support.good_runs import KINDS, frames_file, good_run

_KIND = st.sampled_from(KINDS)
_SEED = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What agents answer after a good run."""
    return Machine(tmp_path_factory.mktemp("expected"), KINDS).expected


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return frames_file(tmp_path_factory.mktemp("frames"))


def test_whatever_comes_nobody_crashes_and_the_next_good_run_is_read_right(
    tmp_path_factory, expected
):
    class Streams(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.machine = Machine(tmp_path_factory.mktemp("machine"), KINDS, expected)
            self.machine.__enter__()

        @rule(
            kind=_KIND, seed=_SEED, faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3)
        )
        def broken(self, kind, seed, faults):
            pick = Chooser(random.Random(seed).randrange)
            documents, names = broken_stream(pick, kind, self.machine.frames, faults)
            self.machine.feed(kind, documents, names)

        @rule(kind=_KIND, seed=_SEED)
        def pictured(self, kind, seed):
            pick = Chooser(random.Random(seed).randrange)
            documents, _ = broken_stream(pick, kind, self.machine.frames)
            self.machine.picture(documents, draw=False)
            self.machine.journals()

        @rule(seed=_SEED)
        def rested(self, seed):
            self.machine.rest(Chooser(random.Random(seed).randrange), (*NUMBERS, *ODD))

        @rule(kind=_KIND)
        def good(self, kind):
            self.machine.good(kind)

        @rule(kind=_KIND)
        def asked(self, kind):
            self.machine.ask(kind)

        @invariant()
        def nothing_is_wrong(self):
            assert not self.machine.found.wrong

        def teardown(self):
            self.machine.journals()
            self.machine.__exit__()
            assert not self.machine.found.wrong

    run_state_machine_as_test(
        Streams,
        settings=settings(
            max_examples=8,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_runs_that_overlap_the_later_one_is_read_as_if_alone(kind, frames, expected):
    first, second = good_run(kind, frames), good_run(kind, frames)
    agent = new_agent(kind)
    for name, doc in first[:3]:
        agent(name, doc)
    # The second begins, and then they take turns; the first ends in the middle of the second.
    left = [first[3:], second[1:]]
    agent(*second[0])
    while any(left):
        for one in left:
            if one:
                agent(*one.pop(0))
    try:
        assert answer(kind, agent) == expected[kind]
        assert any("had not ended" in remark for remark in agent.remarks)
    finally:
        agent.close()


def test_frames_whose_events_are_lost_are_a_failure_and_no_endless_wait(frames, monkeypatch):
    from operando.agents import map_documents

    monkeypatch.setattr(map_documents, "MOST_WAITING", 3)
    agent = new_agent("mapping")
    for name, doc in good_run("mapping", frames):
        if name != "event":
            agent(name, doc)
    with pytest.raises(Exception, match="the event with 'seq_num' 1 never came"):
        agent.drain(30)
    agent.close()


def test_a_callback_that_raises_does_not_end_the_run(caplog):
    documents = []

    def poor(name, doc):
        raise KeyError("num_points")

    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    engine.subscribe(Harmless(poor, "the bar"))
    engine.subscribe(lambda name, doc: documents.append((name, doc)))
    engine(count([det], 3))
    assert documents[-1][1]["exit_status"] == "success"
    (record,) = [record for record in caplog.records if "the bar failed" in record.getMessage()]
    assert "num_points" in record.getMessage()


def test_what_json_cannot_hold_is_kept_as_far_as_it_can(tmp_path, caplog):
    circle = {"uid": "a", (1, 2): "key", "big": 10**5000}
    circle["self"] = circle
    path = tmp_path / "a.jsonl"
    path.write_bytes(seal(0, "start", circle) + seal(1, "event", {"x": {"\ud800": [object()]}}))
    entries = [entry for _, entry in read(path)]
    assert [entry.n for entry in entries] == [0, 1]
    assert entries[0].doc["(1, 2)"] == "key"
    assert entries[0].doc["self"] == "..."
    assert "as far as JSON can hold it" in caplog.text


def test_a_picture_that_stands_still_goes_on_with_the_next_run(tmp_path, capsys):
    drawing = Drawing(tmp_path / "live.png", None, 2.0)
    poor = {"uid": "a", "plan_name": "count"}, {"uid": "d", "name": "primary", "data_keys": {}}
    event = {"descriptor": "d", "seq_num": 1, "data": {"x": 1.0}}
    page = {"descriptor": "d", "data": {"x": 3}}
    documents = [("start", poor[0]), ("descriptor", poor[1]), ("event_page", page)]
    good = [("start", {**poor[0], "uid": "b"}), ("descriptor", poor[1]), ("event", event)]
    for name, doc in documents:
        drawing._take(unseal(seal(0, name, doc)))
    assert "stands still until the next run" in capsys.readouterr().out
    before = drawing.panel.changes
    for name, doc in good:
        drawing._take(unseal(seal(0, name, doc)))
    assert drawing.panel.changes >= before + 2
    drawing._save()
    assert (tmp_path / "live.png").exists()
