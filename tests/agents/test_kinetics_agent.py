"""The kinetics agent fed with the documents of one simulated loading."""

import copy

import numpy as np
import pytest
from bluesky import RunEngine

from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.kinetics_audit import audit
from operando.agents.kinetics_words import odds, verdict
from operando.errors import AgentError, BadInput
from operando.physics.kinetic_laws import LAWS
from operando.plans import measure_ends, watch_kinetics
from support.loading import agent_config, loading_station, watch


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Documents of the end states and of a record, and the true onset on the station's clock."""
    station, gas = loading_station(tmp_path_factory.mktemp("frames"))
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    documents = []
    engine.subscribe(lambda name, doc: documents.append((name, copy.deepcopy(dict(doc)))))
    engine(measure_ends(station, frames=30))
    ends = list(documents)
    documents.clear()
    engine(watch_kinetics(station, settings=watch()))
    return ends, list(documents), gas.onset


@pytest.fixture
def new():
    """Make agents that are closed in the end."""
    made = []

    def make(agent=None, **changes):
        made.append(agent or KineticsAgent(agent_config(**changes)))
        return made[-1]

    yield make
    for agent in made:
        agent.close()


def fed(agent, *runs):
    for documents in runs:
        for name, doc in documents:
            agent(name, doc)
    return agent


@pytest.fixture(scope="module")
def read(runs):
    """An agent that has read everything."""
    agent = fed(KineticsAgent(agent_config()), *runs[:2])
    yield agent
    agent.close()


def test_onset_and_rate_are_found_from_documents_alone(read, runs):
    report, onset = read.report(), runs[2] - read.record().origin
    assert report["frames"] == 18
    assert abs(report["t0"]["mean"] - onset) < 3.0 * report["t0"]["sd"]
    assert abs(report["k"]["mean"] - 0.6192) < 3.0 * report["k"]["sd"]
    assert report["t0"]["sd"] < 0.05
    assert report["model"] == "first_order"
    assert report["p_begun"] > 0.999
    assert report["ts"] < onset
    assert report["p_t0_at_ts"] < 0.01


def test_before_the_onset_nothing_is_claimed(read):
    record = read.record()
    before = [one for one in record.updates if one.time < record.valve_time]
    assert len(before) == 4
    assert all(one.summary.p_begun < 0.9 for one in before)
    assert "nothing has begun" in verdict(before[-1].summary)


def test_a_law_is_only_named_when_it_is_probable_enough(read):
    for update in read.record().updates:
        words, summary = verdict(update.summary), update.summary
        if summary.p_begun < 0.99:
            continue
        best = summary.models[summary.best].probability
        assert ("cannot tell yet" in words) == (best < 0.95)
        for name, factor in odds(summary).items():
            assert (name in words.split("ruled out")[-1]) == (factor > 100.0) or best < 0.95


def split(documents):
    """The same run with every page of events cut into single events, datums last but one."""
    for name, doc in documents:
        if name != "event_page":
            yield name, doc
            continue
        for i, number in enumerate(doc["seq_num"]):
            data = {key: values[i] for key, values in doc["data"].items()}
            yield "event", {**doc, "seq_num": number, "data": data, "time": doc["time"][i]}


def test_how_documents_are_packed_makes_no_difference(read, new, runs):
    other = fed(new(), list(split(runs[0])), list(split(runs[1])))
    one, two = (agent.record() for agent in (read, other))
    assert [u.summary.t0 for u in one.updates] == [u.summary.t0 for u in two.updates]
    assert np.array_equal(one.frames()[3], two.frames()[3])


def test_frames_that_come_fast_are_taken_in_together(read, runs, new):
    fast = []
    for name, doc in runs[1]:
        changed = copy.deepcopy(doc)
        if name == "event_page" and "frame_start" in doc["data"]:
            base = runs[2]
            for key in ("frame_start", "frame_stop"):
                changed["data"][key] = [base + (v - base) / 50.0 for v in doc["data"][key]]
        fast.append((name, changed))
    record = fed(new(), runs[0], fast).record()
    counts = [update.summary.frames for update in record.updates]
    assert counts[0] == 5  # 6.6 ms each: five together make 30 ms
    assert counts[-1] == 18
    assert len(counts) <= 4  # more together while lattices are built anew


def test_without_end_patterns_the_agent_says_what_it_lacks(new, runs):
    agent = fed(new(), runs[1])
    with pytest.raises(AgentError, match="empty and the loaded crystal"):
        agent.report()


def test_frames_behind_a_closed_shutter_are_passed_over(new, runs):
    dark = copy.deepcopy(runs[1])
    pages = [doc for name, doc in dark if name == "event_page"]
    pages[2]["data"]["i0"] = [0.0]
    assert fed(new(), runs[0], dark).report()["frames"] == 17


def test_a_checkpoint_gives_the_same_answers(read, new, tmp_path):
    read.checkpoint_path = tmp_path / "kinetics.npz"
    read.checkpoint()
    again = new(KineticsAgent.from_checkpoint(read.checkpoint_path))
    assert again.spec() == read.spec()
    first, second = (dict(agent.report()) for agent in (read, again))
    for key in ("t0", "k", "models", "ts", "p_t0_at_ts"):
        assert first[key] == second[key]
    (tmp_path / "nonsense.npz").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="not a checkpoint"):
        KineticsAgent.from_checkpoint(tmp_path / "nonsense.npz")


def test_it_stops_when_its_targets_have_been_met_for_a_while(new, runs):
    agent = fed(new(target_sd_t0=0.1, target_odds=10.0), *runs[:2])
    stop, why = agent.should_stop()
    assert stop
    assert "sd_t0" in why
    assert agent.suggest()[0]["action"] == "stop"
    strict = fed(new(target_sd_k=1e-5), *runs[:2])
    assert strict.should_stop() == (False, None)
    assert "wanted" in strict.suggest()[0]["why"]


def test_the_valves_time_can_be_the_earliest_onset(new, runs):
    agent = fed(new(use_valve=True), *runs[:2])
    record = agent.record()
    last = record.updates[-1].summary
    assert last.t0.quantiles[0] >= record.valve_time
    assert last.p_t0_before == 0.0
    assert last.frames == 18


def test_a_fit_of_all_pixels_agrees_with_that_of_the_areas(read):
    found = audit(read.record(), LAWS["first_order"])
    assert abs(found.shift_t0) < 2.0
    assert abs(found.shift_k) < 2.0
    assert found.deviance == pytest.approx(found.counts, rel=0.05)
    wrong = audit(read.record(), LAWS["jander"])
    assert wrong.deviance > found.deviance + 10.0


def test_an_unknown_setting_is_refused():
    with pytest.raises(BadInput, match="setting"):
        agent_config().from_mapping({"speed": 3})
    with pytest.raises(BadInput, match="target"):
        agent_config(target_sd_k=-1.0)


def glitches(documents, factor, numbers):
    """The same run with another count of the monitor in some frames."""
    changed, number = copy.deepcopy(documents), 0
    for name, doc in changed:
        if name == "event_page":
            number += 1
            if number in numbers:
                doc["data"]["i0"] = [value / factor for value in doc["data"]["i0"]]
    return changed


def test_a_single_glitch_of_the_monitor_is_passed_over_but_a_lasting_change_is_not(read, new, runs):
    usual = read.report()
    once = fed(new(), runs[0], glitches(runs[1], 1.5, {13})).report()
    assert once["frames"] == 17
    assert once["passed_over_s"] == pytest.approx([12 * 0.33295], abs=1e-3)
    assert once["k"]["mean"] == pytest.approx(usual["k"]["mean"], abs=usual["k"]["sd"])
    lasting = fed(new(), runs[0], glitches(runs[1], 1.5, set(range(13, 30)))).report()
    assert (lasting["frames"], len(lasting["passed_over_s"])) == (17, 1)


def test_end_patterns_exchanged_are_said_and_no_onset_is_given(new, runs):
    other = {"empty": "loaded", "loaded": "empty"}
    swapped = [
        (
            name,
            {**doc, "name": other.get(doc["name"], doc["name"])} if name == "descriptor" else doc,
        )
        for name, doc in runs[0]
    ]
    agent = fed(new(), swapped, runs[1])
    report = agent.report()
    assert "wrong sign" in report["doubt"]
    assert report["verdict"] == report["doubt"]
    assert report["t0"]["mean"] is None
    assert report["models"]["jander"]["k"]["sd"] is None
    assert agent.suggest(1)[0]["why"] == report["doubt"]
    assert agent.should_stop() == (False, None)


def test_frames_whose_times_repeat_are_refused_in_words(new, runs):
    broken = [
        (name, doc)
        if name != "event_page" or "frame_start" not in doc["data"]
        else (name, {**doc, "data": {**doc["data"], "frame_start": doc["data"]["frame_stop"]}})
        for name, doc in runs[1]
    ]
    with pytest.raises(AgentError, match="above 0"):
        fed(new(), runs[0], broken).report()
