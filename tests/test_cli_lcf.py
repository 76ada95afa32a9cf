"""``operando lcf`` as a user runs it."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from operando.agents.xas_spectra import read_spectrum


@pytest.fixture
def run(operando):
    return partial(operando, "lcf")


@pytest.fixture(scope="module")
def files(shared_data: Path) -> Path:
    return shared_data / "xafs"


@pytest.fixture(scope="module")
def mixture(files, tmp_path_factory) -> Path:
    feo, fe2o3 = (read_spectrum(files / name) for name in ("feo_rt1.xdi", "fe2o3_rt1.xmu"))
    inside = feo.between(6920.0, 8070.0)
    other = np.interp(inside.energy, fe2o3.energy, fe2o3.mu)
    path = tmp_path_factory.mktemp("lcf") / "mixture.csv"
    noise = np.random.default_rng(0).normal(0, 0.002, other.size)
    rows = np.column_stack([inside.energy, 0.4 * inside.mu + 0.6 * other + noise])
    np.savetxt(path, rows, delimiter=",", header="energy,mu", comments="", fmt="%.8g")
    return path


def test_fractions_as_json(run, files, mixture):
    references = ("--reference", files / "feo_rt1.xdi", "--reference", files / "fe2o3_rt1.xmu")
    done = run(mixture, *references, "--element", "Fe", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert {"fractions", "r_factor", "energy_shift_ev"} <= set(result)
    # The edge steps of the two are 1.371 and 1.340: shares of the step, not of mu.
    share = 0.4 * 1.371 / (0.4 * 1.371 + 0.6 * 1.340)
    for name, expected in (("feo_rt1.xdi", share), ("fe2o3_rt1.xmu", 1 - share)):
        found = result["fractions"][name]
        assert found["value"] == pytest.approx(expected, abs=0.005)
        assert 0 < found["sd"] < 0.01
    assert result["r_factor"] < 1e-4


def test_shift_and_sum(run, files, mixture):
    references = ("--reference", files / "feo_rt1.xdi", "--reference", files / "fe2o3_rt1.xmu")
    done = run(mixture, *references, "--sum-to-one", "--fit-shift", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    assert sum(f["value"] for f in result["fractions"].values()) == pytest.approx(1.0)
    assert abs(result["energy_shift_ev"]) < 0.05


def bad_file(tmp_path, rows):
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(["energy,mu", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([f"{7000 + i},{1 + 1e-4 * i}" for i in range(500)], "no absorption edge"),
        ([f"{7000 + i},nan" for i in range(500)], "mu is nan at point 1"),
        ([f"{7000 + i // 2},1" for i in range(500)], "7000.0000 eV is given more than once"),
        ([f"{7000 + i},1" for i in range(49)], "49 points; at least 50"),
    ],
)
def test_bad_spectra_are_one_line(run, files, tmp_path, rows, message):
    done = run(bad_file(tmp_path, rows), "--reference", files / "feo_rt1.xdi", "--json")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_bad_references_are_one_line(run, files, mixture, tmp_path):
    feo = files / "feo_rt1.xdi"
    spectrum = read_spectrum(feo).between(6950.0, 7175.0)
    short = tmp_path / "short.csv"
    np.savetxt(short, np.column_stack([spectrum.energy, spectrum.mu]), delimiter=",")
    for words, message in (
        ((mixture, "--reference", files / "ni_metal_rt.xdi"), "not the same edge"),
        ((mixture, "--reference", short), "reference short.csv covers 6952-7174 eV"),
        ((mixture, "--reference", feo, "--element", "Ni"), "does not reach over the Ni K edge"),
        ((mixture, "--reference", feo, "--reference", feo), "given more than once"),
        ((mixture, "--reference", tmp_path / "none.xdi"), "No such file"),
        ((mixture,), "--reference"),
    ):
        done = run(*words)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
