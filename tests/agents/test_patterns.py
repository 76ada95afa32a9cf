import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.agents.patterns import PowderPatterns
from operando.errors import BadInput

AXIS = np.linspace(10.0, 40.0, 301)


def counts(n=2, bins=AXIS.size, seed=0):
    return np.random.default_rng(seed).poisson(50.0, (n, bins)).astype(np.float32)


@pytest.mark.parametrize(
    ("two_theta", "intensity", "sigma", "wavelength", "names", "message"),
    [
        ([10, 20, 20], (1, 3), (1, 3), 1.0, (), "20° follows 20°"),
        ([10, 30, 20], (1, 3), (1, 3), 1.0, (), "20° follows 30°"),
        ([10, np.nan, 20], (1, 3), (1, 3), 1.0, (), "ascend"),
        ([-1, 10, 20], (1, 3), (1, 3), 1.0, (), "0° to 180°"),
        ([10, 20, 180], (1, 3), (1, 3), 1.0, (), "0° to 180°"),
        ([10], (1, 1), (1, 1), 1.0, (), "two or more"),
        ([10, 20, 30], (1, 2), (1, 3), 1.0, (), "must both be"),
        ([10, 20, 30], (1, 3), (2, 3), 1.0, (), "must both be"),
        ([10, 20, 30], (3,), (3,), 1.0, (), "must both be"),
        ([10, 20, 30], (1, 3), (1, 3), 0.0, (), "above 0"),
        ([10, 20, 30], (1, 3), (1, 3), np.inf, (), "above 0"),
        ([10, 20, 30], (1, 3), (1, 3), 1.0, ("a", "b"), "2 names for 1"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(
    two_theta, intensity, sigma, wavelength, names, message
):
    with pytest.raises(BadInput, match=message):
        PowderPatterns(
            np.array(two_theta, float), wavelength, np.ones(intensity), np.ones(sigma), names
        )


def test_a_part_keeps_its_names_and_its_order():
    patterns = PowderPatterns.from_counts(AXIS, counts(4), 1.0, ("a", "b", "c", "d"))
    assert patterns[1:3].names == ("b", "c")
    picked = patterns[np.array([3, 0])]
    assert picked.names == ("d", "a")
    np.testing.assert_array_equal(picked.intensity, patterns.intensity[[3, 0]])
    assert patterns[np.array([False, True, False, False])].names == ("b",)


def test_bragg_law_ties_spacing_to_angle():
    patterns = PowderPatterns.from_counts([20.0, 60.0], [[1, 1]], 1.5)
    assert patterns.d_spacing[1] == pytest.approx(1.5)  # sin 30° = 1/2


@given(st.floats(0.8, 1.6), st.integers(50, 900), st.integers(0, 5))
def test_rebinning_conserves_counts_and_their_variance(wavelength, bins, seed):
    old = PowderPatterns.from_counts(AXIS, counts(seed=seed), 1.2)
    edges = np.linspace(0.5, 120.0, bins + 1)  # wider than the old axis at any of these
    new = old.rebin(edges, wavelength)
    measured = np.isfinite(new.sigma)
    assert np.array_equal(measured, np.isfinite(new.intensity))
    # What is missing is at most the two new bins that the old axis covers in part.
    widest = 2 * (edges[1] - edges[0])
    reach = new.two_theta[measured[0]]
    share = (reach[-1] - reach[0]) / (reach[-1] - reach[0] + widest)
    total = old.intensity.sum(axis=1)
    kept = np.where(measured, new.intensity, 0).sum(axis=1)
    assert np.all(kept <= total * (1 + 1e-4))
    assert np.all(kept >= total * share * 0.8)
    variance = np.square(np.where(measured, new.sigma, 0)).sum(axis=1)
    np.testing.assert_allclose(variance, kept, rtol=0.03)


def test_a_line_stands_at_the_same_spacing_at_any_wavelength():
    line = 5e3 * np.exp(-0.5 * ((AXIS - 25.0) / 0.2) ** 2)
    old = PowderPatterns.from_counts(AXIS, line[None], 1.2)
    new = old.rebin(np.linspace(5.0, 60.0, 701), 1.5406)
    y = np.nan_to_num(new.intensity[0])
    centre = (y * new.two_theta).sum() / y.sum()
    spacing = 1.5406 / (2 * np.sin(np.radians(centre / 2)))
    assert spacing == pytest.approx(1.2 / (2 * np.sin(np.radians(12.5))), rel=1e-3)


def test_a_bin_touched_by_an_unmeasured_one_is_unmeasured():
    intensity, sigma = counts(1), np.ones((1, AXIS.size), np.float32)
    intensity[0, 100], sigma[0, 100] = np.nan, np.inf  # 20 degrees
    patterns = PowderPatterns(AXIS, 1.2, intensity, sigma)
    new = patterns.rebin(np.arange(12.0, 38.0, 1.0) + 0.5, 1.2)
    lost = ~np.isfinite(new.sigma[0])
    assert list(new.two_theta[lost]) == [20.0]
    assert np.isnan(new.intensity[0][lost]).all()


def test_an_axis_that_is_there_already_is_left_alone():
    patterns = PowderPatterns.from_counts(AXIS, counts(), 1.2)
    step = AXIS[1] - AXIS[0]
    edges = np.linspace(AXIS[0] - step / 2, AXIS[-1] + step / 2, AXIS.size + 1)
    assert patterns.rebin(edges, 1.2) is patterns
