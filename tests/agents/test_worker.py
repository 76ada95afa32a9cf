"""The thread that reads documents for an agent."""

import logging
import threading
import time

import pytest

from operando.agents.base import DocumentWorker
from operando.errors import AgentError


@pytest.fixture
def gate():
    """Hold a handler up until the test lets it go on."""
    event = threading.Event()
    yield event
    event.set()


def test_documents_are_read_in_order_on_one_other_thread():
    seen, threads = [], set()

    def read(name, doc):
        seen.append(doc["n"])
        threads.add(threading.current_thread().name)

    worker = DocumentWorker(read, "counter")
    for n in range(500):
        worker.put("event", {"n": n})
    worker.drain(10)
    worker.close()
    assert seen == list(range(500))
    assert threads == {"agent-counter"}


def test_whoever_measures_does_not_wait_for_a_slow_agent(gate):
    worker = DocumentWorker(lambda *_: gate.wait(30), "slow")
    begin = time.perf_counter()
    for n in range(1000):
        worker.put("event", {"n": n})
    assert time.perf_counter() - begin < 1.0
    gate.set()
    worker.drain(10)
    worker.close()


def test_a_handler_that_raises_fails_the_agent_and_nobody_else(caplog):
    seen = []

    def read(name, doc):
        seen.append(doc["n"])
        if doc["n"] == 2:
            raise ValueError("cannot make sense of this")

    worker = DocumentWorker(read, "poor")
    with caplog.at_level(logging.ERROR):
        for n in range(6):
            worker.put("event", {"n": n})
        with pytest.raises(AgentError, match="agent poor failed: cannot make sense of this"):
            worker.drain(10)
    assert isinstance(worker.error, ValueError)
    assert "poor failed" in caplog.text
    worker.put("event", {"n": 7})
    with pytest.raises(AgentError):
        worker.drain(10)
    worker.close()
    assert seen == [0, 1, 2]


def test_a_failure_is_in_the_log_before_anyone_can_see_it():
    class Slow(logging.Handler):
        def emit(self, record):
            time.sleep(0.2)
            said.append(record.getMessage())

    said, slow = [], Slow()
    worker = DocumentWorker(lambda *_: 1 / 0, "poor")
    logging.getLogger("operando").addHandler(slow)
    try:
        worker.put("event", {"descriptor": "d"})
        deadline = time.monotonic() + 10
        while worker.error is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert [line for line in said if "agent poor failed" in line]
    finally:
        logging.getLogger("operando").removeHandler(slow)
        worker.close()


def test_a_worker_that_falls_hopelessly_behind_is_out(gate, caplog):
    worker = DocumentWorker(lambda *_: gate.wait(30), "stuck", size=5)
    begin = time.perf_counter()
    for n in range(20):
        worker.put("event", {"n": n})
    assert time.perf_counter() - begin < 1.0
    with pytest.raises(AgentError, match="documents behind"):
        worker.drain(10)
    gate.set()
    worker.close()


def test_draining_does_not_wait_for_ever(gate):
    worker = DocumentWorker(lambda *_: gate.wait(30), "slow")
    worker.put("event", {})
    with pytest.raises(AgentError, match=r"not read within 0\.05 s"):
        worker.drain(0.05)
    gate.set()
    worker.drain(10)
    worker.close()


def test_draining_an_idle_worker_returns_at_once():
    DocumentWorker(lambda *_: None, "idle").drain(1)


def test_closing_reads_what_is_queued_and_may_be_done_twice():
    seen = []
    worker = DocumentWorker(lambda name, doc: seen.append(doc), "tidy")
    for n in range(50):
        worker.put("event", {"n": n})
    worker.close()
    assert len(seen) == 50
    worker.close()
    assert not [t for t in threading.enumerate() if t.name == "agent-tidy"]


def test_a_closed_worker_can_be_used_again():
    seen = []
    worker = DocumentWorker(lambda name, doc: seen.append(doc), "again")
    worker.put("event", {"n": 1})
    worker.close()
    worker.put("event", {"n": 2})
    worker.drain(10)
    worker.close()
    assert [doc["n"] for doc in seen] == [1, 2]


def test_closing_an_agent_that_is_stuck_does_not_hang(gate, caplog):
    worker = DocumentWorker(lambda *_: gate.wait(30), "stuck", size=2)
    for n in range(10):
        worker.put("event", {"n": n})
    closing = threading.Thread(target=lambda: worker.close(timeout=0.2), daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()


def test_several_threads_may_hand_documents_in():
    seen = []
    worker = DocumentWorker(lambda name, doc: seen.append(doc["n"]), "busy")
    senders = [
        threading.Thread(
            target=lambda k=k: [worker.put("event", {"n": (k, i)}) for i in range(200)]
        )
        for k in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    worker.drain(10)
    worker.close()
    assert len(seen) == 800
    for k in range(4):
        assert [i for j, i in seen if j == k] == list(range(200))


def test_a_question_is_answered_between_the_documents_it_was_asked_between():
    seen = []

    def read(name, doc):
        time.sleep(0.001)
        seen.append(doc["n"])

    worker = DocumentWorker(read, "asked")
    answers = []
    for n in range(30):
        worker.put("event", {"n": n})
        if n % 10 == 9:
            answers.append(worker.in_turn(lambda: (worker.drain(), len(seen))[1]))
    assert [answer.result(10) for answer in answers] == [10, 20, 30]
    worker.close()


def test_a_question_that_cannot_be_answered_fails_whoever_asked_and_nobody_else():
    def read(name, doc):
        if doc["n"] == 1:
            raise ValueError("bad")

    worker = DocumentWorker(read, "poor")
    worker.put("event", {"n": 0})
    answer = worker.in_turn(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        answer.result(10)
    worker.drain(10)
    worker.put("event", {"n": 1})
    for _ in range(2):  # while the worker fails, and afterwards
        with pytest.raises(AgentError, match="agent poor failed: bad"):
            worker.in_turn(lambda: 1).result(10)
    worker.close()


def test_questions_left_when_a_stuck_agent_is_closed_are_refused(gate, caplog):
    worker = DocumentWorker(lambda *_: gate.wait(30), "stuck", size=2)
    worker.put("event", {})
    time.sleep(0.1)
    answers = [worker.in_turn(lambda: 1) for _ in range(2)]
    worker.close(timeout=0.2)
    with pytest.raises(AgentError, match="closed"):
        answers[0].result(5)
    gate.set()
