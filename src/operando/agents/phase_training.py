"""Synthetic patterns to learn from: any mixture, exposure, texture, strain and background.

The generator works in one dimension on the canonical axis and shares only the crystals'
reference lines with whatever produced the patterns that are later classified. It draws every
nuisance from ranges much wider than one beamline's, because what a classifier has not been
shown as harmless it takes for a phase.

Unlisted phases are never taken from a table: they are random line lists, and listed or unlisted
crystals with their cell stretched by 3-14 %, so that "other" has to be learnt as "lines that no
listed phase explains" and not as a list of minerals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import PowderPatterns
from operando.agents.phase_features import (
    CANONICAL_EDGES,
    CANONICAL_TWO_THETA,
    CANONICAL_WAVELENGTH,
    FloatArray,
)
from operando.physics.crystals import STRUCTURES, structure
from operando.physics.phases import CRYSTALLINE, LABELS
from operando.physics.powder import powder_lines

_BINS = CANONICAL_TWO_THETA.size
_STEP = float(CANONICAL_TWO_THETA[1] - CANONICAL_TWO_THETA[0])
_WINDOW = 48  # bins drawn either side of a line (3°): beyond it a tail is < 0.3 % of the peak
_METALS = ("fe_bcc", "fe_fcc")
#: A phase holds when it takes at least this share of the illuminated volume.
MIN_FRACTION = 0.05


@dataclass(frozen=True)
class TrainingConfig:
    """What the training set is drawn from; its hash is the model's version.

    Parameters
    ----------
    n_patterns : int
        Patterns drawn.
    seed : int
        Seed of every random number in the training.
    log10_counts : tuple of float
        Range of log10 of the expected counts in the strongest bin.
    texture : float
        Largest standard deviation of a line's log intensity.
    strain : float
        Standard deviation of a phase's relative change of d.
    zero_shift : float
        Standard deviation of the 2θ zero, degrees.
    resin_only, no_peaks_only : float
        Shares of patterns without any crystalline phase.
    unlisted : float
        Share of the other patterns that hold an unlisted phase.
    """

    n_patterns: int = 40_000
    seed: int = 16_023
    log10_counts: tuple[float, float] = (0.7, 4.5)
    texture: float = 0.9
    strain: float = 0.001
    zero_shift: float = 0.03
    resin_only: float = 0.07
    no_peaks_only: float = 0.09
    unlisted: float = 0.25
    listed_counts: tuple[float, ...] = field(default=(0.08, 0.44, 0.30, 0.13, 0.05))


@dataclass
class _Lines:
    """Lines of a batch of patterns before they are drawn, one entry a line."""

    owner: list[NDArray[np.int64]] = field(default_factory=list)
    position: list[NDArray[np.float64]] = field(default_factory=list)
    area: list[NDArray[np.float64]] = field(default_factory=list)
    fwhm: list[NDArray[np.float64]] = field(default_factory=list)
    lorentzian: list[NDArray[np.float64]] = field(default_factory=list)


def synthetic_patterns(
    config: TrainingConfig, rng: np.random.Generator
) -> tuple[PowderPatterns, NDArray[np.bool_]]:
    """Draw patterns with their labels.

    Parameters
    ----------
    config : TrainingConfig
    rng : numpy.random.Generator

    Returns
    -------
    patterns : PowderPatterns
        ``n_patterns`` patterns of Poisson counts on the canonical axis.
    labels : ndarray of bool, (n, 9)
        In the order of ``LABELS``.
    """
    n = config.n_patterns
    labels = np.zeros((n, len(LABELS)), dtype=bool)
    fractions = _fractions(config, rng)
    resin = _resin_shares(config, fractions, rng)
    no_peaks = _no_peaks_shares(config, fractions, resin, rng)
    labels[:, : len(CRYSTALLINE)] = fractions[:, : len(CRYSTALLINE)] > 0
    labels[:, LABELS.index("other")] = fractions[:, -1] > 0
    empty = ~labels.any(axis=1)
    labels[:, LABELS.index("fe_no_peaks")] = no_peaks > 0
    labels[:, LABELS.index("resin")] = empty & (no_peaks == 0)
    expected = _peaks(fractions, config, rng)
    expected = _with_background(expected, fractions, resin, no_peaks, rng)
    strongest = 10.0 ** rng.uniform(*config.log10_counts, size=n)
    expected *= (strongest / expected.max(axis=1))[:, None].astype(np.float32)
    counts = rng.poisson(expected).astype(np.float32)
    _add_spikes(counts, rng)
    patterns = PowderPatterns.from_counts(CANONICAL_TWO_THETA, counts, CANONICAL_WAVELENGTH)
    return patterns, labels


def _fractions(config: TrainingConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """Share of each listed phase and of the unlisted one, (n, 7)."""
    n, n_listed = config.n_patterns, len(CRYSTALLINE)
    how_many = rng.choice(len(config.listed_counts), size=n, p=config.listed_counts)
    ranks = np.argsort(np.argsort(rng.random((n, n_listed)), axis=1), axis=1)
    present = np.zeros((n, n_listed + 1), dtype=bool)
    present[:, :n_listed] = ranks < how_many[:, None]
    present[:, -1] = (rng.random(n) < config.unlisted) | (how_many == 0)
    amorphous = rng.random(n) < config.resin_only + config.no_peaks_only
    present[amorphous] = False
    raw = rng.gamma(1.3, size=present.shape) * present
    total = raw.sum(axis=1, keepdims=True)
    share = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
    return np.where(share >= MIN_FRACTION, share, 0.0)


def _resin_shares(
    config: TrainingConfig, fractions: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Share of resin in the beam beside what is crystalline, (n,)."""
    n = config.n_patterns
    beside = np.where(rng.random(n) < 0.35, rng.uniform(0.05, 0.9, n), 0.0)
    return np.where(fractions.any(axis=1), beside, 1.0)


def _no_peaks_shares(
    config: TrainingConfig,
    fractions: NDArray[np.float64],
    resin: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Share of metal that shows no reflection, (n,); resin alone gives way to it in part."""
    n = config.n_patterns
    metal = fractions[:, [CRYSTALLINE.index(m) for m in (*_METALS, "fe3c")]].any(axis=1)
    beside = (rng.random(n) < 0.10) & fractions.any(axis=1) & ~metal
    alone = ~fractions.any(axis=1) & (
        rng.random(n) < config.no_peaks_only / (config.resin_only + config.no_peaks_only)
    )
    pure = alone & (rng.random(n) < 0.75)
    resin[pure] = 0.0
    resin[alone & ~pure] = rng.uniform(0.0, 0.8, n)[alone & ~pure]
    share = np.where(beside, rng.uniform(0.1, 0.7, n), 0.0)
    return np.where(alone, 1.0 - resin, share)


def _peaks(
    fractions: NDArray[np.float64], config: TrainingConfig, rng: np.random.Generator
) -> FloatArray:
    """Bragg peaks of every pattern, (n, 487); the strongest magnetite line has area ~1."""
    n = config.n_patterns
    instrument = np.exp(rng.uniform(np.log(0.07), np.log(0.22), n))
    zero = rng.normal(0.0, config.zero_shift, n)
    unit = powder_lines(structure("fe3o4"), CANONICAL_WAVELENGTH).scale
    lines = _Lines()
    for column, phase in enumerate(CRYSTALLINE):
        table = powder_lines(structure(phase), CANONICAL_WAVELENGTH)
        owner = np.flatnonzero(fractions[:, column] > 0)
        strength = fractions[owner, column] * table.scale / unit
        coarse = phase in _METALS
        strength *= np.exp(rng.normal(0.0, 1.0 if coarse else 0.3, owner.size))
        sizes = np.exp(rng.uniform(np.log(0.03), np.log(0.3 if coarse else 0.6), owner.size))
        d, area = table.d_spacing, table.intensity / 100.0
        _append(lines, owner, d, area, strength, sizes, instrument, zero, config, rng)
    _append_unlisted(lines, fractions[:, -1], instrument, zero, config, rng)
    return _draw(lines, n)


def _append(
    lines: _Lines,
    owner: NDArray[np.int64],
    d_spacing: NDArray[np.float64],
    area: NDArray[np.float64],
    strength: NDArray[np.float64],
    size_broadening: NDArray[np.float64],
    instrument: NDArray[np.float64],
    zero: NDArray[np.float64],
    config: TrainingConfig,
    rng: np.random.Generator,
) -> None:
    """Add one phase's lines to the patterns `owner`, each with its own strain and texture."""
    m, k = owner.size, d_spacing.size
    strained = d_spacing * (1.0 + rng.normal(0.0, config.strain, (m, 1)))
    strained = strained * (1.0 + rng.normal(0.0, 0.3 * config.strain, (m, k)))
    sine = CANONICAL_WAVELENGTH / (2.0 * strained)
    theta = np.arcsin(np.minimum(sine, 1.0))
    two_theta = np.degrees(2.0 * theta) + zero[owner, None]
    texture = rng.uniform(0.0, config.texture, (m, 1)) * rng.normal(size=(m, k))
    size = size_broadening[:, None] * rng.uniform(0.8, 1.25, (m, k)) / np.cos(theta)
    micro_strain = np.degrees(4.0 * rng.exponential(0.0006, (m, 1)) * np.tan(theta))
    fwhm = np.sqrt(instrument[owner, None] ** 2 + size**2 + micro_strain**2)
    height = strength[:, None] * area * np.exp(texture)
    lorentzian = np.broadcast_to(rng.uniform(0.0, 1.0, (m, 1)), (m, k))
    seen = (two_theta > CANONICAL_EDGES[0] - 2) & (two_theta < CANONICAL_EDGES[-1] + 2)
    seen &= sine < 1.0
    lines.owner.append(np.broadcast_to(owner[:, None], (m, k))[seen])
    lines.position.append(two_theta[seen])
    lines.area.append(height[seen])
    lines.fwhm.append(fwhm[seen])
    lines.lorentzian.append(lorentzian[seen])


def _append_unlisted(
    lines: _Lines,
    share: NDArray[np.float64],
    instrument: NDArray[np.float64],
    zero: NDArray[np.float64],
    config: TrainingConfig,
    rng: np.random.Generator,
) -> None:
    """Add unlisted phases: random line lists and crystals with a stretched cell."""
    owners = np.flatnonzero(share > 0)
    unit = powder_lines(structure("fe3o4"), CANONICAL_WAVELENGTH).scale
    groups = rng.integers(0, 2 * len(STRUCTURES), owners.size)
    for group in range(2 * len(STRUCTURES)):
        for owner in owners[groups == group].reshape(-1, 1):
            if group < len(STRUCTURES):
                table = powder_lines(STRUCTURES[list(STRUCTURES)[group]], CANONICAL_WAVELENGTH)
                stretch = np.exp(rng.choice([-1.0, 1.0]) * rng.uniform(0.03, 0.14))
                d, area = table.d_spacing * stretch, table.intensity / 100.0
                strength = table.scale / unit
            else:
                d, area = _random_lines(rng)
                strength = np.exp(rng.normal(-0.5, 0.8))
            size = np.exp(rng.uniform(np.log(0.03), np.log(0.4), 1))
            strengths = np.atleast_1d(share[owner] * strength)
            _append(lines, owner, d, area, strengths, size, instrument, zero, config, rng)


def _random_lines(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A made-up phase: 2 to 14 lines in the range of d seen, denser towards small d."""
    count = int(rng.integers(2, 15))
    inverse = np.sqrt(rng.uniform(1.0 / 7.3**2, 1.0 / 1.8**2, count))
    area = np.maximum(rng.exponential(0.35, count), 0.02)
    return 1.0 / inverse, np.minimum(area / area.max(), 1.0)


def _draw(lines: _Lines, n: int, chunk: int = 40_000) -> FloatArray:
    """Pseudo-Voigt profiles of all lines summed into their patterns, (n, 487)."""
    owner = np.concatenate(lines.owner)
    position = np.concatenate(lines.position)
    area, fwhm = np.concatenate(lines.area), np.concatenate(lines.fwhm)
    lorentzian = np.concatenate(lines.lorentzian)
    total = np.zeros(n * _BINS, dtype=np.float64)
    offsets = np.arange(-_WINDOW, _WINDOW + 1)
    for first in range(0, owner.size, chunk):
        part = slice(first, first + chunk)
        center = np.round((position[part] - CANONICAL_TWO_THETA[0]) / _STEP).astype(np.int64)
        bins = center[:, None] + offsets
        inside = (bins >= 0) & (bins < _BINS)
        nearest = CANONICAL_TWO_THETA[0] + _STEP * center - position[part]
        half = (0.5 * fwhm[part, None]).astype(np.float32)
        x = (nearest[:, None].astype(np.float32) + np.float32(_STEP) * offsets) / half
        x *= x
        share = lorentzian[part, None].astype(np.float32)
        lorentz = share / np.float32(np.pi) / (1.0 + x)
        gauss = (1.0 - share) * np.float32(np.sqrt(np.log(2.0) / np.pi))
        gauss = gauss * np.exp(np.float32(-np.log(2.0)) * x)
        profile = (lorentz + gauss) * (area[part, None] * _STEP / half).astype(np.float32)
        flat = (owner[part, None] * _BINS + bins)[inside]
        total += np.bincount(flat, weights=profile[inside], minlength=n * _BINS)
    return total.reshape(n, _BINS).astype(np.float32)


def _with_background(
    peaks: FloatArray,
    fractions: NDArray[np.float64],
    resin: NDArray[np.float64],
    no_peaks: NDArray[np.float64],
    rng: np.random.Generator,
) -> FloatArray:
    """Peaks plus fluorescence, air scatter, the resin's halo and amorphous rust."""
    n = len(peaks)
    x = CANONICAL_TWO_THETA[None, :].astype(np.float32)

    def column(low: float, high: float) -> FloatArray:
        return rng.uniform(low, high, (n, 1)).astype(np.float32)

    def log_column(low: float, high: float) -> FloatArray:
        return np.exp(column(np.log(low), np.log(high)))

    # Iron content of the beam's volume relative to metal: oxides about half (density x mass share).
    iron = 0.45 * fractions[:, :3].sum(axis=1) + fractions[:, 3:6].sum(axis=1)
    iron = (iron * (1.0 - resin) + no_peaks)[:, None].astype(np.float32)
    resin = resin[:, None].astype(np.float32)
    level = log_column(0.006, 1.0)  # fluorescence of pure iron beside magnetite's line of area 1
    tilt = 1.0 + column(-0.12, 0.12) * (x - 25.0) / 15.0
    fluorescence = level * iron * tilt
    floor = level * np.where(rng.random((n, 1)) < 0.5, log_column(0.002, 0.3), np.float32(0.002))
    air = floor * log_column(0.3, 10.0) * np.exp(-(x - 9.7) / log_column(2.5, 15.0))
    halo_center = _angle(column(4.2, 5.3))
    halo_width = column(2.2, 4.5)
    halo = np.exp(-0.5 * ((x - halo_center) / halo_width) ** 2)
    halo = halo + column(0.05, 0.5) * np.exp(-0.5 * ((x - 2 * halo_center) / (2 * halo_width)) ** 2)
    resin_level = np.maximum(level, 0.02) * log_column(0.15, 2.0)
    rust_center = _angle(column(2.45, 2.70))
    rust = np.exp(-0.5 * ((x - rust_center) / column(1.2, 3.0)) ** 2)
    has_rust = (rng.random((n, 1)) < 0.3) & fractions[:, :3].any(axis=1, keepdims=True)
    rust = rust * has_rust * log_column(0.005, 0.1)
    flat = floor * (1.0 + column(-0.2, 0.2) * (x - 25.0) / 15.0)
    total = peaks * (1.0 - resin) + fluorescence + air + flat + resin * resin_level * halo + rust
    return np.asarray(total, dtype=np.float32)


def _angle(d_spacing: FloatArray) -> FloatArray:
    """2θ in degrees of a spacing in Å on the canonical axis."""
    sine = np.float32(0.5 * CANONICAL_WAVELENGTH) / d_spacing
    return np.asarray(np.degrees(2.0 * np.arcsin(sine)), dtype=np.float32)


def _add_spikes(counts: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Put a single-bin spike (an unmasked hot pixel) into a few patterns: it is no phase."""
    hit = np.flatnonzero(rng.random(len(counts)) < 0.03)
    where = rng.integers(0, _BINS, hit.size)
    counts[hit, where] += rng.exponential(3.0, hit.size) * np.sqrt(counts[hit].max(axis=1)) + 3.0
