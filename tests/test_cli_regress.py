"""``operando regress`` as a user runs it."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from operando.agents.regression_table import published_path


@pytest.fixture
def run(monkeypatch, tmp_path, operando):
    monkeypatch.chdir(tmp_path)
    return partial(operando, "regress")


def test_published_table_as_json(run, tmp_path):
    picture = tmp_path / "deep" / "figure.png"
    done = run(published_path(), "--target", "Potential", "--out", picture, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["target"], result["n"]) == ("Potential", 17)
    for name, least in (("lasso", 0.990), ("elastic_net", 0.970)):
        fit = result[name]
        assert fit["loo_r2"] >= least
        assert fit["nested_r2"] <= fit["loo_r2"]
        assert fit["alpha"] > 0
        assert len(fit["coefficients"]) == 44
        assert max(fit["coefficients"], key=lambda k: abs(fit["coefficients"][k])) == "Ni_LCF130"
    assert result["baseline_r2"] == pytest.approx(0.983, abs=0.0005)
    assert set(result["stability"]) == set(result["lasso"]["coefficients"])
    assert all(0 <= value <= 1 for value in result["stability"].values())
    assert result["figures"] == [str(picture)]
    image = imread(picture)
    assert image.shape[0] > 300
    assert image[..., :3].std() > 0.05


def test_people_see_the_nested_figure_and_the_baseline(run):
    done = run("ncm-operando", "--target", "Potential", "--permutations", "9")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    for word in ("nested", "SOC alone", "0.9827", "Ni_LCF130", "p = 0.1", "half a step on"):
        assert word in done.stderr
    assert Path("operando-out/regress-ncm_operando.png").is_file()


def table_file(folder, rows=12, header="a,b,soc,y", change=None):
    rng = np.random.default_rng(0)
    lines = [header]
    for i in range(rows):
        cells = [f"{v:.5f}" for v in rng.normal(size=2)] + [str(10 * i), f"{i + rng.normal():.4f}"]
        if change and i == change[0]:
            cells[change[1]] = change[2]
        lines.append(",".join(cells))
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_other_soc_column_and_odd_names(run, tmp_path):
    file = table_file(tmp_path, header="$a_[red]$,充電,time,y$")
    done = run(file, "--target", "y$", "--soc", "time", "--permutations", "0")
    assert done.returncode == 0, done.stderr
    assert "$a_[red]$" in done.stderr or "no variable explains" in done.stderr
    assert "time alone" in done.stderr
    done = run(file, "--target", "y$", "--permutations", "0", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["baseline_r2"] is None
    assert any("no SOC column" in note for note in result["notes"])
    assert "time" in result["lasso"]["coefficients"]


def test_constant_column_is_a_note(run, tmp_path):
    file = table_file(tmp_path)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(["k," + lines[0], *("3.5," + line for line in lines[1:])]))
    done = run(file, "--target", "y", "--permutations", "0", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    assert "k" not in result["lasso"]["coefficients"]
    assert any("k" in note and "constant" in note for note in result["notes"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((3, 1, ""), "line 5, column b: missing value"),
        ((3, 1, "NaN"), "line 5, column b: missing value"),
        ((0, 0, "high"), "line 2, column a: 'high' is no number"),
        ((3, 3, "inf"), "line 5, column y: inf is not finite"),
        ((3, 3, ""), "line 5, column y: missing value"),
        ((3, 2, "30 %"), "line 5, column soc: '30 %' is no number"),
        ((11, 2, ""), "line 13, column soc: missing value"),
        ((11, 1, "1_0"), "line 13, column b: '1_0' is no number"),
        ((3, 1, "1,2"), "line 5 has 5 cells, the header 4"),
    ],
)
def test_a_bad_cell_is_named(run, tmp_path, change, message):
    one_line(run(table_file(tmp_path, change=change), "--target", "y", "--json"), message)


def one_line(done, message):
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_bad_tables_are_one_line(run, tmp_path):
    flat = tmp_path / "flat.csv"
    flat.write_text("a,y\n" + "".join(f"{i},2\n" for i in range(9)))
    alone = tmp_path / "alone.csv"
    alone.write_text("soc,y\n" + "".join(f"{i},{i * i}\n" for i in range(9)))
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("".join(f"{i},{i * i}\n" for i in range(9)))
    empty = tmp_path / "empty.csv"
    empty.write_text("\n\n")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(256)))
    for words, message in (
        ((tmp_path / "none.csv", "--target", "y"), "No such file"),
        ((tmp_path, "--target", "y"), "Is a directory"),
        ((table_file(tmp_path), "--target", "z"), "no column 'z' for the target; it has a, b, soc"),
        ((table_file(tmp_path), "--target", "y", "--soc", "z"), "no column 'z' for the SOC"),
        ((table_file(tmp_path), "--target", "y", "--soc", "y"), "both the target and the SOC"),
        ((table_file(tmp_path),), "--target"),
        ((table_file(tmp_path), "--target", "y", "--l1-ratio", "1.5"), "l1 ratio is 1.5"),
        ((table_file(tmp_path), "--target", "y", "--seed", "-1"), "seed"),
        ((table_file(tmp_path), "--target", "y", "--out", flat), "a directory or a file in .png"),
        ((table_file(tmp_path), "--target", "y", "--out", flat / "x.png"), "--out"),
        ((flat, "--target", "y"), "target y is constant (2)"),
        ((alone, "--target", "y"), "no variable is left"),
        ((numbers, "--target", "y"), "names of columns are needed"),
        ((empty, "--target", "y"), "no lines in it"),
        ((binary, "--target", "y"), "not a text file"),
    ):
        one_line(run(*words), message)
    for header, message in (
        ("a,a,soc,y", "column a is given more than once"),
        ("a,,soc,y", "column 2 has no name"),
    ):
        one_line(run(table_file(tmp_path, header=header), "--target", "y"), message)
    one_line(run(table_file(tmp_path, rows=7), "--target", "y"), "7 rows; at least 8 are needed")


def test_nothing_leaks_to_the_terminal(tmp_path):
    """A process of its own: no warning of a library, and the figure where it was asked for."""
    code = "import sys; from operando.cli import main; sys.argv[0] = 'operando'; main()"
    command = [sys.executable, "-W", "always", "-c", code]
    words = ["regress", str(table_file(tmp_path)), "--target", "y", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, *words, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert (tmp_path / "out" / "regress-t.png").is_file()
    assert len(done.stdout.splitlines()) == 1
