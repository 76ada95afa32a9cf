"""XANES reduction, on measured spectra and on mixtures of them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from operando.agents.xanes import isolate_edge, normalise
from operando.agents.xanes_lcf import (
    LcfConfig,
    LinearCombination,
    ReferenceLibrary,
    linear_combination,
)
from operando.agents.xas_edge import find_e0
from operando.agents.xas_foil import align_foil
from operando.agents.xas_spectra import Spectrum, read_spectrum
from operando.errors import BadInput

FILES = {
    "feo": "feo_rt1.xdi",
    "fe2o3": "fe2o3_rt1.xmu",
    "fe3c": "fe3c_rt.xdi",
    "ni": "ni_metal_rt.xdi",
}
GRID = np.r_[
    np.arange(6915.0, 7090.0, 5.0), np.arange(7090.0, 7180.0, 0.5), np.arange(7180.0, 8080.0, 3.0)
]


@pytest.fixture(scope="module")
def spectra(shared_data: Path) -> dict[str, Spectrum]:
    return {name: read_spectrum(shared_data / "xafs" / file) for name, file in FILES.items()}


@pytest.fixture(scope="module")
def oxides(spectra):
    return {name: normalise(spectra[name], element="Fe") for name in ("feo", "fe2o3")}


def edge_like(energy, e0=7120.0, noise=0.0, seed=0):
    steps = 0.5 + np.arctan((energy - e0) / 1.5) / np.pi
    return Spectrum(energy, steps + np.random.default_rng(seed).normal(0, noise, energy.size))


def mixture(oxides, share, noise, rng, shift=0.0, step=1.3):
    """A transmission spectrum of a mixture, with its own step, slope and noise."""
    norm = sum(
        weight * CubicSpline(oxides[name].energy, oxides[name].norm)(GRID - shift)
        for name, weight in share.items()
    )
    mu = 0.2 + step * (norm + noise * rng.normal(size=GRID.size)) - 1e-4 * (GRID - 7112.0)
    return normalise(Spectrum(GRID, mu, "mixture"), element="Fe")


# Reading


def test_formats_agree(tmp_path, spectra):
    feo = spectra["feo"]
    i0 = np.full(feo.energy.size, 1e5)
    table = np.column_stack([feo.energy / 1000.0, i0, i0 * np.exp(-feo.mu)])
    path = tmp_path / "scan.csv"
    np.savetxt(path, table, delimiter=",", header="energy_keV,i0,i1", comments="", fmt="%.10g")
    read = read_spectrum(path)
    np.testing.assert_allclose(read.energy, feo.energy, rtol=1e-8)
    np.testing.assert_allclose(read.mu, feo.mu, atol=1e-7)


def test_falling_energies_are_sorted():
    up = edge_like(np.arange(7000.0, 7300.0, 2.0))
    down = Spectrum(up.energy[::-1], up.mu[::-1])
    np.testing.assert_array_equal(down.mu, up.mu)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["7000,1"] * 10, "10 points; at least 50"),
        ([f"{7000 + i},1" for i in range(60)] + ["7003,1"], "7003.0000 eV is given more than once"),
        ([f"{7000 + i},{'nan' if i == 7 else 1}" for i in range(60)], "mu is nan at point 8"),
        ([f"{'nan' if i == 7 else 7000 + i},1" for i in range(60)], "energy is nan at point 8"),
        ([f"{7000 + i},{'abc' if i == 7 else 1}" for i in range(60)], "'abc' in line 9"),
        ([f"{7 + i / 1000},1" for i in range(60)], "start at 7"),
        ([f"{7000 + i},1" for i in range(60)] + ["7070,1,2"], "line 62 has 3 columns"),
        ([], "no numbers"),
    ],
)
def test_files_that_are_no_spectra(tmp_path, rows, message):
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(["energy,mu", *rows]))
    with pytest.raises(BadInput, match=message):
        read_spectrum(path)


# The edge and the normalisation


@pytest.mark.parametrize(
    ("name", "element", "low", "high"),
    # The foil's first inflection is where the tables put the edge; oxides lie 8-15 eV higher.
    [("ni", "Ni", 8331.0, 8335.0), ("feo", "Fe", 7119.0, 7124.0), ("fe2o3", "Fe", 7123.0, 7127.0)],
)
def test_edges_of_measured_spectra(spectra, name, element, low, high):
    found = normalise(spectra[name], element=element)
    assert low < found.e0 < high
    # Normalised: 0 below, 1 on the average of the oscillations above.
    x = found.energy - found.e0
    assert abs(found.norm[(x > -150) & (x < -50)].mean()) < 0.005
    assert abs(found.flat[(x > 100) & (x < 600)].mean() - 1.0) < 0.03


def test_edge_does_not_jump_with_noise(spectra):
    ni, step = spectra["ni"], normalise(spectra["ni"]).edge_step
    rng = np.random.default_rng(3)
    found = [
        find_e0(Spectrum(ni.energy, ni.mu + step * rng.normal(0, 0.005, ni.mu.size)), "Ni")
        for _ in range(30)
    ]
    assert np.std(found) < 0.5


def test_spectra_without_an_edge_are_refused():
    energy, rng = np.arange(7000.0, 7600.0, 1.5), np.random.default_rng(1)
    shapes = [0 * energy, np.exp(-energy / 1000), energy / 1000, np.sin(energy / 200)]
    for shape in shapes:
        for noise in (1e-4, 1e-2, 0.1):
            with pytest.raises(BadInput, match="no absorption edge"):
                normalise(Spectrum(energy, shape + rng.normal(0, noise, energy.size)))


def test_the_wrong_edge_is_refused(spectra):
    with pytest.raises(BadInput, match="does not reach over the Ni K edge"):
        normalise(spectra["feo"], element="Ni")
    other = edge_like(np.arange(6950.0, 7500.0, 1.0), e0=7150.0)
    with pytest.raises(BadInput, match=r"edge at 7150\.. eV, not the Fe K edge"):
        normalise(other, element="Fe")
    with pytest.raises(BadInput, match="known: Mn, Fe, Co, Ni"):
        normalise(other, element="Xx")


def test_too_little_data_beside_the_edge():
    with pytest.raises(BadInput, match="too little below the edge"):
        normalise(edge_like(np.arange(7105.0, 7300.0, 1.0)))


def test_one_scan_over_two_edges():
    energy = np.arange(7500.0, 9300.0, 1.0)
    both = 0.5 * (edge_like(energy, 7709.0).mu + 0.8 * edge_like(energy, 8333.0).mu)
    scan = Spectrum(energy, both + np.random.default_rng(0).normal(0, 1e-4, energy.size), "scan")
    steps = {el: normalise(isolate_edge(scan, el), element=el).edge_step for el in ("Co", "Ni")}
    assert steps["Co"] == pytest.approx(0.5, rel=0.02)
    assert steps["Ni"] == pytest.approx(0.4, rel=0.02)


def test_edge_step_has_its_error(oxides):
    rng = np.random.default_rng(5)
    steps, stated = [], []
    for _ in range(100):
        found = mixture(oxides, {"feo": 1.0}, 0.003, rng)
        steps.append(found.edge_step)
        stated.append(found.edge_step_sd)
    assert np.std(steps) == pytest.approx(np.mean(stated), rel=0.25)


# The foil


def test_foil_shift_and_its_error(spectra):
    foil = spectra["ni"]
    curve, rng, pulls = CubicSpline(foil.energy, foil.mu), np.random.default_rng(2), []
    for shift in np.linspace(-3.0, 3.0, 60):
        mu = 0.1 + 0.8 * curve(foil.energy - shift) + 0.002 * rng.normal(size=foil.mu.size)
        inside = slice(2, -2)
        found = align_foil(Spectrum(foil.energy[inside], mu[inside], "scan"), foil, element="Ni")
        assert abs(found.value - shift) < 0.02
        pulls.append((found.value - shift) / found.sd)
    assert 0.7 < np.std(pulls) < 1.3


def test_a_large_shift_is_not_drift(spectra):
    foil = spectra["ni"]
    with pytest.raises(BadInput, match=r"shifted by 1[89]\.. eV|shifted by 2"):
        align_foil(Spectrum(foil.energy + 20.0, foil.mu, "scan"), foil)


# Linear combinations


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
def test_fractions_of_a_mixture_come_back_with_their_errors(oxides, one, shifted):
    config = LcfConfig(sum_to_one=one, fit_shift=shifted)
    fit = LinearCombination(ReferenceLibrary(oxides), config)
    share, rng, pulls, shifts = {"feo": 0.3, "fe2o3": 0.7}, np.random.default_rng(4), [], []
    for _ in range(80):
        found = fit.fit(mixture(oxides, share, 0.005, rng, shift=0.15 if shifted else 0.0))
        pulls.append((found.fractions - [0.3, 0.7]) / found.sd)
        shifts.append(found.energy_shift)
        if one:
            assert found.fractions.sum() == pytest.approx(1.0, abs=1e-9)
    pulls = np.array(pulls)
    assert (np.abs(pulls) < 2).mean() > 0.9
    assert (0.65 < pulls.std(axis=0)).all()
    assert (pulls.std(axis=0) < 1.3).all()
    assert np.mean(shifts) == pytest.approx(0.15 if shifted else 0.0, abs=0.02)


def test_absent_references_stay_at_zero(oxides):
    found = linear_combination(oxides["feo"], oxides)
    assert found.fractions == pytest.approx([1.0, 0.0], abs=1e-6)
    assert (found.fractions >= 0).all()
    assert found.r_factor < 1e-10


def test_a_wrong_reference_shows_in_the_r_factor(spectra, oxides):
    mixed = mixture(oxides, {"feo": 0.5, "fe2o3": 0.5}, 0.001, np.random.default_rng(0))
    good = linear_combination(mixed, oxides)
    metal = {"fe3c": normalise(spectra["fe3c"]), "fe2o3": oxides["fe2o3"]}
    assert linear_combination(mixed, metal).r_factor > 100 * good.r_factor


def test_references_that_cannot_serve(spectra, oxides):
    nickel = normalise(spectra["ni"])
    with pytest.raises(BadInput, match="not the same edge"):
        linear_combination(oxides["feo"], {"ni": nickel, "fe2o3": oxides["fe2o3"]})
    short = normalise(spectra["fe2o3"].between(6950.0, 7175.0))
    with pytest.raises(BadInput, match="reference short covers 6952-7174 eV; the fit needs"):
        linear_combination(oxides["feo"], {"short": short})
    with pytest.raises(BadInput, match="not independent"):
        linear_combination(oxides["feo"], {"a": oxides["fe2o3"], "b": oxides["fe2o3"]})
    with pytest.raises(BadInput, match="no references"):
        linear_combination(oxides["feo"], {})


def test_library_version_follows_the_content(oxides):
    again = ReferenceLibrary(dict(oxides))
    other = ReferenceLibrary({"feo": oxides["feo"], "fe2o3": oxides["feo"]})
    assert ReferenceLibrary(oxides).version == again.version != other.version
