"""EXAFS reduction: on measured spectra, on spectra of known structure, and against xraylarch."""

from pathlib import Path

import numpy as np
import pytest

from operando.agents.exafs import (
    BackgroundConfig,
    Exafs,
    fourier_transform,
    remove_background,
)
from operando.agents.exafs_paths import PathFitConfig, PathModel
from operando.agents.exafs_window import FourierConfig, hanning_window
from operando.agents.xanes import NormalisedSpectrum, normalise
from operando.agents.xanes_lcf import LcfConfig, linear_combination
from operando.agents.xas_spectra import Spectrum, read_spectrum
from operando.errors import BadInput
from operando.physics.xafs_edges import photon_energy, wavenumber
from operando.physics.xafs_paths import PathSum, path_names, scattering_path

FILES = {
    "feo": "feo_rt1.xdi",
    "fe2o3": "fe2o3_rt1.xmu",
    "fe3c": "fe3c_rt.xdi",
    "ni": "ni_metal_rt.xdi",
}
OXIDE = PathFitConfig(("ni_o", "ni_m", "ni_m2", "ni_m_m"), r_min=1.0, r_max=6.0)
# R and σ² of M-O, M-M, M-M2 and M-M-M, S0² and E0: a half-charged oxide.
TRUTH = np.array([1.98, 2.85, 4.94, 5.70, 0.007, 0.006, 0.008, 0.010, 0.85, 2.0])


@pytest.fixture(scope="module")
def spectra(shared_data: Path) -> dict[str, NormalisedSpectrum]:
    return {
        name: normalise(read_spectrum(shared_data / "xafs" / file)) for name, file in FILES.items()
    }


def absorption(chi_of, rng, noise, step=0.5, k_last=13.0):
    """A quick scan (0.5 eV a point near the edge, 1.5 above) of a bent background with χ on it."""
    e0 = 8333.0
    energy = np.r_[
        np.arange(8133.0, 8400.0, 0.5), np.arange(8400.0, photon_energy(k_last, e0), 1.5)
    ]
    k = wavenumber(energy, e0)
    above = np.maximum(k, 0.0)
    atomic = (0.5 + np.arctan((energy - e0) / 0.9) / np.pi) * (1.0 - 2e-4 * above**2)
    white = 0.25 * np.exp(-0.5 * ((energy - e0 - 6.0) / 4.0) ** 2)
    wiggle = np.where(k > 1.0, chi_of(np.maximum(k, 0.05)) * np.clip((k - 1.0) / 0.5, 0, 1), 0.0)
    slope = 0.3 - 1e-4 * (energy - e0)
    return Spectrum(
        energy,
        slope + step * (atomic * (1.0 + wiggle) + white + rng.normal(0, noise, energy.size)),
        "quick scan",
    )


# Wavenumbers, window, transform


def test_wavenumber_is_its_inverse():
    k = np.linspace(-3.0, 15.0, 40)
    np.testing.assert_allclose(wavenumber(photon_energy(k, 8333.0), 8333.0), k, atol=1e-9)


def test_transform_peaks_at_the_distance_and_keeps_the_norm():
    k = 0.05 * np.arange(300)
    wave = Exafs(k, np.sin(2 * k * 2.5) / np.maximum(k, 0.05) ** 2, k, 8333.0, "wave")
    r, chi_r = fourier_transform(wave, FourierConfig(k_weight=2))
    assert r[np.abs(chi_r).argmax()] == pytest.approx(2.5, abs=0.02)
    window = hanning_window(k, 2.0, 11.5, 1.0)
    power = np.sum((np.sin(5 * k) * window) ** 2) * 0.05
    far = fourier_transform(wave, FourierConfig(k_weight=2), r_max=30.0)
    # Half of it: the other half is at negative R.
    total = 2.0 * np.sum(np.abs(far[1]) ** 2) * (r[1] - r[0])
    assert total == pytest.approx(power, rel=0.01)


def test_short_data_are_refused(spectra):
    short = remove_background(spectra["ni"], BackgroundConfig(k_max=9.0))
    with pytest.raises(BadInput, match=r"end at k = 9\.00 Å⁻¹; the transform needs 11.5"):
        fourier_transform(short)
    with pytest.raises(BadInput, match=r"4 Å⁻¹ are needed for EXAFS"):
        remove_background(normalise(read_and_cut(spectra["ni"], 8380.0)))
    with pytest.raises(BadInput, match="0 < dk"):
        FourierConfig(k_min=2.0, k_max=3.0, dk=2.0)


def read_and_cut(spectrum, last):
    keep = spectrum.energy < last
    return Spectrum(spectrum.energy[keep], spectrum.mu[keep], spectrum.name)


# Paths


def test_paths_of_the_battery_are_there():
    wanted = {f"{m}_{p}" for m in ("mn", "co", "ni") for p in ("o", "m", "m2", "m_m")}
    assert wanted <= set(path_names())
    with pytest.raises(BadInput, match="path 'xx' is not known"):
        scattering_path("xx")


def test_focusing_strengthens_the_collinear_path():
    k = np.linspace(4.0, 11.0, 50)
    far, row = (scattering_path(name) for name in ("ni_m2", "ni_m_m"))
    strength = [np.interp(k, path.k, path.amplitude).mean() for path in (far, row)]
    assert strength[1] > 1.5 * strength[0]


def test_gradient_is_the_derivative():
    paths = PathSum([scattering_path(name) for name in OXIDE.paths])
    k = np.linspace(2.0, 12.0, 80)
    r, s2, amp, e0 = TRUTH[:4], TRUTH[4:8], np.full(4, 0.85), 2.0
    _, *slopes = paths.gradient(k, r, s2, amp, e0)
    for number, step in ((0, 1e-5), (1, 1e-6), (2, 1e-5)):
        for path in range(4):
            ends = []
            for sign in (1, -1):
                moved = [r.copy(), s2.copy(), amp.copy()]
                moved[number][path] += sign * step
                ends.append(paths.chi(k, *moved, e0))
            wanted = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(
                slopes[number][path], wanted, atol=1e-5 * np.abs(wanted).max()
            )


# Measured spectra


def test_nickel_metal_first_shell(spectra):
    """Ni-Ni is 2.492 Å, by the cell of 3.524 Å; σ² near 0.006 Å² at room temperature.

    The bond comes out about 0.01 Å short: no third cumulant is fitted.
    """
    exafs = remove_background(spectra["ni"])
    for k_weight in (2, 3):
        config = PathFitConfig(
            ("ni_ni",), r_min=1.6, r_max=2.8, fourier=FourierConfig(k_weight=k_weight)
        )
        fit = PathModel(config).fit(exafs)
        assert fit.flags == ()
        assert fit["r_ni_ni"] == pytest.approx(2.492, abs=0.015)
        assert 0.004 < fit["sigma2_ni_ni"] < 0.008
        assert 0.6 < fit["amplitude"] < 1.1
        assert fit.r_factor < 0.02


def test_wuestite_shells(spectra):
    """Fe-O and Fe-Fe of wüstite (a = 4.30-4.33 Å; oxygen disordered by the vacancies)."""
    config = PathFitConfig(("fe_o", "fe_fe_oxide"), r_min=1.1, r_max=3.2)
    fit = PathModel(config).fit(remove_background(spectra["feo"]))
    assert fit["r_fe_o"] == pytest.approx(2.15, abs=0.06)
    assert fit["r_fe_fe_oxide"] == pytest.approx(3.05, abs=0.04)
    assert fit.r_factor < 0.05


# Known structures


def test_parameters_come_back_with_their_errors():
    model, rng, pulls = PathModel(OXIDE), np.random.default_rng(1), []
    k = 0.05 * np.arange(260)
    clean = model.chi(np.maximum(k, 0.05), TRUTH)
    exact = model.fit(Exafs(k, clean, k, 8333.0, "exact"))
    np.testing.assert_allclose(exact.values, TRUTH, rtol=1e-4)
    for _ in range(40):
        fit = model.fit(Exafs(k, clean + rng.normal(0, 1e-3, k.size), k, 8333.0, "noisy"))
        pulls.append((fit.values - TRUTH) / fit.sd)
        assert fit.flags == ()
    assert (np.abs(pulls) < 2).mean() > 0.9
    spread = np.std(pulls, axis=0)
    assert (spread > 0.6).all()
    assert (spread < 1.4).all()


def test_distances_through_the_whole_reduction():
    """From μ(E) with a background, a white line and noise back to R(M-O) within 0.005 Å."""
    model = PathModel(OXIDE)
    # S0² and the shift of E0 that put the model on the edge of these spectra.
    truth = TRUTH.copy()
    truth[-1] = 0.0
    for seed, (r_mo, r_mm) in enumerate([(2.03, 2.87), (1.96, 2.85), (1.89, 2.83)]):
        truth[0], truth[1] = r_mo, r_mm
        rng = np.random.default_rng(seed)
        scan = absorption(lambda k, t=truth: model.chi(k, t), rng, noise=5e-4)
        fit = model.fit(remove_background(normalise(scan, element="Ni")))
        assert fit["r_ni_o"] == pytest.approx(r_mo, abs=0.005)
        assert fit["r_ni_m"] == pytest.approx(r_mm, abs=0.005)
        assert fit.r_factor < 0.02


def test_rebinning_uses_all_points_of_a_quick_scan():
    model, spread = PathModel(OXIDE), {}
    truth = TRUTH.copy()
    truth[-1] = 0.0
    for rebin in (True, False):
        found = []
        for seed in range(12):
            scan = absorption(lambda k: model.chi(k, truth), np.random.default_rng(seed), 2e-3)
            config = BackgroundConfig(rebin=rebin)
            found.append(remove_background(normalise(scan, element="Ni", e0=8333.0), config).chi)
        spread[rebin] = np.std(found, axis=0)[160:250].mean()
    assert spread[True] < 0.75 * spread[False]


def test_more_parameters_than_data_are_refused():
    with pytest.raises(BadInput, match=r"10 parameters for 6\.0 independent points"):
        PathModel(PathFitConfig(OXIDE.paths, r_min=1.0, r_max=2.0))


def test_nonsense_is_flagged():
    k = 0.05 * np.arange(260)
    noise = np.random.default_rng(0).normal(0, 0.05, k.size)
    fit = PathModel(OXIDE).fit(Exafs(k, noise, k, 8333.0, "noise"))
    assert fit.flags
    assert np.isfinite(fit.sd).all()


# Against xraylarch, where it is installed (extra "larch")


def feff_file(path, folder):
    """Write a table as the feffNNNN.dat that xraylarch reads."""
    head = [
        f" operando {path.name:<54} Feff8L (EXAFS)       0.1",
        " Abs   Z=28 Rmt= 1.242 Rnm= 1.312 K  shell",
        " Pot 1 Z=27 Rmt= 1.248 Rnm= 1.327",
        " Gam_ch=1.576E+00 H-L exch",
        " Mu=-1.287E+01 kf=2.231E+00 Vint=-2.069E+01 Rs_int= 1.626",
        " Path    1      icalc       2",
        " " + "-" * 71,
        f"   2   {path.degeneracy:.3f}   {path.reff:.4f}    2.2801  -12.87018 "
        "nleg, deg, reff, rnrmav(bohr), edge",
        "        x         y         z   pot at#",
        "     0.0000    0.0000    0.0000  0  28 Ni       absorbing atom",
        f"     {path.reff:.4f}    0.0000    0.0000  1  28 Ni",
        "    k   real[2*phc]   mag[feff]  phase[feff] red factor   lambda     real[p]@#",
    ]
    columns = (path.phase, path.amplitude, path.mean_free_path, path.wavenumber)
    rows = [
        f"{abs(k):7.3f} 0.0 {a:.6E} {phi:.6E} 1.0 {free:.6E} {p:.6E}"
        for k, phi, a, free, p in zip(path.k, *columns, strict=True)
    ]
    file = folder / f"feff_{path.name}.dat"
    file.write_text("\n".join([*head, *rows, ""]))
    return str(file)


@pytest.fixture(scope="module")
def larch():
    return pytest.importorskip("larch.xafs", reason="xraylarch is not installed (extra larch)")


@pytest.mark.parametrize("name", FILES)
def test_chi_agrees_with_larch(larch, spectra, name):
    from larch import Group

    spectrum, group = spectra[name], Group()
    larch.autobk(
        spectrum.energy,
        spectrum.mu,
        group=group,
        e0=spectrum.e0,
        edge_step=spectrum.edge_step,
        rbkg=1.0,
        kweight=2,
    )
    ours = remove_background(spectrum, BackgroundConfig(rebin=False))
    used = (ours.k > 2.0) & (ours.k < 11.5)
    off = ours.k[used] * (ours.chi[used] - np.interp(ours.k[used], group.k, group.chi))
    assert np.abs(off).max() < 0.003
    assert np.sqrt(np.mean(off**2)) < 0.01 * np.sqrt(np.mean((ours.k * ours.chi)[used] ** 2))
    larch.xftf(
        ours.k, ours.chi, group=group, kmin=2, kmax=11.5, dk=1, window="hanning", kweight=3,
        rmax_out=6,
    )  # fmt: skip
    r, chi_r = fourier_transform(ours, r_max=6.0)
    # Both transforms of ours, so that only window, weight and scale are compared.
    size = min(r.size, group.r.size)
    assert np.abs(np.abs(chi_r[:size]) - group.chir_mag[:size]).max() < 0.02 * np.abs(chi_r).max()


@pytest.mark.parametrize("name", FILES)
def test_edge_step_agrees_with_larch(larch, spectra, name):
    from larch import Group

    spectrum, group = spectra[name], Group()
    larch.pre_edge(
        spectrum.energy, spectrum.mu, group=group, e0=spectrum.e0, pre1=-200, pre2=-50, norm1=60,
        norm2=1200, nnorm=2,
    )  # fmt: skip
    assert spectrum.edge_step == pytest.approx(group.edge_step, rel=0.003)
    assert larch.find_e0(spectrum.energy, spectrum.mu) == pytest.approx(spectrum.e0, abs=1.5)


@pytest.mark.parametrize(
    ("name", "paths", "r_range"),
    [
        ("ni", ("ni_ni",), (1.6, 2.8)),
        ("feo", ("fe_o", "fe_fe_oxide"), (1.1, 3.2)),
        ("fe2o3", ("fe_o", "fe_fe_oxide"), (1.0, 3.2)),
        ("fe3c", ("fe_fe",), (1.4, 2.7)),
    ],
)
def test_distances_agree_with_larch(larch, spectra, tmp_path, name, paths, r_range):
    from larch import Group
    from larch.fitting import param, param_group

    exafs = remove_background(spectra[name], BackgroundConfig(rebin=False))
    config = PathFitConfig(paths, r_min=r_range[0], r_max=r_range[1], refine_background=False)
    ours = PathModel(config).fit(exafs)
    free = {"s02": 0.9, "de0": 0.0}
    listed = []
    for path in paths:
        free |= {f"dr_{path}": 0.0, f"ss_{path}": 0.006}
        file = feff_file(scattering_path(path), tmp_path)
        variables = {"deltar": f"dr_{path}", "sigma2": f"ss_{path}", "s02": "s02", "e0": "de0"}
        listed.append(larch.feffpath(file, label=path, **variables))
    transform = larch.feffit_transform(
        kmin=2.0, kmax=11.5, dk=1.0, window="hanning", kweight=3, rmin=r_range[0], rmax=r_range[1]
    )
    data = Group(k=exafs.k, chi=exafs.chi)
    dataset = larch.feffit_dataset(data=data, transform=transform, paths=listed)
    start = param_group(**{name: param(value, vary=True) for name, value in free.items()})
    theirs = larch.feffit(start, dataset)
    for path in paths:
        found = theirs.params[f"dr_{path}"]
        distance = scattering_path(path).reff + found.value
        assert ours[f"r_{path}"] == pytest.approx(distance, abs=0.002)
        assert ours[f"sigma2_{path}"] == pytest.approx(
            theirs.params[f"ss_{path}"].value, rel=0.03, abs=2e-4
        )
        # Scaled by the misfit in both; ours carries the noise through the window's weights.
        assert 0.4 < ours.sd_of(f"r_{path}") / found.stderr < 2.5
    assert ours["amplitude"] == pytest.approx(theirs.params["s02"].value, rel=0.03)
    assert ours["e0_shift"] == pytest.approx(theirs.params["de0"].value, abs=0.3)


@pytest.mark.parametrize("one", [False, True])
def test_fractions_agree_with_larch(larch, spectra, one):
    from larch import Group
    from larch.math import lincombo_fit

    names = ["feo", "fe2o3"]
    ours = linear_combination(
        spectra["fe3c"], {name: spectra[name] for name in names}, LcfConfig(sum_to_one=one)
    )
    groups = {
        name: Group(energy=s.energy, norm=s.norm, e0=s.e0, groupname=name, filename=name)
        for name, s in spectra.items()
    }
    low = spectra["feo"].e0
    theirs = lincombo_fit(
        groups["fe3c"], [groups[name] for name in names], sum_to_one=one, arrayname="norm",
        xmin=low - 20.0, xmax=low + 60.0,
    )  # fmt: skip
    for name, value in zip(names, ours.fractions, strict=True):
        # xraylarch interpolates references by straight lines or cubics of its own.
        assert value == pytest.approx(theirs.params[name].value, abs=0.01)
