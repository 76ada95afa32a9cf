"""Voigt fits of one reflection, with counting noise."""

import numpy as np
import pytest

from operando.agents.peak_fit import NAMES, fit_peak, voigt, voigt_fwhm
from operando.errors import BadInput

X = np.arange(13.0, 17.0, 0.0615)  # a 003 reflection on pixels of 0.0615°


def counts(rng, area, w_gauss, w_lorentz, xc=15.03):
    y = rng.poisson(voigt(X, xc, area, w_gauss, w_lorentz) + 50.0 + 2.0 * (X - X.mean()))
    return y, np.sqrt(np.maximum(y, 1.0))


def half_width(x, y):
    above = x[y >= 0.5 * y.max()]
    return above[-1] - above[0]


@pytest.mark.parametrize(
    ("w_gauss", "w_lorentz"), [(1.0, 0.0), (0.0, 1.0), (1.0, 0.3), (0.3, 1.0), (1.0, 1.0)]
)
def test_voigt_has_its_area_and_width(w_gauss, w_lorentz):
    x = np.linspace(-2000.0, 2000.0, 4_000_001)
    y = voigt(x, 0.0, 3.0, w_gauss, w_lorentz)
    assert y.sum() * 1e-3 == pytest.approx(3.0, rel=1e-3)
    assert half_width(x, y) == pytest.approx(voigt_fwhm(w_gauss, w_lorentz), rel=2e-3)


@pytest.mark.parametrize("area", [200.0, 12_000.0])
def test_parameters_come_back_with_their_errors(area):
    rng, truth = np.random.default_rng(1), [15.03, area, 0.12, 0.10, 50.0, 2.0]
    pulls, widths = [], []
    for _ in range(150):
        found = fit_peak(X, *counts(rng, area, 0.12, 0.10))
        pulls.append((found.values - truth) / found.sd)
        widths.append((found.fwhm - voigt_fwhm(0.12, 0.10)) / found.fwhm_sd)
        assert "no peak" not in found.flags
    spread = dict(zip(NAMES, np.std(pulls, axis=0), strict=True))
    assert all(0.8 < value < 1.2 for value in spread.values()), spread
    assert 0.8 < np.std(widths) < 1.2


def test_widths_that_cannot_be_told_apart_are_flagged():
    # Without the tails in view, more Gaussian and less Lorentzian look alike.
    rng, flagged = np.random.default_rng(2), 0
    near = (X > 14.8) & (X < 15.3)
    for _ in range(30):
        y, sigma = counts(rng, 600.0, 0.12, 0.10)
        assert fit_peak(X, y, sigma).flags == ()
        found = fit_peak(X[near], y[near], sigma[near])
        flagged += "widths trade off" in found.flags
        assert found.correlation < -0.9
        assert abs(found["xc"] - 15.03) < 5 * found.sd_of("xc")
        assert found.fwhm_sd < found.sd_of("w_gauss")
    assert flagged >= 27


def test_a_pure_shape_is_flagged_at_its_bound_with_an_error_that_is_not_zero():
    rng = np.random.default_rng(3)
    found = [fit_peak(X, *counts(rng, 5_000.0, 0.0, 0.2)) for _ in range(20)]
    assert sum("w_gauss at bound" in fit.flags for fit in found) >= 5
    assert all(fit.sd_of("w_gauss") > 1e-3 for fit in found)
    assert all(abs(fit.fwhm - 0.2) < 0.05 for fit in found)


def test_no_peak_is_said_so():
    y = np.random.default_rng(4).poisson(np.full(X.size, 100.0))
    assert fit_peak(X, y, np.sqrt(y)).flags


def test_noise_from_the_residuals_where_none_is_given():
    rng = np.random.default_rng(5)
    y = voigt(X, 15.03, 100.0, 0.12, 0.10)
    pulls = []
    for _ in range(100):
        found = fit_peak(X, y + rng.normal(0, 3.0, X.size))
        pulls.append((found["xc"] - 15.03) / found.sd_of("xc"))
    assert 0.8 < np.std(pulls) < 1.25


def test_a_bad_model_widens_the_errors():
    two = voigt(X, 15.0, 5_000.0, 0.1, 0.1) + voigt(X, 15.3, 3_000.0, 0.1, 0.1) + 50.0
    found = fit_peak(X, two, np.sqrt(two))
    assert found.chi_square > 5
    assert found.sd_of("xc") > 0.003


@pytest.mark.parametrize(
    ("x", "y", "sigma", "message"),
    [
        (X[:5], X[:5], None, "5 points; at least 8"),
        (X, X[:-1], None, "do not match"),
        (X, np.where(X > 16, np.nan, 1.0), None, "intensity is nan at point 50"),
        (X, X, np.zeros_like(X), "sigma is 0"),
    ],
)
def test_bad_peaks(x, y, sigma, message):
    with pytest.raises(BadInput, match=message):
        fit_peak(x, y, sigma)
