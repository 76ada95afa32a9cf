import numpy as np
import pytest

from operando.physics.geometry import DetectorGeometry
from operando.simulations.background import RESIN_RATE, Background, counted
from operando.simulations.canvas import CONSTITUENTS
from operando.simulations.materials import MATERIALS, iron_fluorescence, transmission

AIR, RESIN, RUST, FLUORESCENCE = range(4)


@pytest.fixture(scope="module")
def background():
    return Background(DetectorGeometry(), 10.0)


def pure(name):
    return (np.array(CONSTITUENTS) == name).astype(float)[None]


def rates(background, name, threshold_ev=5000.0, amorphous=1.0):
    return background.rates(pure(name), np.array([amorphous]), threshold_ev)[0]


def image(background, component, photons=4_000_000):
    numbers = np.zeros(4, dtype=np.int64)
    numbers[component] = photons
    pixels = background.pixels(np.random.SFC64(1), numbers)
    return np.bincount(pixels, minlength=195 * 487).reshape(195, 487)


def test_a_threshold_passes_what_lies_above_it():
    thresholds = np.arange(3000, 13000, 250)
    chance = np.array([counted(8.0, threshold) for threshold in thresholds])
    assert np.all(np.diff(chance) <= 0)
    assert counted(8.0, 8000) == pytest.approx(0.5)
    # Half a keV wide: at half of that above the photon, an eighth is still counted.
    assert counted(8.0, 8250) == pytest.approx(1.0 - counted(8.0, 7750))
    assert 0.1 < counted(8.0, 8250) < 0.15


def test_resin_rust_and_iron_each_bring_their_own(background):
    resin, rust, iron = (rates(background, name) for name in ("resin", "gamma_feooh", "fe_bcc"))
    assert resin[RESIN] > 0
    assert resin[RUST] == resin[FLUORESCENCE] == 0
    assert rust[RUST] > 0
    assert rust[RESIN] == 0
    assert iron[RESIN] == iron[RUST] == 0
    assert iron[FLUORESCENCE] > 0
    # Air is behind every section, but metal lets less of it through.
    assert 0 < iron[AIR] < rust[AIR] < resin[AIR]


def test_amorphous_rust_adds_to_its_halo_only(background):
    usual, more = (rates(background, "alpha_feooh", amorphous=factor) for factor in (1.0, 2.0))
    np.testing.assert_allclose(more, usual * [1, 1, 2, 1], rtol=1e-12)


def test_a_threshold_above_the_iron_lines_removes_fluorescence_and_nothing_else(background):
    below, above = (rates(background, "fe3o4", threshold_ev) for threshold_ev in (5000, 8000))
    assert above[FLUORESCENCE] < 0.001 * below[FLUORESCENCE]
    np.testing.assert_allclose(above[:FLUORESCENCE], below[:FLUORESCENCE], rtol=1e-6)


def test_no_iron_line_is_excited_below_the_edge():
    assert iron_fluorescence(pure("fe_bcc"), 7.0) == 0.0
    assert iron_fluorescence(pure("fe_bcc"), 7.2) > 0.0
    assert iron_fluorescence(pure("fe_bcc"), 10.0) == pytest.approx(1.0)


def test_more_iron_glows_brighter_and_minerals_without_iron_do_not():
    glow = {name: float(iron_fluorescence(pure(name), 10.0)[0]) for name in CONSTITUENTS}
    assert glow["resin"] == glow["caco3"] == glow["sio2"] == 0.0
    assert glow["feco3"] < glow["gamma_feooh"] < glow["fe3o4"] < glow["fe_bcc"]


def test_fluorescence_is_the_integral_over_depth():
    """Excited at each depth by what got there, and absorbed on the rest of the way out."""
    depth = (np.arange(20000) + 0.5) * 10.0 / 20000

    def leaving(name):
        material = MATERIALS[name]
        reaching = np.exp(-material.absorption * depth)
        return material.iron * np.mean(
            reaching * np.exp(-material.absorption_iron * (10.0 - depth))
        )

    expected = leaving("fe3o4") / leaving("fe_bcc")
    assert iron_fluorescence(pure("fe3o4"), 10.0)[0] == pytest.approx(expected, rel=1e-6)


def test_transmission_follows_lambert_and_beer():
    half = 0.5 * (pure("fe_bcc") + pure("resin"))
    product = transmission(pure("fe_bcc"), 10.0) * transmission(pure("resin"), 10.0)
    np.testing.assert_allclose(transmission(half, 10.0) ** 2, product)
    assert transmission(pure("fe_bcc"), 10.0) == pytest.approx(np.exp(-1.34))
    assert transmission(pure("fe_bcc"), 20.0) > transmission(pure("fe_bcc"), 10.0)


def test_the_number_of_photons_is_the_number_asked_for(background):
    numbers = np.array([3, 0, 5, 1], dtype=np.int64)
    pixels = background.pixels(np.random.SFC64(3), numbers)
    assert pixels.shape == (9,)
    assert pixels.min() >= 0
    assert pixels.max() < 195 * 487
    assert background.pixels(np.random.SFC64(3), np.zeros(4, dtype=np.int64)).size == 0


def test_fluorescence_goes_out_evenly_into_the_solid_angle(background):
    counts = image(background, FLUORESCENCE)
    solid_angle = DetectorGeometry().solid_angle()
    expected = solid_angle * counts.sum() / solid_angle.sum()
    # Coarse cells, so that neither counting nor the table's grain matters.
    cells = [a[:192, :480].reshape(12, 16, 12, 40).sum(axis=(1, 3)) for a in (counts, expected)]
    np.testing.assert_allclose(cells[0] / cells[1], 1.0, atol=0.04)


@pytest.mark.parametrize(
    ("component", "d_spacing"), [(RESIN, 4.7), (RUST, 2.55)], ids=["resin", "rust"]
)
def test_a_halo_is_round_and_stands_at_its_distance_between_atoms(background, component, d_spacing):
    geometry = DetectorGeometry()
    two_theta = geometry.two_theta().ravel()
    edges = np.arange(10.0, 40.0, 0.5)
    which = np.digitize(two_theta, edges)

    def profile(values):
        return np.bincount(which, values, edges.size + 1)[1:-1]

    brightness = profile(image(background, component).ravel()) / profile(
        geometry.solid_angle().ravel()
    )
    middle = 0.5 * (edges[1:] + edges[:-1])
    expected = np.degrees(2.0 * np.arcsin(1.2398 / (2.0 * d_spacing)))
    assert abs(middle[np.argmax(brightness)] - expected) < 1.0


def test_air_scatters_most_at_low_angle(background):
    columns = image(background, AIR).sum(axis=0) / DetectorGeometry().solid_angle().sum(axis=0)
    coarse = columns[:480].reshape(12, 40).mean(axis=1)
    assert np.all(np.diff(coarse) < 0)


def test_the_peak_rates_are_per_column(background):
    """What the constants say: photons a second in the brightest column of a pure section."""
    counts = image(background, RESIN)
    rate = rates(background, "resin")[RESIN]
    column = counts.sum(axis=0) * rate / counts.sum()
    through = transmission(pure("resin"), 10.0)[0]
    assert np.sort(column)[-5:].mean() == pytest.approx(RESIN_RATE * through, rel=0.03)
