"""``operando demo kinetics`` on a short record: real station, agent and store, end to end."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from operando.demos.kinetics import KineticsDemo, run_kinetics_demo, summary_table
from operando.errors import BadInput
from operando.store import open_store

PROMISED = {
    "uid",
    "model",
    "probability",
    "t0",
    "k",
    "ts",
    "p_t0_at_ts",
    "ms_per_frame",
    "frames",
    "figures",
    "verdict",
    "bayes_factors",
    "short",
    "audit",
    "least_squares",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def result(out):
    settings = KineticsDemo(seed=5, out=out, before=2.0, longest=9.0, short=5.0, reference_s=15.0)
    return run_kinetics_demo(settings, Console(quiet=True))


def test_the_result_holds_what_is_promised_and_is_json(result):
    assert set(result) >= PROMISED
    assert result["frames"] == 27
    assert "onset t0" in Path(result["report"]).read_text(encoding="utf-8")
    assert sum(one["probability"] for one in result["models"].values()) == pytest.approx(1.0)
    json.dumps(result)


def test_onset_and_rate_are_near_the_simulated_truth(result):
    assert abs(result["t0_error_sd"]) < 3.0
    assert abs(result["k_error_sd"]) < 3.0
    assert result["truth"]["t0"] > result["ts"]
    assert result["models"]["first_order"]["t0"]["sd"] < 0.05


def test_the_fit_of_all_pixels_agrees_and_the_usual_one_is_biased(result):
    audit, usual = result["audit"], result["least_squares"]
    assert abs(audit["shift_t0_sd"]) < 3.0
    assert audit["deviance"] == pytest.approx(audit["counts"], rel=0.05)
    assert usual["bias_sd"] < -3.0


def test_no_certainty_is_stated_that_is_not_there(result):
    assert result["model"] in result["verdict"]
    assert ("cannot tell yet" in result["verdict"]) == (result["probability"] < 0.95)
    assert result["short"]["frames"] < result["frames"]
    assert result["short"]["t0"]["sd"] > result["t0"]["sd"]


def test_figures_are_written(result):
    assert {Path(path).name for path in result["figures"]} == {"kinetics.png", "patterns.png"}
    for path in result["figures"]:
        assert Path(path).stat().st_size > 20_000


def test_the_summary_lays_it_out(result):
    sink = io.StringIO()
    Console(file=sink, width=120).print(summary_table(result))
    assert f"{result['t0']['mean']:.4f}" in sink.getvalue()
    assert "least squares" in sink.getvalue()


def test_the_stored_run_is_decided_again_from_the_store_alone(operando, result, out):
    with open_store(str(out / "store")) as store:
        run = store.catalog[result["uid"]]
        decisions = run["decisions"].read()
        assert run.metadata["start"]["resumes"] == result["reference_uid"]
    assert decisions["decision_t0"].values[-1] == result["t0"]["mean"]
    arguments = ("replay", result["uid"], "--verify", "--source", "tiled", "--json")
    status, printed, _ = operando(*arguments, "--store", str(out / "store"))
    replayed = json.loads(printed.splitlines()[-1])
    assert (status, replayed["identical"]) == (0, True)
    assert replayed["compared"] == replayed["decisions"] == len(decisions["decision_t0"])


@pytest.mark.parametrize(
    "arguments",
    [("--period", "0.0001"), ("--longest", "1"), ("--law", "magic"), ("--law", "avrami")],
)
def test_nonsense_is_refused_in_one_line(monkeypatch, operando, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    status, _, err = operando("demo", "kinetics", *arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_settings_are_checked_before_anything_is_measured():
    with pytest.raises(BadInput, match="seed"):
        KineticsDemo(seed=-1)
