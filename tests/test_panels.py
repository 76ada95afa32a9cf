"""Live pictures say what the documents say, from a running run and from a stored one alike."""

import copy
import threading

import numpy as np
import pytest
from bluesky import RunEngine
from matplotlib.figure import Figure

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_table import SocTableAgent
from operando.figures.panels import (
    PANEL_INCHES,
    FollowingPanel,
    panel_for,
    predecessors,
    save_panel,
    with_predecessors,
)
from operando.figures.panels.mapping import MapPanel
from operando.plans import measure_ends, watch_kinetics
from operando.plans.two_pass import map_two_pass
from support.charge import charge
from support.countdown_agent import CountdownAgent
from support.loading import agent_config, loading_station, watch
from support.small_map import STEP, SmallMap

HOSTILE = "$\\frac{1}{0}$ <b>鋼</b>\x07"


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Documents of a small map whose agent chose eight revisits."""
    small = SmallMap(tmp_path_factory.mktemp("frames"))
    agent = PhaseMappingAgent()
    plan = map_two_pass(
        small.station,
        agent,
        shape=(12, 10),
        step=STEP,
        exposure=0.02,
        revisit_exposure=0.1,
        n_revisits=8,
        sample=HOSTILE,
    )
    documents = small.run(plan, agent)
    yield documents, agent
    agent.close()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Documents of the end states and of a record."""
    station, _ = loading_station(tmp_path_factory.mktemp("frames"))
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    documents = []
    engine.subscribe(lambda name, doc: documents.append((name, copy.deepcopy(dict(doc)))))
    engine(measure_ends(station, frames=20))
    ends = list(documents)
    documents.clear()
    spec = {
        "class": "operando.agents.kinetics_agent.KineticsAgent",
        "config": agent_config().to_mapping(),
    }
    uid = ends[0][1]["uid"]
    engine(watch_kinetics(station, settings=watch(), references=uid, md={"agent": spec}))
    return ends, documents


@pytest.fixture(scope="module")
def charged():
    """Documents of a charge, and of the one that its references were measured in."""
    first = SocTableAgent(SocTableConfig(states=(0.0, 0.4)), name="references")
    references = charge(101, first, step=0.4, max_soc=0.4)
    second = SocTableAgent(SocTableConfig(states=(0.0, 0.4)), library=first.library)
    uid = references[0][1]["uid"]
    documents = charge(7, second, step=0.2, max_soc=0.4, md={"references": uid})
    first.close()
    second.close()
    return references, documents


def drawn(panel):
    figure = Figure(figsize=PANEL_INCHES)
    panel.draw(figure)
    return figure


def words(figure):
    """All that is written in a figure."""
    return " | ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


def feed(panel, *runs):
    for documents in runs:
        for name, doc in documents:
            panel(name, doc)
    return panel


def test_a_map_shows_the_labels_of_its_run_and_where_the_beam_went_last(mapped):
    documents, agent = mapped
    panel = feed(panel_for(documents[0][1]), documents)
    try:
        figure = drawn(panel)
    finally:
        panel.close()
    answer = agent.answer()
    confidence = next(a for a in figure.axes if "how sure" in a.get_title())
    np.testing.assert_allclose(confidence.images[0].get_array(), answer.confidence, atol=1e-5)
    decisions = [d["data"] for n, d in documents if n == "event" and "decision_x" in d["data"]]
    ring = [line for line in confidence.lines if line.get_markersize() == 13][-1]
    there = (ring.get_xdata()[0], ring.get_ydata()[0])
    assert there == (decisions[-1]["decision_x"], decisions[-1]["decision_y"])
    assert "120 of 120 points" in words(figure)


def test_the_picture_grows_with_the_run_and_changes_only_then(mapped):
    documents, _ = mapped
    half = next(i for i, (name, _) in enumerate(documents) if name == "event_page") + 4
    panel = feed(panel_for(documents[0][1]), documents[:half])
    try:
        before = panel.changes
        assert "running" in words(drawn(panel))
        shown = words(drawn(panel))
        assert panel.changes == before
        assert "120 of 120" not in shown
        feed(panel, documents[half:])
        assert panel.changes > before
        assert "complete" in words(drawn(panel))
    finally:
        panel.close()


def test_a_running_agent_lends_its_answer(mapped):
    documents, agent = mapped
    panel = feed(panel_for(documents[0][1], [agent]), documents)
    figure = drawn(panel)
    panel.close()
    assert agent.error is None
    assert agent.memory().visits.sum() == 128  # it did not hear of the run twice
    assert "120 of 120 points" in words(figure)


def test_a_fallback_is_seen(tmp_path):
    class Late(CountdownAgent):
        def suggest(self, num_points=None):
            raise RuntimeError("no idea")

    small = SmallMap(tmp_path, shape=(6, 8), step=2.0)
    plan = map_two_pass(
        small.station,
        Late(),
        shape=(6, 8),
        step=2.0,
        exposure=0.02,
        revisit_exposure=0.1,
        n_revisits=3,
    )
    documents = small.run(plan)
    panel = feed(MapPanel(documents[0][1]), documents)
    try:
        assert "fallback: the agent failed: RuntimeError" in words(drawn(panel))
    finally:
        panel.close()


def test_without_its_frames_a_map_still_shows_where_the_beam_was(mapped):
    documents, _ = mapped
    lost = [
        (name, {**doc, "uri": "file://localhost/nowhere/lost.h5"} if "uri" in doc else doc)
        for name, doc in documents
    ]
    panel = feed(panel_for(documents[0][1]), lost)
    try:
        shown = words(drawn(panel))
    finally:
        panel.close()
    assert "cannot be labelled" in shown
    assert "exposures: 128" in shown
    assert "nowhere" not in shown


def test_a_loading_shows_onset_and_laws_of_the_run_before_and_itself(loaded):
    ends, record = loaded
    panel = FollowingPanel()
    feed(panel, ends)
    first = panel.panel
    assert "20 frames of the loaded crystal" in words(drawn(panel))
    feed(panel, record)
    try:
        assert panel.panel is first
        shown = words(drawn(panel))
    finally:
        panel.close()
    assert "onset t0 = " in shown
    assert "jander" in shown
    assert "avrami" not in shown  # the run's own settings compare two laws


def test_a_charge_shows_the_fit_and_the_rows_that_were_recorded(charged):
    references, documents = charged
    panel = FollowingPanel()
    feed(panel, references, documents)
    figure = drawn(panel)
    shown = words(figure)
    assert "Ni K at 40 % SOC" in shown
    spectrum = next(a for a in figure.axes if a.get_title().startswith("Ni K at"))
    measured, fit, rest = (line.get_ydata() for line in spectrum.lines[:3])
    assert np.abs(measured - fit).max() < 0.05
    np.testing.assert_allclose(rest, measured - fit, atol=1e-12)
    spacing = next(a for a in figure.axes if a.get_ylabel().startswith("d(003)"))
    rows = [d["data"] for n, d in documents if n == "event" and "soc_table_d003" in d["data"]]
    np.testing.assert_allclose(
        sorted(spacing.lines[0].get_ydata()), sorted(row["soc_table_d003"] for row in rows)
    )


def test_a_charge_without_its_references_shows_the_spectrum_alone(charged):
    _, documents = charged
    panel = feed(panel_for(documents[0][1]), documents)
    spectrum = next(a for a in drawn(panel).axes if a.get_title().startswith("Ni K at"))
    assert [line.get_label() for line in spectrum.lines] == ["measured"]


def test_an_unknown_run_is_a_table(tmp_path):
    start = {"uid": "a" * 36, "plan_name": "count", "sample": HOSTILE, "time": 0.0}
    panel = panel_for(start)
    panel("start", start)
    save_panel(panel, tmp_path / "empty.png")  # a warning about letters would be an error
    panel("descriptor", {"uid": "d", "name": "primary", "data_keys": {}})
    for value in (1.5, 2.5):
        panel("event", {"descriptor": "d", "data": {"det": value, "image": [1, 2]}})
    assert panel.rows() == [("primary", "2", "det", "2.5")]
    save_panel(panel, tmp_path / "table.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.png", "table.png"]


def test_drawing_while_documents_come_neither_fails_nor_waits(mapped):
    documents, agent = mapped
    panel = panel_for(documents[0][1], [agent])
    failed = []

    def draw():
        try:
            for _ in range(3):
                drawn(panel)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    for _ in range(20):
        feed(panel, documents)
    thread.join()
    assert failed == []


def test_the_same_run_gives_the_same_file(tmp_path, loaded):
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        panel = FollowingPanel()
        feed(panel, *loaded)
        save_panel(panel, path)
        panel.close()
    assert first.read_bytes() == second.read_bytes()


def test_runs_are_read_with_those_they_build_on():
    runs = {
        "a": [("start", {"uid": "a"})],
        "b": [("start", {"uid": "b", "resumes": "a", "references": "lost"})],
        "c": [("start", {"uid": "c", "resumes": "b", "references": "r"})],
        "r": [("start", {"uid": "r"})],
    }
    order = [run[0][1]["uid"] for run in with_predecessors(runs.__getitem__, "c")]
    assert order[-1] == "c"
    assert sorted(order) == ["a", "b", "c", "r"]
    assert order.index("a") < order.index("b")
    assert predecessors(runs["a"][0][1]) == ()
    with pytest.raises(KeyError):
        with_predecessors(runs.__getitem__, "lost")
