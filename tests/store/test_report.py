"""A report says what was measured and decided, to anybody, and nothing of the machine."""

import json
import math
import re
import shutil
import sys
from html.parser import HTMLParser

import pytest

from operando import cli
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.figures.panels import with_predecessors
from operando.plans.two_pass import map_two_pass
from operando.reporting.folder import report_path
from operando.reporting.page import report_html
from operando.session import mapping_session
from operando.store import open_store

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> \"&amp; 鋼"
KEY = "a-key-that-opens-the-store-0123456789"


class Page(HTMLParser):
    """What a browser makes of a page: its tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def measured(tmp_path_factory, empty_catalog):
    """Measure a map, by a session that leaves reports; folder, uid and what the agent says."""
    folder = tmp_path_factory.mktemp("reported")
    (folder / "store").mkdir()
    shutil.copy(empty_catalog, folder / "store" / "catalog.db")
    agent = PhaseMappingAgent()
    with mapping_session(seed=3, speed=math.inf, store=str(folder / "store")) as session:
        session.reports = folder / "out"
        plan = map_two_pass(
            session.station,
            agent,
            shape=(6, 8),
            step=2.0,
            exposure=0.02,
            revisit_exposure=0.1,
            n_revisits=5,
            origin=(60.0, 60.0),
            sample=HOSTILE,
            seed=41,
            md={
                "tiled_api_key": KEY,
                "logbook": f"https://me:{KEY}@log/x?token={KEY}&page=2",
                "calibration": "/mnt/someone/beam time/poni.json",
                "comment": "see ~/notes/today.txt, 0.5 1/s",
            },
        )
        uid = session.run(plan, agent)
        said = dict(agent.report())
        written = session.written[uid]
        agent.close()
    return folder, uid, said, written


def test_every_run_of_a_session_leaves_a_report_that_needs_nothing_else(measured):
    folder, uid, said, path = measured
    assert path == folder / "out" / f"mapping-{uid[:8]}" / "report.html"
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
    page = Page(path.read_text(encoding="utf-8"))
    links = [value for key, value in page.attributes if key in ("src", "href", "action")]
    assert len(links) == 1
    assert links[0].startswith("data:image/png;base64,")
    words = " ".join(page.words)
    for fact in (
        uid,
        "map_two_pass",
        f"{said['expected_exact_match']:.4f}",
        said["model_version"],
        "revisits.exposure",
        "5 decisions one by one",
        "pilatus_image",
        "operando",
        ".h5",
    ):
        assert fact in words, fact
    assert re.search(r"seed\s+41", words)


def test_what_documents_say_is_text_and_no_markup(measured):
    page = Page(measured[3].read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert not any(key.startswith("on") for key, _ in page.attributes)
    assert HOSTILE in "".join(page.words)


def test_neither_keys_nor_folders_leave_the_machine(measured, monkeypatch):
    folder, uid, _, path = measured
    text = path.read_text(encoding="utf-8")
    for private in (KEY, str(folder), "someone", "beam time", "notes/", "me:"):
        assert private not in text, private
    for kept in ("poni.json", "today.txt", "0.5 1/s", "page=2"):
        assert kept in text, kept
    with open_store(folder / "store", create=False) as store:
        runs = with_predecessors(store.documents, uid)
    # Even where nothing tells that it is a key.
    monkeypatch.setenv("TILED_API_KEY", HOSTILE[:8] + "12345678")
    start = {**runs[-1][0][1], "innocent": HOSTILE[:8] + "12345678"}
    assert "12345678" not in report_html([[("start", start), *runs[-1][1:]]])


def test_the_same_report_comes_from_the_store_alone(measured, monkeypatch, capsys, tmp_path):
    folder, uid, _, path = measured
    again = tmp_path / "again.html"
    words = ["report", uid[:8], "--out", str(again), "--store", str(folder / "store"), "--json"]
    monkeypatch.setattr(sys, "argv", ["operando", *words])
    cli.main()
    assert json.loads(capsys.readouterr().out) == {"uid": uid, "report": str(again)}
    then, now = (one.read_text(encoding="utf-8") for one in (path, again))
    picture = re.compile(r"base64,[^\"]+")
    assert picture.sub("", now) == picture.sub("", then)
    sizes = [len(picture.search(page)[0]) for page in (then, now)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_failures_are_told(measured):
    folder, uid, _, _ = measured
    with open_store(folder / "store", create=False) as store:
        (run,) = with_predecessors(store.documents, uid)
    spoiled = []
    for name, doc in run:
        if name == "event" and "decision_reason" in doc["data"]:
            doc = {**doc, "data": {**doc["data"], "decision_reason": "fallback: no answer in time"}}
        elif name == "stop":
            doc = {**doc, "exit_status": "fail", "reason": "the stage stands"}
        elif "uri" in doc:
            doc = {**doc, "uri": "file://localhost/gone/frames.h5"}
        spoiled.append((name, doc))
    text = report_html([spoiled])
    assert "5 × fallback: no answer in time" in text
    assert "the stage stands" in text
    assert "the agent cannot read this run any more" in text
    assert "/gone" not in text


def test_a_run_of_nobody_has_a_report_too(tmp_path):
    start = {"uid": "0" * 36, "time": 0.0, "plan_name": "../../count"}
    text = report_html([[("start", start)]])
    assert "no stop document" in text
    assert "the plan asked nobody" in text
    inside = report_path(tmp_path, start).resolve()
    assert inside.is_relative_to(tmp_path)
