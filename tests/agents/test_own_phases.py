"""Phases of the user's own: a CIF file in, a classifier and a mapping agent that name it out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from operando.agents.own_features import OwnLines
from operando.agents.own_phases import check_structures
from operando.agents.own_training import OwnTraining, add_phases, draw_patterns
from operando.agents.pattern_files import read_patterns
from operando.agents.phase_classifier import PhaseClassifier, expit
from operando.agents.phase_mapping import MappingConfig, PhaseMappingAgent
from operando.agents.phase_training import TrainingConfig
from operando.errors import BadInput
from operando.physics.crystals import STRUCTURES, CrystalStructure, Site, from_cif
from operando.physics.phases import LABELS
from operando.physics.powder import powder_lines
from operando.plans import map_fly
from support.cif import cif_text
from support.small_map import SHAPE, STEP, SmallMap

SMALL = OwnTraining(TrainingConfig(n_patterns=6000))
OTHER = LABELS.index("other")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with CIF files as a user has them."""
    path = tmp_path_factory.mktemp("cif")
    for key, name in (("alpha_fe2o3", "hematite"), ("sio2", "quartz"), ("alpha_feooh", "rust")):
        (path / f"{name}.cif").write_text(cif_text(STRUCTURES[key]))
    return path


@pytest.fixture(scope="module")
def hematite(folder):
    return from_cif(folder / "hematite.cif")


@pytest.fixture(scope="module")
def model(hematite):
    """Give the shipped classifier with hematite added, learnt from fewer patterns than usual."""
    return add_phases(PhaseClassifier.shipped(), [hematite], SMALL)


@pytest.fixture(scope="module")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "own.npz"
    model.save(path)
    return path


# --- naming ---------------------------------------------------------------------------------


def test_measured_hematite_is_named_and_no_other_mineral_is(model, shared_data):
    file = shared_data / "xrd" / "measured_minerals_cu_kalpha.csv"
    patterns = read_patterns(file, wavelength=1.5406)
    labels, plain = model.classify(patterns), PhaseClassifier.shipped().classify(patterns)
    chance = dict(zip(patterns.names, expit(labels.own[:, 0]), strict=True))
    print("\nhematite:", {name: round(float(p), 3) for name, p in chance.items()})
    assert chance.pop("hematite") > 0.9
    assert max(chance.values()) < 0.5
    # It was other and unexplained; now it is explained, and quartz still is not.
    score = dict(zip(patterns.names, labels.unknown_score, strict=True))
    assert score["hematite"] < 0.5 < score["quartz"]
    np.testing.assert_array_equal(labels.logit, plain.logit)


def test_added_phases_are_told_from_all_else_and_from_each_other(hematite, folder):
    quartz = from_cif(folder / "quartz.cif")
    model = add_phases(PhaseClassifier.shipped(), [quartz, hematite], SMALL)
    assert model.own_names == ("quartz", "hematite")
    other_seed = replace(SMALL, drawing=replace(SMALL.drawing, seed=5, n_patterns=1500))
    patterns, truth = draw_patterns([OwnLines.of(quartz), OwnLines.of(hematite)], other_seed)
    said = model.classify(patterns).own
    scores = [roc_auc_score(truth[:, k], said[:, k]) for k in (0, 1)]
    crossed = [roc_auc_score(truth[:, k], said[:, 1 - k]) for k in (0, 1)]
    print("\narea under the curve:", np.round(scores, 3), "of the wrong one:", np.round(crossed, 3))
    assert min(scores) > 0.93
    assert max(crossed) < 0.6


def test_what_is_a_few_per_cent_larger_is_not_taken_for_it(model, hematite):
    """The same structure with another metal in it: chromium oxide, corundum."""
    cells = (tuple(np.array(hematite.cell) * [f, f, f, 1, 1, 1]) for f in (0.97, 1.03))
    for cell in cells:
        alike = replace(hematite, name="alike", cell=cell)
        config = replace(SMALL, drawing=replace(SMALL.drawing, seed=9, n_patterns=1000))
        patterns, truth = draw_patterns([OwnLines.of(alike)], replace(config, look_alike=0.0))
        taken = expit(model.classify(patterns).own[:, 0]) > 0.5
        assert taken[truth[:, 0]].mean() < 0.15


# --- keeping --------------------------------------------------------------------------------


def test_a_model_with_own_phases_is_data_and_comes_back_as_it_was(model, model_file):
    again = PhaseClassifier.load(model_file)
    assert again.version == model.version != PhaseClassifier.shipped().version
    assert again.own.structures == model.own.structures
    config = replace(SMALL, drawing=replace(SMALL.drawing, n_patterns=1000))
    patterns, _ = draw_patterns(model.own.lines, config)
    np.testing.assert_array_equal(again.classify(patterns).own, model.classify(patterns).own)
    with np.load(model_file, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_the_same_seed_teaches_the_same(hematite):
    config = OwnTraining(TrainingConfig(n_patterns=1000))
    first, second = (add_phases(PhaseClassifier.shipped(), [hematite], config) for _ in range(2))
    assert first.version == second.version
    other = replace(config, drawing=replace(config.drawing, seed=1))
    assert add_phases(PhaseClassifier.shipped(), [hematite], other).version != first.version


# --- on a map -------------------------------------------------------------------------------


def test_a_rare_phase_is_not_seen_everywhere_and_a_frequent_one_is_kept(model):
    rng = np.random.default_rng(1)
    doubtful = rng.normal(-2.0, 1.5, (2000, 1)).astype(np.float32)
    assert (model.own.among(doubtful) > 0).mean() < 0.3 * (doubtful > 0).mean()
    clear = np.where(rng.random((2000, 1)) < 0.01, 9.0, -6.0).astype(np.float32)
    np.testing.assert_array_equal(model.own.among(clear) > 0, clear > 0)
    frequent = np.where(rng.random((2000, 1)) < 0.9, 3.0, -3.0).astype(np.float32)
    assert (model.own.among(frequent) > 0).mean() > 0.88


def test_the_mapping_agent_says_where_it_is(model_file, tmp_path):
    section = SmallMap(tmp_path)
    plan = map_fly(section.station, shape=SHAPE, step=STEP, exposure=0.05)
    agent = PhaseMappingAgent(MappingConfig(model=str(model_file)))
    section.run(plan, agent)
    memory, size = agent.memory(), SHAPE[0] * SHAPE[1]
    corner = [row * SHAPE[1] + column for row in range(4) for column in range(4)]
    lines = powder_lines(STRUCTURES["alpha_fe2o3"], memory.wavelength)
    at, width = lines.two_theta(memory.wavelength), 0.12
    shapes = np.exp(-0.5 * ((memory.two_theta[:, None] - at) / width) ** 2)
    level = float(np.median(memory.intensity[corner]))
    counts = (20 * level * shapes @ (lines.intensity / 100)).astype(np.float32)
    x, y = memory.grid.position(corner).T
    agent.ingest(
        [
            {"stage_x": a, "stage_y": b, "intensity": counts, "sigma": np.sqrt(counts)}
            for a, b in zip(x, y, strict=True)
        ]
    )
    where = np.zeros(size, dtype=bool)
    where[corner] = True
    chance = agent.own_phases()["hematite"]
    assert chance.shape == SHAPE
    assert chance.ravel()[where].min() > 0.9
    assert (chance.ravel()[~where] > 0.5).mean() < 0.03
    assert agent.answer().present.reshape(size, 9)[where, OTHER].all()
    assert agent.report()["own_share"]["hematite"] == pytest.approx(16 / size, abs=0.03)
    json.dumps(agent.report())
    agent.close()


def test_a_model_without_own_phases_names_none(tmp_path):
    section = SmallMap(tmp_path)
    agent = PhaseMappingAgent()
    section.run(map_fly(section.station, shape=(3, 4), step=STEP, exposure=0.05), agent)
    assert agent.own_phases() == {}
    assert agent.report()["own_share"] == {}
    agent.close()


# --- what cannot be -------------------------------------------------------------------------


def metal(name, edge):
    cell = (edge, edge, edge, 90.0, 90.0, 90.0)
    return CrystalStructure(name, name, name, "F m -3 m", cell, (Site("Cu", 0, 0, 0),), "here")


@pytest.mark.parametrize(
    ("structures", "message"),
    [
        ([], "no phase is given"),
        ([metal("resin", 4.0)], "called resin is there already"),
        ([metal("one", 4.0), metal("one", 5.0)], "called one is there already"),
        ([metal("tiny", 2.7)], "tiny has no line between"),
        ([metal("protein", 90.0)], "protein has a cell of 729000"),
        ([metal("steel", 3.59)], "steel has the lines of fe_fcc"),
        ([metal("one", 4.6), metal("two", 4.605)], "two has the lines of one"),
    ],
)
def test_phases_that_cannot_be_added_are_refused(structures, message):
    with pytest.raises(BadInput, match=message):
        check_structures(structures)


def test_phases_that_share_some_lines_may_be_added(hematite):
    maghemite_like = metal("spinel", 8.05)
    assert [one.name for one in check_structures([hematite, maghemite_like])] == [
        "hematite",
        "spinel",
    ]


# --- as a user runs it ----------------------------------------------------------------------


def test_a_cif_on_the_command_line_names_the_mineral(operando, folder, shared_data):
    file = shared_data / "xrd" / "measured_minerals_cu_kalpha.csv"
    cif = folder / "hematite.cif"
    status, out, _ = operando("classify", file, "--wavelength", 1.5406, "--cif", cif, "--json")
    assert status == 0
    rows = {row["name"]: row for row in json.loads(out.splitlines()[-1])["patterns"]}
    assert "hematite" in rows.pop("hematite")["present"]
    assert not [name for name, row in rows.items() if "hematite" in row["present"]]


def test_a_trained_model_is_kept_and_used(operando, folder, tmp_path):
    path = tmp_path / "own.npz"
    cif = folder / "hematite.cif"
    status, out, _ = operando(
        "train", path, "--cif", cif, "--patterns", 1000, "--seed", 4, "--json"
    )
    assert status == 0
    result = json.loads(out.splitlines()[-1])
    assert result["own"] == ["hematite"]
    assert set(result["held_out"]["hematite"]) == {"found", "false"}
    assert PhaseClassifier.load(path).version == result["model_version"]
    pattern = tmp_path / "flat.xy"
    two_theta = np.linspace(12.0, 40.0, 400)
    np.savetxt(pattern, np.column_stack([two_theta, 100 + np.sin(two_theta)]))
    arguments = ("classify", pattern, "--energy", 10, "--model", path)
    status, out, err = operando(*arguments, "--json")
    assert (status, err) == (0, "")
    [row] = json.loads(out)["patterns"]
    assert list(row["own"]) == ["hematite"]
    assert row["own"]["hematite"] < 0.5
    status, _, err = operando(*arguments, "--cif", folder / "quartz.cif")
    assert status == 2
    assert "names hematite already" in err


@pytest.mark.parametrize("command", ["train", "classify"])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.cif", None, "absent.cif"),
        ("prose.cif", "a page of prose\n", "is not a CIF file"),
        ("two.cif", "data_a\ndata_b\n", "is not a CIF file with one structure"),
        ("cell.cif", "data_a\n_cell_length_a 5\n", "lacks a cell"),
        ("fe3o4.cif", cif_text(STRUCTURES["feo"]), "called fe3o4 is there already"),
        ("rust.cif", cif_text(STRUCTURES["alpha_feooh"]), "has the lines of alpha_feooh"),
    ],
)
def test_a_bad_cif_costs_one_line_and_no_time(operando, tmp_path, command, name, text, message):
    cif, pattern = tmp_path / name, tmp_path / "pattern.xy"
    pattern.write_text("".join(f"{x} 10\n" for x in range(10, 40)))
    if text is not None:
        cif.write_text(text)
    if command == "train":
        status, out, err = operando("train", tmp_path / "own.npz", "--cif", cif)
    else:
        status, out, err = operando("classify", pattern, "--energy", 10, "--cif", cif)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "own.npz").exists()
