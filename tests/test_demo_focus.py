"""``operando demo focus``: real station, agent and store, end to end."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from operando.demos.focus import FocusDemo, run_focus_demo, summary_table
from operando.errors import BadInput
from operando.figures.panels import panel_for, save_panel
from operando.store import open_store

PROMISED = {
    "uid",
    "seed",
    "size_um",
    "before_um",
    "claimed",
    "measurements",
    "minutes",
    "baseline",
    "restart",
    "figures",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def result(out):
    settings = FocusDemo(seed=5, out=out, hours=4.0, baseline=False)
    return run_focus_demo(settings, Console(quiet=True))


def test_the_result_holds_what_is_promised_and_is_json(result):
    assert set(result) >= PROMISED
    assert result["baseline"] is None
    json.dumps(result, allow_nan=False)


def test_what_is_claimed_is_so(result):
    for run in (result, result["restart"]):
        assert run["claimed"]
        for size in run["size_um"].values():
            assert abs(size["measured"] - size["true"]) < 4.0 * size["sd"]
    assert result["size_um"]["vertical"]["true"] < 1.1 * 1.25
    assert result["size_um"]["horizontal"]["true"] < 1.1 * 2.0
    assert max(result["before_um"].values()) > 3.0


def test_it_is_sooner_found_again_than_found(result):
    again = result["restart"]
    assert again["before_um"]["vertical"] > result["size_um"]["vertical"]["true"]
    assert again["measurements"] < result["measurements"]
    assert again["minutes"] < result["minutes"]


def test_the_summary_lays_it_out(result):
    sink = io.StringIO()
    Console(file=sink, width=140).print(summary_table(result))
    assert f"{result['size_um']['vertical']['measured']:.3f}" in sink.getvalue()
    assert "again, 4 h later" in sink.getvalue()


def test_the_stored_runs_are_drawn_and_decided_again(operando, result, out, tmp_path):
    assert len(result["figures"]) == 2
    with open_store(str(out / "store")) as store:
        documents = list(store.documents(result["restart"]["uid"], "tiled"))
    panel = panel_for(documents[0][1])
    assert type(panel).__name__ == "FocusPanel"
    empty = save_panel(panel, tmp_path / "empty.png").stat().st_size
    for name, doc in documents:
        panel(name, doc)
    assert save_panel(panel, tmp_path / "drawn.png").stat().st_size > 2 * empty
    assert all(Path(path).stat().st_size > 20_000 for path in result["figures"])
    for uid in (result["uid"], result["restart"]["uid"]):
        arguments = ("replay", uid, "--verify", "--source", "tiled", "--json")
        status, printed, _ = operando(*arguments, "--store", str(out / "store"))
        replayed = json.loads(printed.splitlines()[-1])
        assert (status, replayed["identical"]) == (0, True)
        assert replayed["compared"] == replayed["decisions"] > 4


@pytest.mark.parametrize(
    "arguments",
    [("--acquisition", "UCB"), ("--hours", "-1"), ("--speed", "0")],
)
def test_nonsense_is_refused_in_one_line(operando, monkeypatch, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    status, _, err = operando("demo", "focus", *arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_settings_are_checked_before_anything_is_measured():
    with pytest.raises(BadInput, match="seed"):
        FocusDemo(seed=-1)
