"""Asking people: which patterns, as figures, and what their answers change, now and later."""

import getpass
import json
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from operando.agents.label_choice import most_telling
from operando.agents.label_dialogue import LabelQuestion
from operando.agents.label_store import LabelStore
from operando.agents.map_answer import MapAnswer
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.errors import AgentError, BadInput, StoreError
from operando.physics.phases import CRYSTALLINE, LABELS
from operando.plans import map_fly
from operando.replaying.rebuild import rebuild
from support.small_map import SHAPE, STEP, SmallMap

FE3O4, OTHER = LABELS.index("fe3o4"), LABELS.index("other")


@pytest.fixture(scope="module")
def small_map(tmp_path_factory):
    return SmallMap(tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="module")
def flown(small_map):
    return small_map.run(map_fly(small_map.station, shape=SHAPE, step=STEP, exposure=0.03))


@pytest.fixture
def make_agent():
    agents = []

    def make(documents=(), **options):
        agent = PhaseMappingAgent(**options)
        agents.append(agent)
        for name, doc in documents:
            agent(name, doc)
        return agent

    yield make
    for agent in agents:
        agent.close()


@pytest.fixture
def agent(make_agent, flown):
    return make_agent(flown)


def probability(agent):
    return agent.answer().probability.reshape(-1, 9)


def present(agent):
    return agent.answer().present.reshape(-1, 9)


def another_map(flown, uid):
    """Give the same documents as a run of another uid."""
    changed = {"start": {"uid": uid}, "descriptor": {"run_start": uid}, "stop": {"run_start": uid}}
    changed["stream_resource"] = {"run_start": uid}
    return [(n, {**d, **changed.get(n, {})}) for n, d in flown]


# --- which patterns -------------------------------------------------------------------------


def answer_of(kinds, measured=None):
    """Make an answer of points of a few kinds: (how many, probability of the first label)."""
    chance = np.concatenate([np.full(n, p, dtype=np.float32) for n, p in kinds])
    logit = np.full((1, chance.size, 9), -7.0, dtype=np.float32)
    logit[0, :, 0] = np.log(chance / (1 - chance))
    if measured is None:
        measured = np.ones((1, chance.size), dtype=bool)
    return MapAnswer(logit, logit, measured, np.zeros(measured.shape, dtype=np.float32))


def test_what_is_asked_is_uncertain_common_and_each_time_of_another_kind():
    # 400 clear points, 150 and 60 doubtful ones of two kinds, and a single very doubtful one.
    answer = answer_of([(400, 0.99), (150, 0.42), (60, 0.60), (1, 0.5)])
    asked = [point for point, _ in most_telling(answer, [], 2)]
    assert 400 <= asked[0] < 550
    assert 550 <= asked[1] < 610
    shares = dict(most_telling(answer, [], 2))
    assert shares[asked[0]] > shares[asked[1]] > 1 / 611


def test_what_was_answered_is_not_asked_again_nor_anything_like_it():
    answer = answer_of([(400, 0.99), (150, 0.42), (60, 0.60)])
    [(point, _)] = most_telling(answer, [410], 1)
    assert 550 <= point < 610
    everything = [p for p, _ in most_telling(answer, [410], 10_000)]
    assert sorted(everything) == [p for p in range(610) if p != 410]


def test_points_without_a_pattern_are_not_asked_about():
    measured = np.zeros((1, 610), dtype=bool)
    measured[0, [3, 405, 600]] = True
    answer = answer_of([(400, 0.99), (150, 0.42), (60, 0.60)], measured)
    assert sorted(p for p, _ in most_telling(answer, [], 9)) == [3, 405, 600]


def test_only_the_labels_that_count_make_a_point_worth_asking():
    answer = answer_of([(400, 0.99), (150, 0.45)])
    assert most_telling(answer, [], 1)[0][0] >= 400
    logit = answer.logit.copy()
    logit[0, :50, OTHER] = 0.2
    both = MapAnswer(logit, logit, answer.measured, answer.unknown_score)
    assert most_telling(both, [], 1, ["other"])[0][0] < 50


def test_questions_are_figures_of_patterns_of_the_map(agent, tmp_path):
    questions = agent.query_labels(2, tmp_path / "new" / "questions")
    assert len({q.point for q in questions}) == 2
    answer, memory = agent.answer(), agent.memory()
    for question in questions:
        assert question.figure.read_bytes() == question._repr_png_()
        image = imread(BytesIO(question.png))
        assert min(image.shape[:2]) > 500
        assert image[..., :3].std() > 0.05  # not a blank sheet
        np.testing.assert_array_equal(question.intensity, memory.intensity[question.point])
        assert (question.stage_x, question.stage_y) == pytest.approx(
            (STEP * (question.point % SHAPE[1]), STEP * (question.point // SHAPE[1]))
        )
        said = [question.probability[label] for label in LABELS]
        np.testing.assert_allclose(said, probability(agent)[question.point], atol=1e-6)
        assert question.uncertainty == pytest.approx(answer.uncertainty().flat[question.point])
        assert 0 < question.represents <= 1
    mean = answer.uncertainty().mean()
    assert np.mean([question.uncertainty for question in questions]) > mean


def test_a_figure_that_cannot_be_written_is_said_so(agent, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="file/point-"):
        agent.query_labels(1, tmp_path / "file")


# --- what an answer changes -----------------------------------------------------------------


def test_the_map_says_what_the_person_said_and_keeps_open_what_they_left_open(agent):
    before = probability(agent)
    [question] = agent.query_labels(1)
    given = agent.label(question, {"alpha_feooh": True, "fe_fcc": False}, who="Ada")
    assert given.labels == {"alpha_feooh": True, "fe_fcc": False, "resin": False}
    after = probability(agent)[question.point]
    for label, holds in given.labels.items():
        assert (after[LABELS.index(label)] > 0.99) == holds
    assert present(agent)[question.point, LABELS.index("alpha_feooh")]
    # One label moves what it did not speak of a little, or not at all.
    assert np.abs(after - before[question.point])[[OTHER, FE3O4]].max() < 1e-5
    assert question.point not in [q.point for q in agent.query_labels(SHAPE[0] * SHAPE[1])]


def test_resin_excludes_all_others(agent):
    point = int(np.flatnonzero(present(agent)[:, FE3O4])[0])
    agent.label(point, {"resin": True}, who="Ada")
    assert [LABELS[k] for k in np.flatnonzero(present(agent)[point])] == ["resin"]
    agent.label(point, {"fe3o4": True}, who="Ada")
    assert not present(agent)[point, LABELS.index("resin")]


def test_the_agent_learns_a_persons_convention(agent):
    """Who calls all magnetite "other" as well is followed at points they have not seen."""
    before = probability(agent)
    oxide = before[:, FE3O4] > 0.5
    with_oxide, without = (np.flatnonzero(some) for some in (oxide, ~oxide))
    taught = [*with_oxide[::2], *without[::2]]
    for point in taught:
        agent.label(int(point), {"other": bool(oxide[point])}, who="Ada")
    rest = np.setdiff1d(np.arange(len(oxide)), taught)
    after = probability(agent)
    moved = (after - before)[rest, OTHER]
    print(f"\n'other' on magnetite: {before[rest][oxide[rest], OTHER].mean():.2f} before, ", end="")
    print(f"{after[rest][oxide[rest], OTHER].mean():.2f} after {len(taught)} labels")
    assert moved[oxide[rest]].mean() > 0.2
    assert moved[oxide[rest]].mean() > moved[~oxide[rest]].mean() + 0.2
    # What nobody spoke of is as before.
    np.testing.assert_allclose(after[rest, FE3O4], before[rest, FE3O4], atol=1e-5)


def test_labels_decide_where_the_beam_goes_next(make_agent, flown):
    plain, taught = make_agent(flown), make_agent(flown)
    first = plain.suggest(1)[0]["point"]
    settled = dict.fromkeys(LABELS, False) | {"fe3o4": True}
    taught.label(first, settled, who="Ada")
    assert taught.suggest(1)[0]["point"] != first


def test_the_last_word_counts(agent):
    agent.label(5, {"fe3c": True}, who="Ada")
    agent.label(5, {"fe3c": False}, who="Ben")
    assert probability(agent)[5, LABELS.index("fe3c")] < 0.01


def test_more_dose_does_not_take_a_label_away(agent):
    question = agent.query_labels(1)[0]
    agent.label(question, {"fe3c": True}, who="Ada")
    again = {
        "stage_x": question.stage_x,
        "stage_y": question.stage_y,
        "intensity": question.intensity,
        "sigma": question.sigma,
        "exposure": 0.03,
    }
    agent.ingest([again])
    assert present(agent)[question.point, LABELS.index("fe3c")]


# --- later ----------------------------------------------------------------------------------


def test_who_said_what_when_survives_and_so_does_what_was_learnt(make_agent, flown, tmp_path):
    path = tmp_path / "new" / "labels.jsonl"
    before = datetime.now(UTC).replace(microsecond=0)
    first = make_agent(flown, label_path=path)
    for question, who in zip(first.query_labels(3), ("Ada", "Ben", None), strict=True):
        first.label(question, dict.fromkeys(CRYSTALLINE, False) | {"other": True}, who=who)
    first.close()
    second = make_agent(flown, label_path=path)
    np.testing.assert_array_equal(second.answer().logit, first.answer().logit)
    kept = LabelStore(path).all()
    assert [label.who for label in kept] == ["Ada", "Ben", getpass.getuser()]
    assert {label.run for label in kept} == {flown[0][1]["uid"]}
    for label in kept:
        assert before <= datetime.fromisoformat(label.when) <= datetime.now(UTC)
        assert label.labels["other"] is True
        assert label.x_um == STEP * (label.point % SHAPE[1])


def test_a_checkpoint_keeps_labels(make_agent, flown, tmp_path):
    path = tmp_path / "agent.npz"
    first = make_agent(flown, checkpoint_path=path)
    first.label(7, {"fe3c": True}, who="Ada")
    first.checkpoint()
    second = PhaseMappingAgent.from_checkpoint(path)
    np.testing.assert_allclose(second.answer().logit, first.answer().logit, atol=1e-4)
    assert present(second)[7, LABELS.index("fe3c")]
    second.close()


def test_a_checkpoint_finds_labels_that_are_kept_elsewhere(make_agent, flown, tmp_path):
    path, labels = tmp_path / "agent.npz", tmp_path / "all-my-labels.jsonl"
    first = make_agent(flown, checkpoint_path=path, label_path=labels)
    first.label(7, {"fe3c": True}, who="Ada")
    first.checkpoint()
    second = PhaseMappingAgent.from_checkpoint(path, label_path=labels)
    assert present(second)[7, LABELS.index("fe3c")]
    second.close()


def test_labels_hold_when_the_map_goes_on_in_another_run(make_agent, flown, tmp_path):
    path = tmp_path / "labels.jsonl"
    make_agent(flown, label_path=path).label(7, {"fe3c": True}, who="Ada")
    goes_on = ("start", {**flown[0][1], "uid": "the second", "resumes": flown[0][1]["uid"]})
    resumed = make_agent([*flown, goes_on], label_path=path)
    assert present(resumed)[7, LABELS.index("fe3c")]
    resumed.label(8, {"fe3c": True}, who="Ben")
    again = make_agent([*flown, goes_on], label_path=path)
    assert present(again)[[7, 8], LABELS.index("fe3c")].all()


def test_labels_of_another_map_teach_without_being_put_on_this_one(make_agent, flown, tmp_path):
    path = tmp_path / "labels.jsonl"
    first = make_agent(flown, label_path=path)
    plain = probability(first)
    oxide = np.flatnonzero(plain[:, FE3O4] > 0.5)
    for point in oxide[:15]:
        first.label(int(point), {"other": True}, who="Ada")
    gamma = LABELS.index("gamma_feooh")
    bare = int(plain[:, gamma].argmin())
    first.label(bare, {"gamma_feooh": True}, who="Ada")
    second = make_agent(another_map(flown, "another specimen"), label_path=path)
    after = probability(second)
    assert after[oxide, OTHER].mean() > plain[oxide, OTHER].mean() + 0.05
    assert after[bare, gamma] < 0.9 < probability(first)[bare, gamma]


def test_a_stored_run_holds_the_labels_that_steered_it(make_agent, flown, tmp_path):
    path = tmp_path / "labels.jsonl"
    teacher = make_agent(flown, label_path=path)
    for question in teacher.query_labels(4):
        teacher.label(question, dict.fromkeys(LABELS, False) | {"other": True}, who="Ada")
    live = make_agent(another_map(flown, "live"), label_path=path)
    as_stored = json.loads(json.dumps(live.spec()))
    replayed = rebuild(as_stored)
    for name, doc in another_map(flown, "live"):
        replayed(name, doc)
    assert [s["point"] for s in replayed.suggest(20)] == [s["point"] for s in live.suggest(20)]
    np.testing.assert_array_equal(replayed.answer().logit, live.answer().logit)
    replayed.label(3, {"fe3c": True}, who="Ben")
    assert len(LabelStore(path)) == 4  # a replay writes no labels
    replayed.close()
    assert "person_labels" not in make_agent(flown).spec()


def test_labels_of_a_start_document_that_are_none_are_refused(agent):
    spec = {**agent.spec(), "person_labels": [{"run": "b5a1", "labels": {"goethite": True}}]}
    with pytest.raises(BadInput, match="labels that are none"):
        rebuild(spec)


# --- what cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "no label given"),
        ({"goethite": True}, "goethite given; labels are fe3o4, gamma_feooh"),
        ({"resin": True, "fe3o4": True}, "resin excludes fe3o4"),
        (dict.fromkeys(LABELS, False), "at least one of the nine"),
    ],
)
def test_labels_that_cannot_be_are_refused_in_one_line(agent, labels, message):
    with pytest.raises(BadInput, match=message) as caught:
        agent.label(0, labels, who="Ada")
    assert "\n" not in str(caught.value)


def test_nobodys_label_and_no_question_are_refused(agent, monkeypatch):
    with pytest.raises(BadInput, match="who gave it"):
        agent.label(0, {"fe3o4": True}, who="  ")
    with pytest.raises(BadInput, match="0 questions"):
        agent.query_labels(0)

    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(BadInput, match="who gave it"):
        agent.label(0, {"fe3o4": True})


@pytest.mark.parametrize("point", [-1, SHAPE[0] * SHAPE[1]])
def test_a_point_off_the_map_cannot_be_labelled(agent, point):
    with pytest.raises(AgentError, match=f"point {point} has no pattern"):
        agent.label(point, {"fe3o4": True}, who="Ada")


def test_before_the_first_pattern_there_is_nothing_to_ask(make_agent):
    for ask in (lambda a: a.query_labels(1), lambda a: a.label(0, {"fe3c": True}, who="Ada")):
        with pytest.raises(AgentError, match="no pattern"):
            ask(make_agent())


def test_a_label_that_cannot_be_kept_is_not_half_kept(make_agent, flown, tmp_path):
    (tmp_path / "file").write_text("in the way")
    agent = make_agent(flown, label_path=tmp_path / "file" / "labels.jsonl")
    before = probability(agent)
    with pytest.raises(StoreError, match="cannot be kept"):
        agent.label(7, {"fe3c": True}, who="Ada")
    np.testing.assert_array_equal(probability(agent), before)


def test_a_question_does_not_change_with_what_is_measured_after_it(agent):
    question = agent.query_labels(1)[0]
    assert isinstance(question, LabelQuestion)
    before = question.intensity.copy()
    agent.memory().intensity[question.point] += 100.0
    np.testing.assert_array_equal(question.intensity, before)
