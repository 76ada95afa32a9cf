"""How noisy a pattern is, told by the pattern itself where nobody said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray

_LAGS = (1, 2, 4)
_BLOCK = 16
_FEWEST_BLOCKS = 8
#: Third decile of a block's ratio of observed to expected variance, for Poisson counts
#: (0.71-0.81 in simulation, whatever the mean and the lag).
_THIRD_DECILE = 0.75
#: Integers count as photons unless their noise exceeds that of counts by more than this.
_CLEARLY_MORE = 2.0
#: No pattern is believed better than this many counts in its strongest bin.
_MOST_COUNTS = 1e6


def sigma_of(intensity: NDArray[np.float64]) -> FloatArray:
    """Give intensities that came without one a standard deviation.

    Parameters
    ----------
    intensity : ndarray of float64, (b,)
        Not negative, not all zero.

    Returns
    -------
    ndarray of float32, (b,)
        ``sqrt(s max(I, s))``: the intensity is taken for s times a number of counted photons.

    Notes
    -----
    Whole numbers are taken for counts (s = 1, so sigma is their square root), unless the scatter
    of neighbouring bins says clearly that they are noisier than counts, as integers are that
    were scaled up to a round maximum. Then, and for all other numbers, s comes from the scatter
    (:func:`noise_factor`). A pattern without any noise, a calculated one, is given the noise
    of a million counts in its strongest bin.

    Examples
    --------
    >>> import numpy as np
    >>> sigma_of(np.array([100.0, 0.0, 9.0])).tolist()
    [10.0, 1.0, 3.0]
    """
    factor = noise_factor(intensity, intensity)
    counts = bool(np.all(intensity == np.rint(intensity)))
    if counts and not factor > _CLEARLY_MORE:
        scale = 1.0
    else:
        # Too short to tell: as if the smallest step between values were one count.
        scale = factor if np.isfinite(factor) else _smallest_step(intensity)
        scale = max(scale, float(intensity.max()) / _MOST_COUNTS)
    return np.sqrt(scale * np.maximum(intensity, scale)).astype(np.float32)


def noise_factor(intensity: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    """Compare the observed variance of the noise with the expected one.

    Parameters
    ----------
    intensity : ndarray of float64, (b,)
    variance : ndarray of float64, (b,)
        Expected, up to the factor that is asked for.

    Returns
    -------
    float
        NaN where there are too few bins to tell.

    Notes
    -----
    Second differences at lags of 1, 2 and 4 bins remove any smooth course. Their squares over
    what is expected of them, block by block of 16 bins, have a third decile that lines do not
    reach; it is free of bias for few counts too. The greatest of the lags counts, for patterns
    that were smoothed or interpolated scatter less between next neighbours than they really do.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.random.default_rng(1).poisson(40.0, 4000).astype(float)
    >>> round(noise_factor(3.0 * counts, 3.0 * counts), 0)
    3.0
    """
    factors = [_factor_at(intensity, variance, lag) for lag in _LAGS]
    return float(max(factors)) if np.all(np.isfinite(factors)) else float("nan")


def _factor_at(y: NDArray[np.float64], variance: NDArray[np.float64], lag: int) -> float:
    observed = np.square(y[2 * lag :] - 2.0 * y[lag:-lag] + y[: -2 * lag])
    expected = variance[2 * lag :] + 4.0 * variance[lag:-lag] + variance[: -2 * lag]
    bins = observed.size // _BLOCK * _BLOCK
    blocks = observed[:bins].reshape(-1, _BLOCK).sum(axis=1)
    norms = expected[:bins].reshape(-1, _BLOCK).sum(axis=1)
    # Nothing at all, or the same value throughout, is no measurement of noise.
    useful = (norms > 0) & (blocks > 0)
    if useful.sum() < _FEWEST_BLOCKS:
        # Without any scatter there is none to estimate; with some, there are too few bins.
        return 0.0 if blocks.size >= _FEWEST_BLOCKS and not useful.any() else float("nan")
    return float(np.quantile(blocks[useful] / norms[useful], 0.3)) / _THIRD_DECILE


def _smallest_step(intensity: NDArray[np.float64]) -> float:
    steps = np.diff(np.unique(intensity))
    return float(steps.min()) if steps.size else float(intensity.max())
