"""``operando demo mapping`` on a small map: a real station, agent and store, end to end."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from operando.demos.mapping import MappingDemo, run_mapping_demo, summary_table
from operando.errors import BadInput
from operando.physics.phases import LABELS
from operando.store import open_store

PROMISED = {
    "uid",
    "seed",
    "points",
    "dwell_s",
    "exact_match",
    "exact_match_raster",
    "exact_match_raster_smoothed",
    "label_accuracy",
    "corrosion_accuracy",
    "substrate_accuracy",
    "f1",
    "brier",
    "ece",
    "figures",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def settings(out):
    return MappingDemo(seed=5, out=out, shape=(12, 10), step_um=8.0, dwell_s=0.08)


@pytest.fixture(scope="module")
def result(settings):
    return run_mapping_demo(settings, Console(quiet=True))


def test_the_result_holds_what_is_promised_and_is_json(result):
    assert set(result) >= PROMISED
    assert (result["seed"], result["points"]) == (5, 120)
    assert set(result["f1"]) == set(LABELS)
    assert "points measured" in Path(result["report"]).read_text(encoding="utf-8")
    for key in ("exact_match", "label_accuracy", "corrosion_accuracy", "substrate_accuracy"):
        assert 0.5 < result[key] <= 1.0
    assert 0 <= result["brier"] < 0.15
    assert 0 <= result["ece"] < 0.15
    json.dumps(result)


def test_both_maps_cost_the_same_dose(result, settings, out):
    assert result["dwell_s"] == pytest.approx(120 * 0.08, rel=0.01)
    with open_store(str(out / "store")) as store:
        raster = start_of(store, result["raster"]["uid"])
    assert raster["num_points"] * settings.dwell_s == pytest.approx(120 * 0.08)


def start_of(store, uid):
    """Start document of a stored run."""
    [start] = [doc for name, doc in store.documents(uid) if name == "start"]
    return start


def test_both_runs_are_in_the_store_with_the_agent_that_followed_them(result, out):
    with open_store(str(out / "store")) as store:
        documents = list(store.documents(result["uid"]))
        raster = start_of(store, result["raster"]["uid"])
    start, stop = documents[0][1], documents[-1][1]
    assert stop["exit_status"] == "success"
    assert start["plan_name"] == "map_two_pass"
    assert raster["plan_name"] == "map_fly"
    assert start["agent"]["model_version"] == result["model_version"]
    assert list(start["shape"]) == [12, 10]
    streams = {doc["name"] for name, doc in documents if name == "descriptor"}
    assert streams == {"primary", "revisits", "decisions"}


def test_four_figures_are_drawn(result, out):
    paths = [Path(path) for path in result["figures"]]
    assert len(set(paths)) == 4
    for path in paths:
        assert path.is_relative_to(out)
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000


def test_the_summary_shows_every_label_in_three_ways(result):
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(summary_table(result))
    text = console.export_text()
    for word in ("raster", "two passes", "all nine labels right", "γ-FeOOH", "resin"):
        assert word in text
    assert f"{result['exact_match']:.3f}" in text


def test_the_command_prints_the_object_last_and_keeps_to_its_seed(operando, out, result, tmp_path):
    arguments = ["--seed", "5", "--shape", "12x10", "--step", "8", "--dwell", "0.08"]
    arguments += ["--speed", "max", "--store", str(out / "store"), "--out", str(tmp_path), "--json"]
    done = operando("demo", "mapping", *arguments)
    again = done.json()
    assert set(again) >= PROMISED
    assert "Traceback" not in done.stderr
    assert again["uid"] != result["uid"]
    for key in ("exact_match", "exact_match_raster", "label_accuracy", "brier", "ece"):
        assert again[key] == pytest.approx(result[key], abs=1e-6)
    assert all(Path(path).is_relative_to(tmp_path) for path in again["figures"])


@pytest.mark.parametrize(
    "values",
    [
        {"seed": -1},
        {"shape": (1, 10)},
        {"step_um": 0.0},
        {"dwell_s": 0.0},
        {"dwell_s": float("nan")},
        {"dwell_s": float("inf")},
        {"step_um": float("inf")},
    ],
)
def test_settings_that_make_no_sense_are_refused(values):
    with pytest.raises(BadInput):
        MappingDemo(**values)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 3), (95, 80)])
def test_dose_adds_up_for_a_map_of_any_size(shape):
    settings = MappingDemo(shape=shape)
    total = settings.points * settings.dwell_s
    spent = settings.first_share * total + settings.revisits * settings.revisit_s
    assert spent == pytest.approx(total)
    assert settings.revisits >= 1
    assert np.isfinite(settings.revisit_s)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shape", "1x10"], "2 x 2"),
        (["--shape", "ten"], "--shape"),
        (["--speed", "fast"], "--speed"),
        (["--dwell", "0"], "--dwell"),
        (["--dwell", "inf"], "--dwell"),
        (["--dwell", "1e-9"], "exposure"),
        (["--step", "1000"], "µm"),
        (["--seed", "-3"], "--seed"),
    ],
)
def test_bad_input_is_one_line_and_status_2(operando, tmp_path, out, arguments, message):
    fixed = ["--out", str(tmp_path), "--store", str(out / "store"), "--shape", "3x3"]
    status, printed, shown = operando("demo", "mapping", *fixed, *arguments)
    assert status == 2
    assert printed == ""
    assert shown.count("operando: ") == 1
    assert message in shown
    assert "Traceback" not in shown


def test_over_epics_the_same_seed_gives_the_same_labels(settings, result):
    over = run_mapping_demo(replace(settings, station="epics-sim"), Console(quiet=True))
    # Every probability of every point is in these.
    for key in ("exact_match", "exact_match_raster", "f1", "brier", "ece", "dwell_s"):
        assert over[key] == pytest.approx(result[key], nan_ok=True), key
    with open_store(result["store"], create=False) as store:
        runs = [
            store[uid]["revisits"].read(["stage_x", "stage_y"])
            for uid in (result["uid"], over["uid"])
        ]
    for axis in ("stage_x", "stage_y"):
        assert runs[0][axis].values.tolist() == runs[1][axis].values.tolist()
