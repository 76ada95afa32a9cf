"""``operando kinetics`` as a user runs it."""

import json
from functools import partial

import numpy as np
import pytest


@pytest.fixture
def run(operando):
    return partial(operando, "kinetics")


def table(path, rows, header="time,value"):
    path.write_text(
        "\n".join([header, *(",".join(map(repr, map(float, row))) for row in rows)]) + "\n"
    )
    return path


@pytest.fixture
def signal(tmp_path):
    time = np.arange(0.0, 17.0, 1 / 3)
    value = 2.0 + 5.0 * (1.0 - np.exp(-0.6192 * np.maximum(time - 7.4461, 0.0)))
    value += np.random.default_rng(4).normal(0.0, 0.1, len(time))
    return np.stack([time, value], axis=1), tmp_path / "signal.csv"


def test_json_of_a_good_signal(run, signal):
    rows, path = signal
    done = run(table(path, rows), "--ts", 5.0, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(result["models"]) == {
        "first_order",
        "avrami",
        "jander",
        "autocatalytic",
        "pseudo_second_order",
    }
    first = result["models"]["first_order"]
    assert abs(first["t0"]["mean"] - 7.4461) < 3.0 * first["t0"]["sd"]
    assert abs(first["k"]["mean"] - 0.6192) < 3.0 * first["k"]["sd"]
    assert result["best"] in result["models"]
    assert sum(m["probability"] for m in result["models"].values()) == pytest.approx(1.0)
    assert result["p_t0_at_ts"] < 1e-6
    assert result["onset"] == "inside"


def test_table_for_people(run, signal):
    rows, path = signal
    sigma = np.full((len(rows), 1), 0.1)
    done = run(table(path, np.hstack([rows, sigma]), "time,value,sigma"), "--law", "first_order")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "first_order" in done.stderr
    assert "±" in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:3], "3 points"),
        (lambda rows: rows[::-1], "earlier"),
        (lambda rows: np.repeat(rows, 2, axis=0), "repeats"),
        (lambda rows: rows * [1.0, 0.0], "constant"),
        (lambda rows: rows * np.where(np.arange(len(rows)) == 7, np.nan, 1.0)[:, None], "line 9"),
    ],
    ids=["three points", "unsorted", "repeated", "constant", "nan"],
)
def test_bad_rows_end_in_one_line(run, signal, change, words):
    rows, path = signal
    done = run(table(path, change(rows)), "--json")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_bad_files_and_words(run, signal, tmp_path):
    rows, path = signal
    assert run(tmp_path / "none.csv").returncode == 2
    assert "no column 'time'" in run(table(path, rows, "when,value")).stderr
    assert "direction" in run(table(path, rows), "--direction", "up").stderr
    assert "no law 'zeroth'" in run(path, "--law", "zeroth").stderr


def test_record_without_onset_gives_no_number(run, tmp_path):
    time = np.arange(0.0, 17.0, 1 / 3)
    value = np.random.default_rng(3).normal(1.0, 0.1, len(time))
    done = run(table(tmp_path / "flat.csv", np.stack([time, value], axis=1)), "--json")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result["onset"] == "none"
    assert result["best"] is None
    assert result["t0"]["mean"] is None
    assert "no onset inside the record" in result["statements"][0]
