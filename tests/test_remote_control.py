"""A run that somebody who is not at the keyboard pauses, aborts, or frees of its agent."""

import threading
import time

import pytest
from rich.console import Console

from operando.agents.phase_mapping import MappingConfig, PhaseMappingAgent
from operando.interrupts import Aborted
from operando.plans.two_pass import map_two_pass
from operando.session import mapping_session

SHAPE = (6, 8)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("remote")
    with mapping_session(
        seed=3,
        speed=2.0,
        store=str(folder),
        shape=SHAPE,
        step_um=5.0,
        console=Console(quiet=True),
    ) as session:
        yield session


class Elsewhere:
    """Somebody at home: does something once the first line of the map is there."""

    def __init__(self, session, deed):
        self.session, self.deed = session, deed
        self.uid = ""
        self.thread = threading.Thread(target=self._act)
        self._seen = threading.Event()

    def __call__(self, name, doc):
        if name == "start":
            self.uid = doc["uid"]
            self.thread.start()
        elif name == "event_page":
            self._seen.set()

    def _act(self):
        assert self._seen.wait(60)
        self.deed(self)

    def ask(self, action):
        self.session.store.ask(self.uid, action)

    def wait_for(self, state):
        deadline = time.monotonic() + 60
        while self.session.RE.state != state:
            assert time.monotonic() < deadline, self.session.RE.state
            time.sleep(0.05)


def measure(session, deed):
    agent = PhaseMappingAgent(MappingConfig())
    elsewhere = Elsewhere(session, deed)
    plan = map_two_pass(
        session.station,
        agent,
        shape=SHAPE,
        step=5.0,
        exposure=0.05,
        revisit_exposure=0.1,
        n_revisits=8,
    )
    try:
        return session.run(plan, agent, elsewhere), agent
    finally:
        elsewhere.thread.join(60)
        agent.close()


def documents(session, uid):
    return list(session.store.documents(uid))


def test_a_run_is_paused_and_resumed_and_lacks_nothing(session):
    def rest(person):
        person.ask("pause")
        person.wait_for("paused")
        assert session.station.shutter.read()["shutter"]["value"] in ("closed", 0, False)
        person.ask("resume")

    uid, agent = measure(session, rest)
    found = documents(session, uid)
    assert found[-1][1]["exit_status"] == "success"
    assert found[-1][1]["num_events"] == {"primary": 48, "revisits": 8, "decisions": 8}
    assert agent.error is None


def test_a_run_is_aborted_and_says_by_whom(session):
    with pytest.raises(Aborted) as caught:
        measure(session, lambda person: person.ask("abort"))
    stop = documents(session, caught.value.uid)[-1][1]
    assert stop["exit_status"] == "abort"
    assert stop["reason"] == "asked from elsewhere"


def test_a_run_goes_on_without_its_agent_and_says_why(session):
    uid, agent = measure(session, lambda person: person.ask("stop-agent"))
    found = documents(session, uid)
    assert found[-1][1]["num_events"] == {"primary": 48, "revisits": 8, "decisions": 8}
    reasons = {
        doc["data"]["decision_reason"]
        for name, doc in found
        if name == "event" and "decision_reason" in doc["data"]
    }
    assert all("stopped from elsewhere" in reason for reason in reasons)
    assert agent.error is not None


def test_a_request_of_an_earlier_run_does_not_concern_this_one(session):
    session.store.ask("not-this-run", "abort")
    uid, _ = measure(session, lambda person: None)
    assert documents(session, uid)[-1][1]["exit_status"] == "success"
