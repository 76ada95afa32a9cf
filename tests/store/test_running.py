"""Runs that are being measured: followed, and asked for something, by another process."""

import json
import threading

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import pytest
from bluesky.plans import count
from ophyd.sim import det

from operando.errors import BadInput, StoreError
from operando.store import open_store
from support.tiled_server import READ_KEY, WRITE_KEY


def measured(engine, store, plan):
    """Measure into a store in a thread; return the run's uid and the thread."""
    began, uid = threading.Event(), []

    def start(name, doc):
        uid.append(doc["uid"])
        began.set()

    engine.subscribe(store.writer())
    engine.subscribe(start, "start")
    thread = threading.Thread(target=engine, args=(plan,))
    thread.start()
    assert began.wait(30)
    return uid[0], thread


def test_a_growing_journal_is_followed_to_its_end(new_store, engine):
    engine.context_managers = []
    uid, thread = measured(engine, new_store, count([det], 10, delay=0.1))
    seen = []
    for name, doc in new_store.follow(uid, threading.Event()):
        seen.append((name, doc.get("seq_num")))
        if len(seen) == 3:
            assert thread.is_alive()  # live: the first event comes before the last is measured
    thread.join()
    assert seen == [(name, doc.get("seq_num")) for name, doc in new_store.documents(uid)]
    assert seen[-1][0] == "stop"


def test_following_ends_when_it_is_told_to(new_store, engine):
    engine.context_managers = []
    uid, thread = measured(engine, new_store, count([det], 20, delay=0.1))
    stopped = threading.Event()
    for name, _ in new_store.follow(uid, stopped):
        if name == "event":
            stopped.set()
    assert thread.is_alive()
    thread.join()


def test_a_server_tells_what_is_measured_elsewhere(server, monkeypatch, tmp_path, engine):
    engine.context_managers = []
    enough = threading.Event()

    @bpp.run_decorator()
    def until_enough_was_seen():
        while not enough.is_set():
            yield from bps.trigger_and_read([det])
            yield from bps.sleep(0.1)

    with open_store(server.address, api_key=WRITE_KEY) as writing:
        # Another machine has no journal of the run.
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-machine"))
        with open_store(server.address, api_key=READ_KEY) as reading:
            uid, thread = measured(engine, writing, until_enough_was_seen())
            seen = []
            for name, doc in reading.follow(uid, threading.Event()):
                seen.append((name, doc))
                if doc.get("seq_num") == 20:
                    enough.set()  # the run ends only when its middle has been seen elsewhere
            thread.join()
            assert seen == list(writing.documents(uid, "journal"))
            with pytest.raises(StoreError):
                reading.ask(uid, "abort")
            assert reading.asked(uid) == []
        writing.ask(uid, "pause")
        writing.ask(uid, "resume")
        assert [request.action for request in writing.asked(uid)] == ["pause", "resume"]


def test_requests_reach_another_process_in_order(new_store, tmp_path):
    with open_store(tmp_path / "store") as other:
        for action in ("pause", "resume", "stop-agent"):
            other.ask("a-run", action)
    assert [request.action for request in new_store.asked("a-run")] == [
        "pause",
        "resume",
        "stop-agent",
    ]
    assert len({request.id for request in new_store.asked("a-run")}) == 3
    assert new_store.asked("another-run") == []


@pytest.mark.parametrize("uid", ["../escape", "a/b", "", ".", "x" * 200, "a\0b"])
def test_a_uid_cannot_lead_out_of_the_store(new_store, uid):
    with pytest.raises(BadInput, match="uid"):
        new_store.ask(uid, "pause")


def test_what_is_no_request_is_left_out(new_store, tmp_path):
    with pytest.raises(BadInput, match="pause, resume, abort, stop-agent"):
        new_store.ask("a-run", "explode")
    new_store.ask("a-run", "pause")
    path = tmp_path / "store" / "requests" / "a-run.jsonl"
    odd = [{"action": "explode", "id": "1", "time": 0}, [], None, {"action": "pause"}]
    path.write_text("\n".join([*map(json.dumps, odd), "{cut", path.read_text()]))
    assert [request.action for request in new_store.asked("a-run")] == ["pause"]
