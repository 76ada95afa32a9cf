"""What a pattern says about each phase: matched filters at the phases' reference lines.

Raw counts change with exposure, texture and background; the significance of a line at the place
where a phase must have one does not. Every feature is dimensionless, so patterns of any unit,
exposure or wavelength land in the same space once they stand on the canonical axis.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray, PowderPatterns
from operando.agents.phase_lines import (
    CANONICAL_EDGES,
    CANONICAL_TWO_THETA,
    CANONICAL_WAVELENGTH,
    FILTER_WIDTHS,
    gaussian_bins,
    pure_areas,
    reference_lines,
    strongest_lines,
)
from operando.errors import BadInput
from operando.physics.phases import CRYSTALLINE

#: Relative error of any line-shape model; keeps the significance of strong lines finite.
MODEL_ERROR = 0.03
_SUB_BLOCK = 5  # bins averaged before the lower envelope is taken
_GROUP = 8  # sub-blocks in one background feature
_LEVEL = 146  # rank of the bin that stands for the background's level, of 487: the 30th per cent


def to_canonical(patterns: PowderPatterns) -> PowderPatterns:
    """Bring patterns of any wavelength and axis onto the canonical axis.

    Parameters
    ----------
    patterns : PowderPatterns
        ``intensity`` (n, b) and ``sigma`` (n, b) on a 2θ axis (b,) in degrees.

    Returns
    -------
    PowderPatterns
        (n, 487) on :data:`CANONICAL_TWO_THETA` at 10 keV. Bins that were not measured hold NaN
        intensity and infinite sigma.

    Raises
    ------
    BadInput
        If fewer than a quarter of the canonical bins were measured.
    """
    if patterns.two_theta.shape == CANONICAL_TWO_THETA.shape and np.allclose(
        patterns.two_theta, CANONICAL_TWO_THETA, atol=1e-6
    ):
        if abs(patterns.wavelength - CANONICAL_WAVELENGTH) < 1e-6:
            return patterns
    canonical = patterns.rebin(CANONICAL_EDGES, CANONICAL_WAVELENGTH)
    covered = np.isfinite(canonical.sigma).mean(axis=1) if len(canonical) else np.ones(1)
    if covered.min() < 0.25:
        d_spacing = patterns.d_spacing
        raise BadInput(
            f"the pattern covers d = {d_spacing.min():.2f}-{d_spacing.max():.2f} Å; at least a "
            "quarter of 1.80-7.32 Å is needed to tell the phases"
        )
    return canonical


def local_filter(center: float, fwhm: float) -> NDArray[np.float64]:
    """Build a filter blind to any parabola under the line, of unit response to the line."""
    template = gaussian_bins(center, fwhm)
    half = max(0.7, 3.0 * fwhm)
    window = np.abs(CANONICAL_TWO_THETA - center) <= half
    x = (CANONICAL_TWO_THETA[window] - center) / half
    background = np.stack([np.ones_like(x), x, x * x], axis=1)
    inside = template[window]
    coefficients, *_ = np.linalg.lstsq(background, inside, rcond=None)
    filtered = np.zeros_like(template)
    filtered[window] = inside - background @ coefficients
    return filtered / float(filtered @ template)


@cache
def _filters() -> FloatArray:
    """All line filters, (487, widths × lines)."""
    columns = [
        local_filter(line.two_theta, width) for width in FILTER_WIDTHS for line in reference_lines()
    ]
    return np.stack(columns, axis=1).astype(np.float32)


@cache
def background_basis(degree: int = 6) -> NDArray[np.float64]:
    """Smooth backgrounds: Legendre polynomials and air scatter, (487, degree + 2)."""
    x = np.linspace(-1.0, 1.0, CANONICAL_TWO_THETA.size)
    legendre = np.polynomial.legendre.legvander(x, degree)
    air = np.exp(-(CANONICAL_TWO_THETA - CANONICAL_EDGES[0]) / 4.0)
    return np.column_stack([legendre, air])


@cache
def _phase_fit() -> FloatArray:
    """Rows of the pseudo-inverse that give each whole phase's amplitude, (487, 6)."""
    columns = []
    for phase in CRYSTALLINE:
        profile = sum(
            line.intensity * gaussian_bins(line.two_theta, 0.28)
            for line in reference_lines()
            if line.phase == phase
        )
        columns.append(np.asarray(profile) / np.sum(profile))
    design = np.column_stack([*columns, background_basis()])
    inverse = np.linalg.pinv(design)[: len(CRYSTALLINE)]
    return np.ascontiguousarray(inverse.T, dtype=np.float32)


def effective_variance(patterns: PowderPatterns) -> tuple[FloatArray, FloatArray]:
    """Intensity and variance with the model error added; unmeasured bins neutralised.

    Returns
    -------
    intensity, variance : ndarray of float32, (n, 487)
        Unmeasured bins carry the pattern's mean and a variance that makes them say nothing.
    """
    intensity = np.asarray(patterns.intensity, dtype=np.float32)
    sigma = np.asarray(patterns.sigma, dtype=np.float32)
    good = np.isfinite(sigma) & np.isfinite(intensity)
    variance = sigma * sigma
    if not good.all():
        mean = np.where(good, intensity, 0.0).sum(axis=1) / np.maximum(good.sum(axis=1), 1)
        intensity = np.where(good, intensity, mean[:, None]).astype(np.float32)
        scale = np.where(good, variance, 0.0).max(axis=1, keepdims=True)
        variance = np.where(good, variance, scale * 1e4 + 1.0).astype(np.float32)
    # Only what stands above the smooth background has a line shape to be wrong about.
    level = np.partition(intensity, _LEVEL, axis=1)[:, _LEVEL : _LEVEL + 1]
    above = np.maximum(intensity - level, 0.0)
    return intensity, variance + np.float32(MODEL_ERROR**2) * above * above


def significance(
    intensity: FloatArray,
    variance: FloatArray,
    filters: FloatArray,
    squares: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Filter response and its standard deviation.

    Parameters
    ----------
    intensity, variance : ndarray of float32, (n, b)
    filters : ndarray of float32, (b, m)
    squares : ndarray of float32, (b, m), optional
        Squares of `filters`, where the caller keeps them.

    Returns
    -------
    amplitude, sd : ndarray of float32, (n, m)
        In the unit of `intensity`, summed over bins.
    """
    amplitude = intensity @ filters
    sd = np.sqrt(variance @ (filters * filters if squares is None else squares))
    return amplitude, np.maximum(sd, np.float32(1e-20))


def _background_shape(intensity: FloatArray, variance: FloatArray) -> FloatArray:
    """Lower envelope and mean of coarse blocks, as log ratios to the pattern's mean."""
    n = intensity.shape[0]
    bins = intensity.shape[1] // (_SUB_BLOCK * _GROUP) * _SUB_BLOCK * _GROUP
    blocks = intensity[:, :bins].reshape(n, -1, _SUB_BLOCK)
    # Slice by slice: a mean over an axis of five takes three times as long.
    total = blocks[..., 0] + blocks[..., 1]
    for k in range(2, _SUB_BLOCK):
        total += blocks[..., k]
    total /= np.float32(_SUB_BLOCK)
    fine = total.reshape(n, -1, _GROUP)
    noise = np.sqrt(variance.mean(axis=1, keepdims=True) / _SUB_BLOCK)
    mean = np.maximum(intensity.mean(axis=1, keepdims=True), 0) + 0.2 * noise + 1e-20
    lowest = np.minimum.reduce([fine[..., k] for k in range(_GROUP)])
    low = np.log(np.maximum(lowest, 0.0) / mean + 0.05)
    high = np.log(np.maximum(fine.mean(axis=2), 0.0) / mean + 0.05)
    return np.concatenate([low, high], axis=1)


def _shares(volume: FloatArray, sd: FloatArray) -> FloatArray:
    """Share of each phase of all that is crystalline, damped where all is noise, (n, 6)."""
    positive = np.maximum(volume, 0.0)
    noise = sd.mean(axis=1, keepdims=True)
    share = positive / (positive.sum(axis=1, keepdims=True) + noise + 1e-20)
    return np.asarray(np.sqrt(share), dtype=np.float32)


def features(intensity: FloatArray, variance: FloatArray) -> FloatArray:
    """Features of each pattern.

    Parameters
    ----------
    intensity, variance : ndarray of float32, (n, 487)
        On the canonical axis, as :func:`effective_variance` gives them.

    Returns
    -------
    ndarray of float32, (n, m)
        For every reference line and filter width the arcsinh of its significance; for every
        line its amplitude relative to the strongest; for every phase the significance of its
        whole pattern and, in two ways, its share of the crystalline volume; the background's
        shape; the pattern's overall signal to noise.
    """
    amplitude, sd = significance(intensity, variance, _filters())
    z = np.arcsinh(0.5 * amplitude / sd)
    n_lines = len(reference_lines())
    wide, wide_sd = amplitude[:, n_lines:], sd[:, n_lines:]
    strongest = np.maximum((wide - wide_sd).max(axis=1, keepdims=True), 0.0)
    ratio = np.clip(wide / (strongest + 3.0 * wide_sd), -0.5, 1.0)
    whole, whole_sd = significance(intensity, variance, _phase_fit())
    first = wide[:, strongest_lines()] / pure_areas()[1]
    share = np.concatenate(
        [_shares(whole / pure_areas()[0], whole_sd), _shares(first, wide_sd[:, :1])], axis=1
    )
    shape = _background_shape(intensity, variance)
    total = np.log10(1.0 + np.abs(intensity.mean(axis=1)) / np.sqrt(variance.mean(axis=1)))
    columns = [z, ratio, np.arcsinh(0.5 * whole / whole_sd), share, shape, total[:, None]]
    return np.concatenate(columns, axis=1, dtype=np.float32)
