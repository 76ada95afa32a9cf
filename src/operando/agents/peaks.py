"""Lines of one pattern: where they are and how strong, for people and for indexing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.optimize import curve_fit
from scipy.signal import oaconvolve

from operando.agents.patterns import PowderPatterns
from operando.errors import BadInput

_Array = NDArray[np.float64]

_NARROWEST = 0.8  # standard deviation of the narrowest line looked for, bins
_WIDEST = 0.5  # and of the widest, degrees
_SMOOTHNESS = 0.01  # relative noise that counting does not explain: grains, pixel responses
_WEAKEST = 0.5  # of the strongest line = 100
_LONG = 400  # bins; longer kernels are convolved by Fourier transform, which rounds more


@dataclass(frozen=True)
class Peak:
    """One line of a pattern.

    Parameters
    ----------
    two_theta : float
        Position, degrees.
    d_spacing : float
        Lattice spacing, Å.
    intensity : float
        Height above the background beside it, relative to the strongest line (= 100).
    """

    two_theta: float
    d_spacing: float
    intensity: float


@dataclass(frozen=True)
class _Candidate:
    significance: float
    index: int
    width: float  # bins


def find_peaks(patterns: PowderPatterns, *, significance: float = 5.0) -> list[Peak]:
    """Find the lines of one pattern.

    Parameters
    ----------
    patterns : PowderPatterns
        Exactly one pattern.
    significance : float
        Least ratio of a line's response to its standard deviation.

    Returns
    -------
    list of Peak
        Strongest first; empty if nothing stands out.

    Raises
    ------
    BadInput
        If there is not exactly one pattern.

    Notes
    -----
    Candidates are the maxima, over place and width, of the pattern's curvature over what
    counting noise makes of it [1]_. Each is then fitted by a Gaussian on a sloping background
    within two standard deviations, which puts it to a fraction of a bin. Lines weaker than
    0.5 % of the strongest are left out.

    References
    ----------
    .. [1] M. A. Mariscotti, Nucl. Instrum. Methods 50 (1967) 309.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(10.0, 30.0, 0.05)
    >>> counts = 50 + 900 * np.exp(-0.5 * ((x - 21.013) / 0.1) ** 2)
    >>> [peak] = find_peaks(PowderPatterns.from_counts(x, counts[None], 1.24))
    >>> round(peak.two_theta, 3), round(peak.d_spacing, 3), peak.intensity
    (21.013, 3.4, 100.0)
    """
    if len(patterns) != 1:
        raise BadInput(f"lines are found in one pattern at a time, not in {len(patterns)}")
    good = np.isfinite(patterns.intensity[0]) & np.isfinite(patterns.sigma[0])
    if good.sum() < 8:
        return []
    x = patterns.two_theta[good]
    y = patterns.intensity[0][good].astype(np.float64)
    sigma = patterns.sigma[0][good].astype(np.float64)
    variance = np.square(sigma) + np.square(_SMOOTHNESS * y)
    fits = [_fit(x, y, variance, c) for c in _candidates(x, y, variance, significance)]
    lines = _distinct([fit for fit in fits if fit is not None])
    if not lines:
        return []
    strongest = lines[0][1]
    return [
        Peak(centre, _spacing(centre, patterns.wavelength), 100.0 * height / strongest)
        for centre, height, _ in lines
        if 100.0 * height >= _WEAKEST * strongest
    ]


def _spacing(two_theta: float, wavelength: float) -> float:
    return wavelength / (2.0 * math.sin(math.radians(two_theta) / 2.0))


def _candidates(x: _Array, y: _Array, variance: _Array, threshold: float) -> list[_Candidate]:
    """Places where the significance has a maximum over place and over width."""
    step = float(np.median(np.diff(x)))
    widest = max(min(_WIDEST / step, x.size / 12.0), 2.0 * _NARROWEST)
    scales = math.ceil(2.0 * math.log2(widest / _NARROWEST)) + 1
    widths = np.geomspace(_NARROWEST, widest, scales)
    z = np.stack([_significance(y, variance, width) for width in widths])
    kept: list[_Candidate] = []
    for level, width in enumerate(widths):
        row = z[level]
        # A plateau's first bin stands for it; an edge has no line's two sides.
        top = np.flatnonzero((row[1:-1] > row[:-2]) & (row[1:-1] >= row[2:])) + 1
        for i in top[row[top] > threshold]:
            one = _Candidate(float(row[i]), int(i), float(width))
            if not _grows(z, level, i, width) and not _beside_a_gap(x, one, step):
                kept = _add(kept, one)
    return kept


def _grows(z: _Array, level: int, index: int, width: float) -> bool:
    """Whether a wider filter sees the line better, so that it is that filter's to report."""
    if level + 1 == len(z):
        return False
    reach = math.ceil(width)
    wider = z[level + 1, max(index - reach, 0) : index + reach + 1]
    return bool(wider.max() > z[level, index])


def _add(kept: list[_Candidate], one: _Candidate) -> list[_Candidate]:
    """Add a candidate wider than those before, unless it is only their sum."""
    inside = [k for k in kept if abs(k.index - one.index) <= 2.0 * one.width]
    if any(3.0 * k.significance > one.significance for k in inside):
        return kept
    return [k for k in kept if k not in inside] + [one]


def _significance(y: _Array, variance: _Array, width: float) -> _Array:
    half = min(math.ceil(4.0 * width), (y.size - 1) // 2)
    t = np.arange(-half, half + 1) / width
    kernel = (1.0 - t * t) * np.exp(-0.5 * t * t)
    kernel -= kernel.mean()
    response = _convolve(y, kernel)
    spread = np.sqrt(np.maximum(_convolve(variance, kernel * kernel), 0.0))
    return np.asarray(response / np.maximum(spread, 1e-30))


def _convolve(values: _Array, kernel: _Array) -> _Array:
    """Convolve with a symmetric kernel; the edges go on as they end."""
    if kernel.size < _LONG:
        return np.asarray(correlate1d(values, kernel, mode="nearest"))
    padded = np.pad(values, kernel.size // 2, mode="edge")
    return np.asarray(oaconvolve(padded, kernel, mode="valid"))


def _beside_a_gap(x: _Array, candidate: _Candidate, step: float) -> bool:
    reach = math.ceil(2.0 * candidate.width)
    near = x[max(candidate.index - reach, 0) : candidate.index + reach + 1]
    return bool(np.diff(near).max() > 5.0 * step)


def _line(
    x: _Array, height: float, centre: float, width: float, low: float, slope: float
) -> _Array:
    return height * np.exp(-0.5 * ((x - centre) / width) ** 2) + low + slope * (x - centre)


def _fit(
    x: _Array, y: _Array, variance: _Array, candidate: _Candidate
) -> tuple[float, float, float] | None:
    """Centre, height and width of the line, or None if there is none."""
    i, reach = candidate.index, max(math.ceil(2.5 * candidate.width), 4)
    part = slice(max(i - reach, 0), i + reach + 1)
    near, values = x[part], y[part]
    if near.size < 6:
        return None
    step = float(np.median(np.diff(near)))
    width, low = candidate.width * step, float(values.min())
    begin = (max(float(y[i]) - low, 1e-12), float(x[i]), width, low, 0.0)
    bounds = (
        [0.0, x[i] - 1.5 * width, 0.3 * step, -np.inf, -np.inf],
        [np.inf, x[i] + 1.5 * width, 3.0 * width, np.inf, np.inf],
    )
    # An empty bin's sigma is what a count would make it, never nought.
    spread = np.sqrt(np.maximum(variance[part], 1e-30))
    try:
        best, _ = curve_fit(_line, near, values, p0=begin, sigma=spread, bounds=bounds)
    except (RuntimeError, ValueError):
        return None
    height, centre = float(best[0]), float(best[1])
    noise = float(spread.min()) / math.sqrt(max(1.0, best[2] / step))
    return (centre, height, float(best[2])) if height > noise else None


def _distinct(lines: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Strongest first, without lines whose fits ran into a stronger one."""
    kept: list[tuple[float, float, float]] = []
    for one in sorted(lines, key=lambda line: -line[1]):
        if all(abs(one[0] - other[0]) > min(one[2], other[2]) for other in kept):
            kept.append(one)
    return kept
