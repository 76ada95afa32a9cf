"""``operando classify`` and ``operando train`` as a user runs them."""

import json

import numpy as np
import pytest

from operando.agents.phase_classifier import PhaseClassifier
from operando.commands.labels import classify_files, labels_table
from operando.physics.phases import CRYSTALLINE, LABELS


def test_the_measured_minerals_are_named(operando, shared_data):
    file = shared_data / "xrd" / "measured_minerals_cu_kalpha.csv"
    status, out, err = operando("classify", file, "--wavelength", 1.5406, "--json")
    assert (status, err) == (0, "")
    result = json.loads(out.splitlines()[-1])
    assert result["model_version"] == PhaseClassifier.shipped().version
    rows = {row["name"]: row for row in result["patterns"]}
    expected = {
        "goethite": "alpha_feooh",
        "lepidocrocite": "gamma_feooh",
        "magnetite": "fe3o4",
        "iron": "fe_bcc",
    }
    for name, row in rows.items():
        assert row["file"] == str(file)
        assert list(row["labels"]) == list(LABELS)
        listed = {label: row["labels"][label] for label in CRYSTALLINE}
        if (right := expected.get(name)) is not None:
            assert listed.pop(right) >= 0.9
            assert right in row["present"]
        else:
            assert row["labels"]["other"] >= 0.5
            assert row["unknown_score"] >= 0.5
        assert max(listed.values()) < 0.5


def test_energy_says_the_same_as_wavelength(shared_data):
    file = shared_data / "xrd" / "measured_minerals_cu_kalpha.csv"
    a = classify_files([file], wavelength=12.398419843320026 / 8.0478)
    b = classify_files([file], energy_kev=8.0478)
    for x, y in zip(a["patterns"], b["patterns"], strict=True):
        assert list(x["labels"].values()) == pytest.approx(list(y["labels"].values()), abs=1e-6)


def test_a_calibrants_frame_is_other_and_its_lines_are_where_they_belong(operando, shared_data):
    folder = shared_data / "xrd"
    status, out, err = operando(
        "classify",
        folder / "ceo2_pilatus1m.tif",
        "--poni",
        folder / "ceo2_pilatus1m.poni",
        "--json",
    )
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert len(result["patterns"]) == 1
    [row] = result["patterns"]
    # a of CeO2 from NIST SRM 674b.
    expected = 5.41165 / np.sqrt([3, 4, 8, 11])
    wavelength = (
        2 * row["lines"][0]["d_spacing"] * np.sin(np.radians(row["lines"][0]["two_theta"]) / 2)
    )
    angles = np.degrees(2 * np.arcsin(wavelength / 2 / expected))
    found = np.array([line["two_theta"] for line in row["lines"]])
    for angle in angles:
        assert np.abs(found - angle).min() < 0.02
    assert row["labels"]["other"] >= 0.5


def test_the_table_for_a_person_names_what_is_there(operando, shared_data):
    file = shared_data / "xrd" / "measured_minerals_cu_kalpha.csv"
    status, _, err = operando("classify", file, "--wavelength", 1.5406)
    assert status == 0
    for name in ("goethite", "quartz", "α-FeOOH", "Fe₃O₄", "unexplained"):
        assert name in err
    table = labels_table(classify_files([file], wavelength=1.5406))
    assert table.row_count == 6


def test_a_model_can_be_trained_and_loaded(operando, tmp_path):
    path = tmp_path / "own.model"
    status, out, _ = operando("train", path, "--patterns", 1000, "--seed", 3, "--json")
    assert status == 0
    result = json.loads(out.splitlines()[-1])
    assert result["file"] == str(path)
    model = PhaseClassifier.load(path)
    assert model.version == result["model_version"]
    assert model.metadata["training"]["seed"] == 3


@pytest.mark.parametrize("arguments", [("--patterns", "10"), ("--seed", "-1"), ("--seed", "x")])
def test_a_training_that_makes_no_sense_is_refused(operando, tmp_path, arguments):
    status, out, err = operando("train", tmp_path / "own.npz", *arguments)
    assert status == 2
    assert out == ""
    assert arguments[0] in err
    assert "Traceback" not in err


def test_a_model_that_cannot_be_written_is_refused_before_the_training(operando, tmp_path):
    for out in (tmp_path / "absent" / "own.npz", tmp_path):
        status, _, err = operando("train", out)
        assert status == 2
        assert err.count("\n") == 1
        assert str(out) in err
