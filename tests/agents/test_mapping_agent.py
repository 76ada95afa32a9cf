"""The mapping agent on documents of real runs: in any order, failing, resumed, rebuilt."""

import itertools
import json
import threading
from urllib.parse import urlparse

import event_model
import h5py
import hdf5plugin  # noqa: F401 - the frames are bitshuffled
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.agents.phase_classifier import PhaseClassifier, decode
from operando.agents.phase_mapping import MappingConfig, PhaseMappingAgent
from operando.agents.reduction import Reducer, ReductionConfig
from operando.agents.spatial import SpatialPrior
from operando.errors import AgentError, BadInput
from operando.physics.phases import LABELS
from operando.plans import map_fly, map_raster, map_two_pass
from support.small_map import SHAPE, STEP, SmallMap

POINTS = SHAPE[0] * SHAPE[1]


@pytest.fixture(scope="module")
def small_map(tmp_path_factory):
    return SmallMap(tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="module")
def flown(small_map):
    """Documents of a map on the fly: frames in batches, events in pages."""
    return small_map.run(map_fly(small_map.station, shape=SHAPE, step=STEP, exposure=0.05))


@pytest.fixture(scope="module")
def two_pass(small_map):
    """Documents of a map in two passes, and the agent that chose the second."""
    agent = PhaseMappingAgent()
    plan = map_two_pass(
        small_map.station,
        agent,
        shape=SHAPE,
        step=STEP,
        exposure=0.02,
        revisit_exposure=0.2,
        n_revisits=12,
    )
    documents = small_map.run(plan, agent)
    agent.drain()
    yield documents, agent
    agent.close()


@pytest.fixture
def make_agent():
    agents = []

    def make(*arguments, **options):
        agents.append(PhaseMappingAgent(*arguments, **options))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()


@pytest.fixture
def agent(make_agent):
    return make_agent()


def feed(agent, documents):
    for name, doc in documents:
        agent(name, doc)
    return agent


def strip(suggestions):
    """Suggestions without what no two runs share."""
    return [{k: v for k, v in s.items() if k != "think_time"} for s in suggestions]


def measured_by_hand(documents):
    """Position (n, 2) and frame of every point of the only stream, by sequence number."""
    files, xy, frames = {}, {}, {}
    for name, doc in documents:
        if name == "event_page":
            for event in event_model.unpack_event_page(doc):
                xy[event["seq_num"]] = event["data"]["stage_x"], event["data"]["stage_y"]
        elif name == "stream_resource":
            files[doc["uid"]] = urlparse(doc["uri"]).path, doc["parameters"]["dataset"]
        elif name == "stream_datum":
            path, dataset = files[doc["stream_resource"]]
            with h5py.File(path, swmr=True) as file:
                block = file[dataset][doc["indices"]["start"] : doc["indices"]["stop"]]
            numbers = range(doc["seq_nums"]["start"], doc["seq_nums"]["stop"])
            frames.update(zip(numbers, block, strict=True))
    order = sorted(xy)
    return np.array([xy[n] for n in order]), np.array([frames[n] for n in order])


# --- documents to labels --------------------------------------------------------------------


def test_labels_are_those_of_the_classifier_at_the_place_of_the_frame(agent, flown):
    answer = feed(agent, flown).answer()
    xy, frames = measured_by_hand(flown)
    [descriptor] = [doc for name, doc in flown if name == "descriptor"]
    reducer = Reducer(ReductionConfig.from_descriptor(descriptor))
    labels = PhaseClassifier.shipped().classify(reducer.stream(frames))
    column, row = np.rint(xy / STEP).astype(int).T
    assert answer.measured.all()
    np.testing.assert_allclose(answer.logit_alone[row, column], labels.logit, atol=2e-3)
    np.testing.assert_allclose(answer.unknown_score[row, column], labels.unknown_score, atol=1e-3)
    report = agent.report()
    assert (report["points"], report["visits"]) == (POINTS, POINTS)
    assert report["dwell_s"] == pytest.approx(0.05 * POINTS)
    assert 0 < report["expected_exact_match"] < 1
    assert set(report["label_share"]) == set(LABELS)
    json.dumps(report)


@pytest.fixture(scope="module")
def reference(flown):
    agent = feed(PhaseMappingAgent(), flown)
    memory = agent.memory()
    agent.close()
    return memory


def interleaved(documents, draw):
    """Give the same run with its pages, events and frames split and shuffled at will."""
    head = [d for d in documents if d[0] in ("start", "descriptor", "stream_resource")]
    pieces = []
    for name, doc in documents:
        if name == "event_page":
            if draw(st.booleans()):
                pieces.append((name, doc))
            else:
                pieces += [("event", event) for event in event_model.unpack_event_page(doc)]
        elif name == "stream_datum":
            pieces += [(name, part) for part in split(doc, draw(st.integers(0, 10)))]
    return [*head, *draw(st.permutations(pieces)), documents[-1]]


def split(datum, at):
    """Two stream datums in place of one; one when the cut is at an end."""
    first, stop = datum["indices"]["start"], datum["indices"]["stop"]
    number, end = datum["seq_nums"]["start"], datum["seq_nums"]["stop"]
    cuts = sorted({0, min(at, stop - first), stop - first})
    return [
        {
            **datum,
            "uid": f"{datum['uid']}/{a}",
            "indices": {"start": first + a, "stop": first + b},
            "seq_nums": {"start": number + a, "stop": min(number + b, end)},
        }
        for a, b in itertools.pairwise(cuts)
    ]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_documents_may_come_in_any_order(flown, reference, data):
    agent = feed(PhaseMappingAgent(), interleaved(flown, data.draw))
    memory = agent.memory()
    agent.close()
    for name in ("intensity", "variance", "visits", "exposure_s"):
        np.testing.assert_array_equal(getattr(memory, name), getattr(reference, name))


def test_frames_of_the_whole_run_may_be_announced_at_its_end(agent, flown, reference):
    """As a store replays a run: all events first, then one datum for all frames."""
    datums = [doc for name, doc in flown if name == "stream_datum"]
    merged = {**datums[0]}
    for key in ("indices", "seq_nums"):
        merged[key] = {"start": datums[0][key]["start"], "stop": datums[-1][key]["stop"]}
    rest = [d for d in flown[:-1] if d[0] != "stream_datum"]
    feed(agent, [*rest, ("stream_datum", merged), flown[-1]])
    np.testing.assert_array_equal(agent.memory().intensity, reference.intensity)


def test_a_point_counts_only_when_frame_and_position_are_both_there(agent, flown):
    without_frames = [d for d in flown if d[0] != "stream_datum"]
    feed(agent, without_frames)
    with pytest.raises(AgentError, match="no pattern"):
        agent.answer()
    pages = [d for d in flown if d[0] == "event_page"]
    first_five = [d for d in flown if d[0] != "event_page"][:-1] + pages[:5]
    feed(agent, first_five)
    assert agent.answer().measured.sum() == 5 * SHAPE[1]


def test_a_step_scan_is_read_like_a_flight(small_map, agent):
    plan = map_raster(small_map.station, shape=(3, 4), step=STEP, exposure=0.1)
    documents = small_map.run(plan, agent)
    assert sum(name == "event" for name, _ in documents) == 12
    assert agent.answer().measured.shape == (3, 4)
    assert agent.answer().measured.all()


def test_revisits_add_their_dose_to_the_first_pass(two_pass):
    documents, agent = two_pass
    memory = agent.memory()
    assert memory.visits.sum() == POINTS + 12
    assert sorted(np.unique(memory.visits)) == [1, 2]
    np.testing.assert_allclose(memory.exposure_s[memory.visits == 1], 0.02)
    np.testing.assert_allclose(memory.exposure_s[memory.visits == 2], 0.22)
    assert {d["name"] for n, d in documents if n == "descriptor"} == {
        "primary",
        "revisits",
        "decisions",
    }


def test_a_second_run_starts_with_an_empty_memory(agent, flown, two_pass):
    feed(agent, two_pass[0])
    feed(agent, flown)
    memory = agent.memory()
    assert memory.visits.max() == 1
    assert memory.exposure_s.max() == pytest.approx(0.05)


def test_neighbours_make_a_map_better_on_two_specimens(small_map, flown, tmp_path):
    gains = []
    other = SmallMap(tmp_path, seed=12)
    again = other.run(map_fly(other.station, shape=SHAPE, step=STEP, exposure=0.05))
    for documents, steel in ((flown, small_map.steel), (again, other.steel)):
        agent = feed(PhaseMappingAgent(), documents)
        answer, truth = agent.answer(), steel.truth()
        agent.close()
        alone = decode(answer.logit_alone.reshape(-1, 9)).reshape(truth.shape)
        raw, smooth = ((x == truth).all(axis=-1).mean() for x in (alone, answer.present))
        print(
            f"\nall nine right on a map of {POINTS} points: {raw:.3f} alone, {smooth:.3f} smoothed"
        )
        gains.append(smooth - raw)
    assert min(gains) >= 0.0
    assert np.mean(gains) > 0.02


# --- where to look next ---------------------------------------------------------------------


def test_suggestions_are_points_of_the_map_and_never_come_twice(agent, flown):
    feed(agent, flown)
    seen, ids = [], []
    for _ in range(14):
        batch = agent.suggest(10)
        acquisition = [s["acquisition"] for s in batch]
        assert acquisition == sorted(acquisition, reverse=True)
        for s in batch:
            assert s["stage_x"] == pytest.approx(STEP * (s["point"] % SHAPE[1]))
            assert s["stage_y"] == pytest.approx(STEP * (s["point"] // SHAPE[1]))
            assert len(s["probability"]) == 9
            assert all(0 <= p <= 1 for p in s["probability"])
            assert s["model_version"] == agent.version
            assert s["think_time"] >= 0
        seen += [s["point"] for s in batch]
        ids += [s["_id"] for s in batch]
    assert sorted(seen) == list(range(POINTS))
    assert len(set(ids)) == POINTS
    assert agent.suggest(3) == []


def test_the_first_suggestion_is_the_least_certain_point(agent, flown):
    feed(agent, flown)
    [suggestion] = agent.suggest()
    answer = agent.answer()
    wrong = 1 - answer.label_confidence.reshape(-1, 9).min(axis=1)
    assert suggestion["point"] == wrong.argmax()
    assert suggestion["acquisition"] == pytest.approx(wrong.max())
    p = answer.probability.reshape(-1, 9)[wrong.argmax()]
    np.testing.assert_allclose(suggestion["probability"], p, atol=1e-6)


def test_the_same_documents_give_the_same_suggestions(make_agent, flown):
    first, second = (feed(make_agent(), flown) for _ in range(2))
    for n in (1, 7, None, 5):
        assert strip(first.suggest(n)) == strip(second.suggest(n))


def test_the_run_that_was_decided_live_is_decided_alike_from_its_documents(make_agent, two_pass):
    documents, _ = two_pass
    decided = [
        (doc["data"]["decision_point"], doc["data"]["decision_acquisition"])
        for name, doc in documents
        if name == "event" and "decision_point" in doc["data"]
    ]
    split_at = next(
        i for i, (n, d) in enumerate(documents) if n == "descriptor" and d["name"] != "primary"
    )
    again = feed(make_agent(), documents[:split_at])
    suggested = {s["point"]: s["acquisition"] for s in again.suggest(12)}
    assert {point for point, _ in decided} == set(suggested)
    for point, acquisition in decided:
        assert suggested[point] == pytest.approx(acquisition, abs=1e-6)


def test_a_new_run_may_suggest_every_point_again(agent, flown):
    first = {s["point"] for s in feed(agent, flown).suggest(20)}
    assert {s["point"] for s in feed(agent, flown).suggest(20)} == first


def test_the_agent_never_ends_a_map_by_itself(agent):
    assert agent.should_stop() == (False, None)


# --- failing --------------------------------------------------------------------------------


def test_an_agent_that_fails_does_not_stop_the_run(small_map, agent, caplog):
    """Its frames cannot be had: the plan falls back on points of its own."""

    def astray(name, doc):
        if name == "stream_resource":
            doc = {**doc, "uri": "file://localhost/nowhere/at/all.h5"}
        agent(name, doc)

    plan = map_two_pass(
        small_map.station,
        agent,
        shape=(4, 5),
        step=STEP,
        exposure=0.02,
        revisit_exposure=0.05,
        n_revisits=3,
    )
    documents = small_map.run(plan, astray)
    assert documents[-1][1]["exit_status"] == "success"
    assert documents[-1][1]["num_events"]["revisits"] == 3
    reasons = [
        d["data"]["decision_reason"] for n, d in documents if "decision" in str(d.get("data"))
    ]
    assert len(reasons) == 3
    assert all("agent" not in reason or "fail" in reason for reason in reasons)
    assert "nowhere" in str(agent.error)
    assert "phase_mapping failed" in caplog.text
    for ask in (agent.suggest, agent.answer, agent.report, agent.memory):
        with pytest.raises(AgentError, match="phase_mapping failed"):
            ask()


def test_a_run_that_is_no_map_is_said_to_be_none(agent, caplog):
    agent("start", {"uid": "abc", "plan_name": "count"})
    with pytest.raises(AgentError, match="run abc is no map"):
        agent.answer()


def test_an_agent_that_has_seen_nothing_says_so(agent, tmp_path):
    agent.checkpoint_path = tmp_path / "agent.npz"
    for ask in (agent.suggest, agent.answer, agent.report, agent.checkpoint):
        with pytest.raises(AgentError, match="no pattern"):
            ask()
    with pytest.raises(AgentError, match="no pattern"):
        agent.ingest([{"stage_x": 0.0, "stage_y": 0.0, "intensity": [], "sigma": []}])


def test_frames_off_the_map_are_an_error(agent, flown, caplog):
    start = {**flown[0][1], "extents": [[0.0, 8.0], [0.0, 8.0]], "shape": [2, 2]}
    feed(agent, [("start", start), *flown[1:]])
    with pytest.raises(AgentError, match="not on the map"):
        agent.answer()


def test_closing_leaves_no_thread(flown):
    agent = feed(PhaseMappingAgent(name="leaver"), flown)
    agent.close()
    assert not [t for t in threading.enumerate() if t.name == "agent-leaver"]
    assert agent.answer().measured.all()


# --- rebuilding -----------------------------------------------------------------------------


def test_a_checkpoint_goes_on_where_the_agent_was(make_agent, flown, tmp_path):
    path = tmp_path / "agent.npz"
    config = MappingConfig(spatial=SpatialPrior(trust=0.5, lengths_um=(3.0, 9.0)), seed=4)
    before = feed(make_agent(config, name="mine", checkpoint_path=path), flown)
    before.suggest(15)
    before.checkpoint()
    after = PhaseMappingAgent.from_checkpoint(path)
    assert after.spec() == before.spec()
    np.testing.assert_array_equal(after.memory().intensity, before.memory().intensity)
    expected = strip(before.suggest(10))
    got = strip(after.suggest(10))
    assert [s["point"] for s in got] == [s["point"] for s in expected]
    assert [s["_id"] for s in got] == [s["_id"] for s in expected]
    for a, b in zip(got, expected, strict=True):
        assert a["acquisition"] == pytest.approx(b["acquisition"], abs=1e-5)
    after.checkpoint()
    after.close()


def test_a_checkpoint_waits_for_documents_is_plain_and_replaces_the_last(
    make_agent, flown, tmp_path
):
    path = tmp_path / "agent.npz"
    agent = feed(make_agent(checkpoint_path=path), flown)
    agent.checkpoint()
    agent.suggest(5)
    agent.checkpoint()
    assert [p.name for p in tmp_path.iterdir()] == ["agent.npz"]
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["visits"].sum() == POINTS
        assert arrays["suggested"].size == 5
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    junk, other = tmp_path / "junk.npz", tmp_path / "other.npz"
    junk.write_bytes(b"junk")
    np.savez(other, header=np.zeros(4, dtype=np.uint8))
    for path in (junk, other, tmp_path / "absent.npz"):
        with pytest.raises(BadInput, match="not a checkpoint of a mapping agent"):
            PhaseMappingAgent.from_checkpoint(path)


def test_an_agent_without_a_place_to_write_says_so(agent, flown):
    with pytest.raises(AgentError, match="checkpoint_path"):
        feed(agent, flown).checkpoint()


def test_a_start_document_holds_all_it_takes_to_rebuild_the_agent(make_agent, two_pass):
    documents, original = two_pass
    spec = json.loads(json.dumps(documents[0][1]["agent"]))
    assert spec["class"] == "operando.agents.phase_mapping.PhaseMappingAgent"
    again = make_agent(MappingConfig.from_mapping(spec["config"]), name=spec["name"])
    assert again.config == original.config
    assert again.spec() == original.spec()
    assert spec["model_version"].startswith(PhaseClassifier.shipped().version)


def test_a_model_of_ones_own_is_used_and_named(make_agent, flown, tmp_path):
    shipped = PhaseClassifier.shipped()
    xy = np.zeros((40, 9), dtype=bool)
    xy[:, LABELS.index("other")] = True
    path = tmp_path / "own.npz"
    agent = feed(make_agent(), flown)
    memory = agent.memory()
    patterns = Reducer(
        ReductionConfig.from_descriptor(next(d for n, d in flown if n == "descriptor"))
    ).stream(measured_by_hand(flown)[1][:40])
    shipped.recalibrate(patterns, xy).save(path)
    own = feed(make_agent(MappingConfig(model=str(path))), flown)
    assert own.spec()["model_version"] != agent.spec()["model_version"]
    assert own.spec()["config"]["model"] == str(path)
    other = LABELS.index("other")
    assert (
        own.answer().probability[..., other].mean() > agent.answer().probability[..., other].mean()
    )
    assert memory.visits.sum() == POINTS


@pytest.mark.parametrize(
    "values", [{"colour": 1}, {"spatial": {"colour": 1}}, {"labels": ["rust"]}, {"labels": []}]
)
def test_settings_that_are_none_are_refused(values):
    with pytest.raises(BadInput):
        MappingConfig.from_mapping(values)


def test_a_model_that_is_absent_is_refused(tmp_path):
    with pytest.raises(BadInput, match="absent"):
        PhaseMappingAgent(MappingConfig(model=str(tmp_path / "absent.npz")))


# --- without documents ----------------------------------------------------------------------


def test_points_taken_directly_count_like_measured_ones(agent, flown):
    feed(agent, flown)
    before = agent.memory().intensity[23].copy()
    pattern = np.full(before.size, 3.0, dtype=np.float32)
    agent.ingest(
        [
            {
                "stage_x": 3 * STEP,
                "stage_y": 2 * STEP,
                "intensity": pattern,
                "sigma": np.sqrt(pattern),
                "exposure": 0.5,
            }
        ]
    )
    memory = agent.memory()
    np.testing.assert_allclose(memory.intensity[23], before + 3.0, rtol=1e-6)
    assert memory.visits[23] == 2
    assert memory.exposure_s[23] == pytest.approx(0.55)
    with pytest.raises(AgentError, match="not on the map"):
        agent.ingest([{"stage_x": 999.0, "stage_y": 0.0, "intensity": pattern, "sigma": pattern}])


def test_more_dose_at_a_point_changes_the_answer_there(make_agent, flown):
    """What was classified before must not be kept when new counts have come."""
    agent = feed(make_agent(MappingConfig(spatial=SpatialPrior(trust=0.0))), flown)
    before = agent.answer().logit_alone.reshape(-1, 9)
    memory = agent.memory()
    point = {"stage_x": 0.0, "stage_y": 0.0, "exposure": 1.0}
    pattern = 100.0 * memory.intensity[60]
    agent.ingest([{**point, "intensity": pattern, "sigma": np.sqrt(np.maximum(pattern, 1.0))}])
    after = agent.answer().logit_alone.reshape(-1, 9)
    assert np.abs(after[0] - before[0]).max() > 0.5
    np.testing.assert_array_equal(after[1:], before[1:])
