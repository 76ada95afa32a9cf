"""Documents that belong to no run, come twice or lack what they need."""

import logging
import re

import pytest

from operando.agents.base import DocumentWorker
from operando.agents.document_values import column, number, span, whole
from operando.agents.one_run import OneRun
from operando.errors import AgentError


def run(uid, events=2):
    """Documents of a plain run."""
    yield "start", {"uid": uid}
    yield "descriptor", {"uid": f"{uid}-d", "run_start": uid, "data_keys": {}}
    for n in range(1, events + 1):
        event = {"uid": f"{uid}-{n}", "descriptor": f"{uid}-d", "seq_num": n, "data": {"run": uid}}
        yield "event", event
    yield "stop", {"uid": f"{uid}-s", "run_start": uid}


@pytest.fixture
def read():
    """A reader, and what it has handed on."""
    seen = []
    reader = OneRun(lambda name, doc: seen.append((name, doc)), "reader")
    reader.seen = seen
    return reader


def test_runs_one_after_the_other_are_read_as_they_are(read, caplog):
    documents = [*run("a"), *run("b")]
    for one in documents:
        read(*one)
    assert read.seen == documents
    assert not caplog.records


def test_of_runs_that_overlap_the_later_one_is_read_alone_and_whole(read, caplog):
    first, second = list(run("a")), list(run("b"))
    for one in (*first[:2], *second[:2], first[2], second[2], first[3], first[4], *second[3:]):
        read(*one)
    assert read.seen[2:] == second
    assert "run 'b' began while run 'a' had not ended" in caplog.text
    assert "event 1 of descriptor 'a-d' passed over: run 'b' has no descriptor 'a-d'" in caplog.text
    # Each reason once, however often it holds.
    assert caplog.text.count("has no descriptor") == 1


def test_a_run_without_an_end_does_not_keep_the_next_one_out(read):
    for one in (*list(run("a"))[:-1], *run("b")):
        read(*one)
    assert read.seen[-5:] == list(run("b"))


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (("event", {"descriptor": "a-d"}), "lacks 'data'"),
        (("event", {"descriptor": "a-d", "data": [1.0]}), "'data' is a list"),
        (("event", {"descriptor": "?", "data": {}}), "no descriptor '\\?'"),
        (("descriptor", {"uid": "e"}), "lacks 'data_keys'"),
        (("descriptor", {"uid": "e", "run_start": "z", "data_keys": {}}), "of run 'z', not of 'a'"),
        (("stop", {"run_start": "z"}), "of run 'z', not of 'a'"),
        (("stream_datum", {"descriptor": "a-d"}), "lacks 'stream_resource'"),
        (("reduce", {}), "no such documents"),
        (("event", None), "is a NoneType"),
    ],
)
def test_what_is_wrong_is_passed_over_and_named(read, caplog, extra, why):
    documents = list(run("a"))
    for one in (*documents[:3], extra, *documents[3:]):
        read(*one)
    assert read.seen == documents
    (remark,) = read.remarks
    assert re.search(why, remark)
    assert remark in caplog.text


def test_a_document_that_comes_twice_counts_once(read):
    documents = list(run("a"))
    for one in documents[:-1]:
        read(*one)
    read(*documents[2])
    read(*documents[-1])
    read(*documents[-1])
    assert read.seen == documents
    assert "came before" in read.remarks[0]
    assert "no run is open" in read.remarks[1]


def test_a_million_strange_documents_leave_few_words(read, caplog):
    caplog.set_level(logging.CRITICAL)
    read("start", {"uid": "a"})
    for n in range(3000):
        read("descriptor", {"uid": str(n), "run_start": str(n), "data_keys": {}})
    assert len(read.remarks) <= 50


def test_a_failed_reader_is_back_with_the_next_run_and_says_what_failed(caplog):
    seen = []

    def handle(name, doc):
        seen.append(doc)
        if name == "event" and doc["seq_num"] == 2 and doc["data"]["run"] == "a":
            doc["data"]["stage_x"]

    worker = DocumentWorker(OneRun(handle, "poor"), "poor")
    for one in run("a", events=4):
        worker.put(*one)
    words = "agent poor failed: 'stage_x' is missing \\(event 2 of descriptor 'a-d'\\)"
    with pytest.raises(AgentError, match=words):
        worker.drain(10)
    with pytest.raises(AgentError, match=words):
        worker.in_turn(lambda: 1).result(10)
    for one in run("b"):
        worker.put(*one)
    worker.drain(10)
    assert worker.error is None
    assert worker.in_turn(lambda: len(seen)).result(10) == 4 + 5
    worker.close()


def test_a_question_of_the_run_that_failed_is_not_answered_by_the_next(caplog):
    def handle(name, doc):
        if name == "event" and doc["data"]["run"] == "a":
            raise ValueError("bad")

    worker = DocumentWorker(handle, "poor")
    for one in run("a"):
        worker.put(*one)
    asked = worker.in_turn(lambda: 1)
    for one in run("b"):
        worker.put(*one)
    with pytest.raises(AgentError, match="bad"):
        asked.result(10)
    assert worker.in_turn(lambda: 2).result(10) == 2
    worker.close()


def test_numbers_that_are_none_are_named():
    assert number({"x": "1.5"}, "x") == 1.5
    for value in (None, "a", float("nan"), float("inf"), [1.0], 10**400, {}):
        with pytest.raises(AgentError, match=r"'x' is .*; a finite number is needed"):
            number({"x": value}, "x")
    with pytest.raises(AgentError, match="'x' is missing"):
        number({}, "x")
    with pytest.raises(AgentError, match=r"'n' is 1\.5; a whole number"):
        whole({"n": 1.5}, "n")
    with pytest.raises(AgentError, match=r"'x' is .*; 2 numbers are needed"):
        column({"x": [1.0]}, "x", 2)
    with pytest.raises(AgentError, match="'indices' go from 3 to 3"):
        span({"indices": {"start": 3, "stop": 3}}, "indices")
