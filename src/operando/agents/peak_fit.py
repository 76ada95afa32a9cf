"""Voigt fit of one reflection, with its full covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import leastsq
from scipy.special import wofz

from operando.errors import BadInput

Floats = NDArray[np.float64]
_SQRT_2LN2 = float(np.sqrt(2.0 * np.log(2.0)))

#: Parameters in their order: centre, area, Gaussian and Lorentzian full widths at half maximum,
#: then the background's value at the middle of the data and its slope.
NAMES = ("xc", "area", "w_gauss", "w_lorentz", "background", "slope")


@dataclass(frozen=True)
class PeakFitConfig:
    """When a fit is flagged.

    Parameters
    ----------
    max_trade_off : float
        A correlation of the two widths below minus this is flagged.
    min_width_share : float
        A width that is a smaller share than this of the whole is at its bound, 0.
    """

    max_trade_off: float = 0.95
    min_width_share: float = 0.01


@dataclass(frozen=True, eq=False)
class PeakFit:
    """A fitted peak; lengths along x are in the units of x.

    Parameters
    ----------
    values, sd : ndarray of float64, (6,)
        In the order of `NAMES`.
    covariance : ndarray of float64, (6, 6)
    fwhm, fwhm_sd : float
        Full width at half maximum of the Voigt function; well determined also where its two
        parts are not.
    correlation : float
        Between the two widths.
    chi_square : float
        Reduced.
    flags : tuple of str
        ``widths trade off``, ``w_gauss at bound``, ``w_lorentz at bound``,
        ``centre outside the data``, ``no peak``.
    """

    values: Floats
    sd: Floats
    covariance: Floats
    fwhm: float
    fwhm_sd: float
    correlation: float
    chi_square: float
    flags: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        return float(self.values[NAMES.index(name)])

    def sd_of(self, name: str) -> float:
        """Return the standard deviation of one parameter."""
        return float(self.sd[NAMES.index(name)])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a document or JSON."""
        pairs = zip(NAMES, self.values, self.sd, strict=True)
        named = {name: {"value": float(value), "sd": float(sd)} for name, value, sd in pairs}
        return {
            **named,
            "fwhm": {"value": self.fwhm, "sd": self.fwhm_sd},
            "correlation": self.correlation,
            "chi_square": self.chi_square,
            "flags": list(self.flags),
        }


def voigt(x: ArrayLike, xc: float, area: float, w_gauss: float, w_lorentz: float) -> Floats:
    """Voigt function.

    Parameters
    ----------
    x : array_like, (n,)
    xc, area : float
    w_gauss, w_lorentz : float
        Full widths at half maximum of the Gaussian and the Lorentzian.

    Returns
    -------
    ndarray of float64, (n,)

    Examples
    --------
    >>> x = np.linspace(-200, 200, 40001)
    >>> round(float(voigt(x, 0.0, 2.0, 1.0, 0.5).sum() * 0.01), 2)
    2.0
    """
    x = np.asarray(x, dtype=np.float64)
    least = 1e-7 * max(w_lorentz, 1e-300)
    return _voigt_and_slopes(x, xc, area, w_gauss, w_lorentz, least)[0]


def voigt_fwhm(w_gauss: float, w_lorentz: float) -> float:
    """Full width at half maximum, to 0.02 %: Olivero & Longbothum (1977).

    The formula is 10.1016/0022-4073(77)90161-3.

    Examples
    --------
    >>> round(voigt_fwhm(1.0, 1.0), 4)
    1.6376
    """
    return 0.5346 * w_lorentz + float(np.hypot(np.sqrt(0.2166) * w_lorentz, w_gauss))


def fit_peak(
    x: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None = None,
    config: PeakFitConfig | None = None,
) -> PeakFit:
    """Fit one Voigt peak on a straight background.

    Parameters
    ----------
    x : array_like, (n,)
        2θ, or any other axis.
    intensity : array_like, (n,)
    sigma : array_like, (n,), optional
        Standard deviations. Without them all points count alike and the noise is taken from the
        residuals.
    config : PeakFitConfig, optional

    Returns
    -------
    PeakFit

    Raises
    ------
    BadInput
        If there are fewer than 8 points, or values that are no numbers.

    Notes
    -----
    The covariance is the inverse normal matrix (times the reduced χ², where sigma is not given or
    where the reduced χ² is above 1). Where the two widths trade off, neither says much alone; the
    FWHM, with its own standard deviation by the full covariance, does.
    """
    config = config or PeakFitConfig()
    x, y, weight = _checked(x, intensity, sigma)
    middle = float(x.mean())
    # The derivatives cancel where the Gaussian is far narrower than everything else.
    least = 1e-5 * float(np.ptp(x))

    def model(p: Floats) -> tuple[Floats, Floats]:
        value, slopes = _voigt_and_slopes(x, p[0], p[1], abs(p[2]), abs(p[3]), least)
        slopes[2:4] *= np.where(p[2:4] < 0, -1.0, 1.0)[:, None]
        jacobian = np.vstack([slopes, np.ones_like(x), x - middle])
        return value + p[4] + p[5] * (x - middle), jacobian

    found = leastsq(
        lambda p: (model(p)[0] - y) * weight,
        _start(x, y),
        Dfun=lambda p: model(p)[1] * weight,
        col_deriv=True,
        ftol=1e-10,
        xtol=1e-9,
        maxfev=200,
    )[0]
    residual = (model(found)[0] - y) * weight
    found[2:4] = np.abs(found[2:4])
    # A Gaussian of no width has no derivative, and would seem to be known exactly.
    least = 0.05 * voigt_fwhm(*found[2:4])
    jacobian = model(np.r_[found[:2], np.maximum(found[2:4], least), found[4:]])[1] * weight
    chi_square = float(residual @ residual) / max(1, x.size - found.size)
    covariance = _inverse(jacobian) * (chi_square if sigma is None else max(1.0, chi_square))
    return _result(x, found, covariance, chi_square, config)


def _checked(
    x: ArrayLike, intensity: ArrayLike, sigma: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(intensity, dtype=np.float64)
    errors = np.ones_like(y) if sigma is None else np.asarray(sigma, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or errors.shape != y.shape:
        raise BadInput(f"x {x.shape}, intensity {y.shape} and sigma {errors.shape} do not match")
    if x.size < 8:
        raise BadInput(f"a peak of {x.size} points; at least 8 are needed")
    for name, values in (("x", x), ("intensity", y), ("sigma", errors)):
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            raise BadInput(f"{name} is {values[wrong[0]]} at point {wrong[0] + 1}")
    if not (errors > 0).all():
        raise BadInput(f"sigma is {errors.min():g} at point {int(errors.argmin()) + 1}")
    return x, y, 1.0 / errors


def _start(x: Floats, y: Floats) -> Floats:
    """Rough peak: base from both ends, width from the area over the height."""
    size = max(2, x.size // 8)
    base_left, base_right = float(np.median(y[:size])), float(np.median(y[-size:]))
    slope = (base_right - base_left) / float(x[-size:].mean() - x[:size].mean())
    base = base_left + slope * (x - x[:size].mean())
    above = y - base
    top = int(np.argmax(above))
    area = float(np.trapezoid(np.maximum(above, 0.0), x))
    step = abs(float(np.median(np.diff(x))))
    width = max(2.0 * step, 0.7 * abs(area) / max(float(above[top]), 1e-300))
    width = min(width, 0.5 * float(np.ptp(x)))
    middle = float(x.mean())
    at_middle = base_left + slope * (middle - float(x[:size].mean()))
    return np.array([x[top], area, 0.6 * width, 0.6 * width, at_middle, slope])


def _voigt_and_slopes(
    x: Floats, xc: float, area: float, w_gauss: float, w_lorentz: float, least: float
) -> tuple[Floats, Floats]:
    """Return values (n,) and derivatives with respect to xc, area and both widths, (4, n)."""
    half = 0.5 * w_lorentz
    sd = max(w_gauss / (2.0 * _SQRT_2LN2), least)
    z = (x - xc + 1j * half) / (sd * np.sqrt(2.0))
    w = wofz(z)
    norm = 1.0 / (sd * np.sqrt(2.0 * np.pi))
    # w'(z) = -2 z w + 2i/√π, and V = norm · Re w.
    dw = (-2.0 * z * w + 2j / np.sqrt(np.pi)) / (sd * np.sqrt(2.0))
    unit = norm * w.real
    by_x = norm * dw.real
    by_half = -norm * dw.imag
    by_sd = -unit / sd - norm * (dw * (x - xc + 1j * half)).real / sd
    slopes = np.vstack(
        [-area * by_x, unit, area * by_sd / (2.0 * _SQRT_2LN2), 0.5 * area * by_half]
    )
    return area * unit, slopes


def _inverse(jacobian: Floats) -> Floats:
    """Inverse normal matrix, scaled so that parameters of different size do no harm."""
    normal = jacobian @ jacobian.T
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    return np.asarray(np.linalg.pinv(normal / np.outer(scale, scale)) / np.outer(scale, scale))


def _result(
    x: Floats, values: Floats, covariance: Floats, chi_square: float, config: PeakFitConfig
) -> PeakFit:
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    gauss, lorentz = float(values[2]), float(values[3])
    fwhm = voigt_fwhm(gauss, lorentz)
    root = max(float(np.hypot(np.sqrt(0.2166) * lorentz, gauss)), 1e-300)
    gradient = np.array([gauss / root, 0.5346 + 0.2166 * lorentz / root])
    fwhm_sd = float(np.sqrt(max(0.0, gradient @ covariance[2:4, 2:4] @ gradient)))
    product = float(sd[2] * sd[3])
    correlation = float(covariance[2, 3]) / product if product > 0 else 0.0
    flags = []
    if correlation < -config.max_trade_off:
        flags.append("widths trade off")
    for name, width in (("w_gauss", gauss), ("w_lorentz", lorentz)):
        if width < config.min_width_share * fwhm:
            flags.append(f"{name} at bound")
    if not x.min() <= values[0] <= x.max():
        flags.append("centre outside the data")
    if values[1] < 3.0 * sd[1]:
        flags.append("no peak")
    return PeakFit(values, sd, covariance, fwhm, fwhm_sd, correlation, chi_square, tuple(flags))
