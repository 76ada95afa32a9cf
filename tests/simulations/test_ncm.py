import numpy as np
import pytest

from operando.errors import BadInput
from operando.physics.xafs_edges import edge_of
from operando.simulations.ncm_specimen import METALS, REFERENCE_SOC, fractions, structure
from operando.simulations.ncm_spectra import foil_spectrum, reference_spectrum
from operando.simulations.xafs_beamline import BeamlineSettings, XafsBeamline

SOC = np.linspace(0.0, 1.6, 81)


def half_height(metal, state):
    energy = edge_of(metal).energy + np.arange(-15.0, 30.0, 0.01)
    mu = reference_spectrum(metal, state, energy)
    return energy[np.argmax(mu > 0.5)]


def test_the_laws_have_the_published_end_points():
    empty, full = structure(0.0), structure(1.5)
    ends = {"Ni": (2.03, 1.89), "Co": (1.92, 1.89), "Mn": (1.906, 1.904)}
    for metal, (first, last) in ends.items():
        assert empty.distance[metal, "o"] == pytest.approx(first, abs=2e-3)
        assert full.distance[metal, "o"] == pytest.approx(last, abs=2e-3)
        assert empty.distance[metal, "m"] == pytest.approx(2.87)
        assert full.distance[metal, "m"] == pytest.approx(2.83)
    assert half_height("Ni", 4) - half_height("Ni", 0) == pytest.approx(3.0, abs=0.5)
    assert half_height("Ni", 4) - half_height("Ni", 0) > 2 * (
        half_height("Co", 4) - half_height("Co", 0)
    )


def test_the_layers_open_and_close_again():
    c = np.array([structure(soc).c_axis for soc in SOC])
    top = SOC[c.argmax()]
    assert c[0] == pytest.approx(14.23)
    assert c.max() == pytest.approx(14.45, abs=0.002)
    assert 0.7 < top < 1.0
    assert np.all(np.diff(c[top < SOC]) < 0)
    assert structure(1.5).strain > 2 * structure(1.0).strain


@pytest.mark.parametrize("metal", METALS)
def test_shares_sum_to_one_and_references_are_pure(metal):
    for soc in SOC:
        share = fractions(metal, soc)
        assert share.sum() == pytest.approx(1.0)
        assert share.min() >= 0.0
    for state, soc in enumerate(REFERENCE_SOC):
        assert fractions(metal, soc)[state] == 1.0


def test_nickel_follows_the_published_shares(shared_data):
    table = np.genfromtxt(
        shared_data / "battery/ncm_ni_lcf.csv", delimiter=",", skip_header=1, max_rows=16
    )
    for row in table:
        assert fractions("Ni", row[0] / 100.0) == pytest.approx(row[1:6], abs=0.06)


def test_five_references_can_be_told_apart_through_the_noise_of_a_scan():
    for metal in METALS:
        energy = edge_of(metal).energy + np.arange(-20.0, 60.0, 0.5)
        library = np.array([reference_spectrum(metal, k, energy) for k in range(5)]).T
        covariance = 4e-4**2 * np.linalg.inv(library.T @ library)
        assert np.sqrt(np.diag(covariance)).max() < 0.02


@pytest.mark.parametrize("metal", METALS)
def test_spectra_are_normalised_and_foils_have_their_edge_where_the_tables_say(metal):
    e0 = edge_of(metal).energy
    energy = e0 + np.arange(-200.0, 700.0, 0.1)
    for mu in (reference_spectrum(metal, 2, energy), foil_spectrum(metal, energy)):
        assert abs(mu[energy < e0 - 100.0].mean()) < 0.02
        assert mu[energy > e0 + 300.0].mean() == pytest.approx(1.0, abs=0.02)
    rise = np.gradient(foil_spectrum(metal, energy), energy)
    first = np.flatnonzero((rise[1:-1] > rise[:-2]) & (rise[1:-1] > rise[2:]) & (rise[1:-1] > 0.05))
    assert energy[first[0] + 1] == pytest.approx(e0, abs=0.3)


def test_unknown_metals_are_refused():
    with pytest.raises(BadInput, match="Ni, Co, Mn"):
        fractions("Fe", 0.5)


def test_dose_makes_the_electrode_lag_behind():
    assert structure(0.5, dose_mgy=1.0).c_axis == pytest.approx(structure(0.5).c_axis, abs=1e-3)
    heavy = structure(0.5, dose_mgy=1000.0)
    assert heavy.c_axis == pytest.approx(structure(0.47).c_axis, abs=1e-4)


GRID = np.arange(8300.0, 8500.0, 1.0)


def test_chambers_see_the_dark_current_when_the_shutter_is_closed():
    beamline = XafsBeamline(lambda: 0.5, 1)
    dark = beamline.scan(GRID, 1.0, 0.0, flux=0.0)
    for counts, rate in zip(dark, beamline.settings.dark, strict=True):
        assert counts.mean() == pytest.approx(rate, abs=2.0)
    assert beamline.dose == 0.0


def test_noise_falls_with_counting_time_and_dose_rises():
    quick, slow = XafsBeamline(lambda: 0.5, 1), XafsBeamline(lambda: 0.5, 1)
    noise = []
    for beamline, dwell in ((quick, 0.01), (slow, 1.0)):
        i0, i1, _ = beamline.scan(GRID, dwell, 0.0)
        mu = np.log((i0 - 240.0 * dwell) / (i1 - 310.0 * dwell))
        noise.append(np.std(np.diff(mu[150:], 2)))
    assert noise[0] > 3 * noise[1]
    assert slow.dose == pytest.approx(100 * quick.dose)


def test_the_energy_drifts_between_scans_and_the_foil_tells():
    beamline = XafsBeamline(lambda: 0.5, 3, BeamlineSettings(jitter_ev=0.0))
    drift = np.array([beamline.drift(3600.0 * hour) for hour in range(8)])
    assert 0.05 < np.ptp(drift) < 2.0
    near = np.arange(8325.0, 8350.0, 0.25)
    late = 3600.0 * int(np.argmax(np.abs(drift)))
    seen = []
    for time in (0.0, late):
        _, i1, ir = beamline.scan(near, 10.0, time)
        foil = np.log((i1 - 3100.0) / (ir - 1800.0))
        rising = slice(0, int(foil.argmax()))
        seen.append(np.interp(foil.min() + 0.6 * np.ptp(foil), foil[rising], near[rising]))
    assert seen[0] - seen[1] == pytest.approx(beamline.drift(late), abs=0.02)


def test_the_peak_is_where_the_spacing_puts_it():
    beamline = XafsBeamline(lambda: 0.87, 1, BeamlineSettings(drift_ev=0.0))
    angles = np.linspace(17.0, 23.0, 487)
    counts = beamline.strip(angles, 1000.0, 7500.0)
    peak = counts - np.median(counts)
    near = np.abs(angles - angles[counts.argmax()]) < 0.3
    centre = np.average(angles[near], weights=np.maximum(peak[near], 0.0))
    spacing = 1.65312264 / 2.0 / np.sin(np.deg2rad(centre / 2.0))
    assert spacing == pytest.approx(beamline.truth().d003, abs=1e-3)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(seconds):
    beamline = XafsBeamline(lambda: 0.5)
    with pytest.raises(BadInput):
        beamline.scan(GRID, seconds, 0.0)
    with pytest.raises(BadInput):
        beamline.strip(GRID, seconds, 7500.0)
