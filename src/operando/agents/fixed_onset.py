"""The usual least-squares fit, for comparison: onset fixed to the valve, time in mid-frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from operando.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FixedOnset:
    """A least-squares fit of first order from a fixed onset.

    Parameters
    ----------
    k, k_sd : float
        Rate and the uncertainty that the fit claims, 1/s.
    amplitude : float
        Plateau.
    rms : float
        Of the residuals.
    """

    k: float
    k_sd: float
    amplitude: float
    rms: float


def fit_fixed_onset(start: Floats, stop: Floats, loaded: Floats, onset: float) -> FixedOnset:
    """Fit A (1 - exp(-k (t - onset))) to the loaded phase's area, unweighted.

    Parameters
    ----------
    start, stop : ndarray of float64, (n,)
        Begin and end of each exposure, s; t is the middle.
    loaded : ndarray of float64, (n,)
        Area of the loaded phase.
    onset : float
        Where the curve begins, s: usually when the valve opened.

    Returns
    -------
    FixedOnset

    Raises
    ------
    BadInput
        If fewer than three frames lie after the onset, or no rate and amplitude fit them.

    Notes
    -----
    Not what the agent does: it is here to be compared with. What the crystal waits between the
    opening of the valve and the onset goes into the rate, and the uncertainty does not say so.

    Examples
    --------
    >>> time = np.arange(0.0, 10.0, 0.1)
    >>> late = 1.0 - np.exp(-0.6 * np.clip(time - 1.4, 0.0, None))
    >>> fit = fit_fixed_onset(time - 0.05, time + 0.05, late, onset=1.0)
    >>> fit.k < 0.5, bool(0.6 - fit.k > 5 * fit.k_sd)
    (True, True)
    """
    time = 0.5 * (start + stop)
    after = time > onset
    if after.sum() < 3:
        raise BadInput(f"only {after.sum()} frames lie after the onset at {onset:g} s")

    def curve(t: Floats, k: float, amplitude: float) -> Floats:
        return np.asarray(amplitude * (1.0 - np.exp(-k * np.maximum(t - onset, 0.0))))

    try:
        best, covariance = curve_fit(curve, time, loaded, p0=(0.5, float(loaded.max())))
    except RuntimeError as error:  # a curve that only steepens has no rate under this onset
        raise BadInput(f"no rate fits an onset at {onset:g} s") from error
    residual = loaded - curve(time, *best)
    return FixedOnset(
        float(best[0]),
        float(np.sqrt(covariance[0, 0])),
        float(best[1]),
        float(np.sqrt(np.mean(residual**2))),
    )
