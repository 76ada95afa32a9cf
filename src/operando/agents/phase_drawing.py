"""Draw synthetic patterns: Bragg peaks of phases, listed and not, and what lies under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.agents.phase_lines import (
    CANONICAL_EDGES,
    CANONICAL_TWO_THETA,
    CANONICAL_WAVELENGTH,
)
from operando.physics.crystals import STRUCTURES, structure
from operando.physics.phases import CRYSTALLINE
from operando.physics.powder import PowderLines, powder_lines

_BINS = CANONICAL_TWO_THETA.size
_STEP = float(CANONICAL_TWO_THETA[1] - CANONICAL_TWO_THETA[0])
_WINDOW = 48  # bins drawn either side of a line (3°): beyond it a tail is < 0.3 % of the peak
#: Full widths at half maximum that small crystallites add, degrees, as drawn: rust's hydroxides
#: are nanocrystals (goethite 10-80 nm), magnetite and cementite grow larger, metal larger still.
_SIZE_FWHM = {
    "fe3o4": (0.03, 0.45),
    "gamma_feooh": (0.04, 0.50),
    "alpha_feooh": (0.06, 0.70),
    "fe_bcc": (0.03, 0.25),
    "fe3c": (0.03, 0.35),
    "fe_fcc": (0.03, 0.25),
}
#: Spread of a phase's scattering about its volume's share: orientation, and for coarse metal
#: the chance that a grain meets Bragg's condition. Standard deviation of the logarithm.
_STRENGTH_SPREAD = {"fe_bcc": 1.0, "fe_fcc": 1.0}
#: Coarse grains: the lines of one phase come from different grains, each bright by chance.
_COARSE_TEXTURE = {"fe_bcc": 1.2, "fe_fcc": 1.2}


@dataclass(frozen=True)
class Volumes:
    """What the beam's volume consists of, in n patterns.

    Parameters
    ----------
    crystalline : ndarray of float64, (n, 7)
        Shares of the six listed phases and of the unlisted one.
    resin, silent : ndarray of float64, (n,)
        Shares of resin, and of metal that shows no reflection.
    brightness : ndarray of float64, (n, 6)
        Scattering of each listed phase relative to what its share would give as a powder.
    own : ndarray of float64, (n, k), optional
        Strength of each added phase, as `strength` has it.
    """

    crystalline: NDArray[np.float64]
    resin: NDArray[np.float64]
    silent: NDArray[np.float64]
    brightness: NDArray[np.float64]
    own: NDArray[np.float64] | None = None

    @property
    def strength(self) -> NDArray[np.float64]:
        """Area of each listed phase's strongest line; pure magnetite powder gives 1, (n, 6)."""
        return self.crystalline[:, : len(CRYSTALLINE)] * self.brightness * relative_scales()


def relative_scales() -> NDArray[np.float64]:
    """Give the strongest line's area of each listed phase's powder beside magnetite's, (6,)."""
    scales = [powder_lines(structure(name), CANONICAL_WAVELENGTH).scale for name in CRYSTALLINE]
    return np.array(scales) / scales[CRYSTALLINE.index("fe3o4")]


def draw_brightness(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw how bright each listed phase is beside an ideal powder of its share, (n, 6)."""
    spread = np.array([_STRENGTH_SPREAD.get(name, 0.2) for name in CRYSTALLINE])
    return np.asarray(np.exp(spread * rng.standard_normal((n, len(CRYSTALLINE)))))


@dataclass(frozen=True)
class Nuisance:
    """Spread of what changes a pattern without changing its labels.

    Parameters
    ----------
    texture : float
        Largest standard deviation of a line's log intensity.
    strain : float
        Standard deviation of a phase's relative change of d.
    zero_shift : float
        Standard deviation of the 2θ zero, degrees.
    """

    texture: float = 0.9
    strain: float = 0.001
    zero_shift: float = 0.03


@dataclass
class _Lines:
    """Lines of a batch of patterns before they are drawn, one entry a line."""

    owner: list[NDArray[np.int64]] = field(default_factory=list)
    position: list[NDArray[np.float64]] = field(default_factory=list)
    area: list[NDArray[np.float64]] = field(default_factory=list)
    fwhm: list[NDArray[np.float64]] = field(default_factory=list)
    lorentzian: list[NDArray[np.float64]] = field(default_factory=list)


def draw_expected(
    volumes: Volumes,
    spread: Nuisance,
    rng: np.random.Generator,
    own: Sequence[PowderLines] = (),
) -> FloatArray:
    """Draw what each pattern would be without counting noise, on an arbitrary scale.

    Parameters
    ----------
    volumes : Volumes
    spread : Nuisance
    rng : numpy.random.Generator
    own : sequence of PowderLines
        Of the phases in ``volumes.own``.

    Returns
    -------
    ndarray of float32, (n, 487)
        On the canonical axis.
    """
    return _with_background(_peaks(volumes, spread, rng, own), volumes, rng)


def _peaks(
    volumes: Volumes, spread: Nuisance, rng: np.random.Generator, own: Sequence[PowderLines]
) -> FloatArray:
    """Bragg peaks of every pattern, (n, 487)."""
    n = len(volumes.resin)
    instrument = np.exp(rng.uniform(np.log(0.07), np.log(0.22), n))
    zero = rng.normal(0.0, spread.zero_shift, n)
    lines, strength = _Lines(), volumes.strength
    for column, phase in enumerate(CRYSTALLINE):
        table = powder_lines(structure(phase), CANONICAL_WAVELENGTH)
        owner = np.flatnonzero(strength[:, column] > 0)
        narrow, wide = np.log(_SIZE_FWHM[phase])
        sizes = np.exp(rng.uniform(float(narrow), float(wide), owner.size))
        d, area = table.d_spacing, table.intensity / 100.0
        grainy = rng.normal(0.0, _COARSE_TEXTURE.get(phase, 0.0), (owner.size, area.size))
        area = area * np.exp(grainy)
        _append(
            lines, owner, d, area, strength[owner, column], sizes, instrument, zero, spread, rng
        )
    _append_unlisted(lines, volumes.crystalline[:, -1], instrument, zero, spread, rng)
    for column, table in enumerate(own):
        assert volumes.own is not None
        owner = np.flatnonzero(volumes.own[:, column] > 0)
        sizes = np.exp(rng.uniform(np.log(0.03), np.log(0.5), owner.size))
        d, area = table.d_spacing, table.intensity / 100.0
        strengths = volumes.own[owner, column]
        _append(lines, owner, d, area, strengths, sizes, instrument, zero, spread, rng)
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
    spread: Nuisance,
    rng: np.random.Generator,
) -> None:
    """Add one phase's lines to the patterns `owner`, each with its own strain and texture."""
    m, k = owner.size, d_spacing.size
    strained = d_spacing * (1.0 + rng.normal(0.0, spread.strain, (m, 1)))
    strained = strained * (1.0 + rng.normal(0.0, 0.3 * spread.strain, (m, k)))
    sine = CANONICAL_WAVELENGTH / (2.0 * strained)
    theta = np.arcsin(np.minimum(sine, 1.0))
    two_theta = np.degrees(2.0 * theta) + zero[owner, None]
    # Strong texture happens, weak texture is the rule.
    texture = spread.texture * rng.random((m, 1)) ** 2 * rng.normal(size=(m, k))
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
    spread: Nuisance,
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
            _append(lines, owner, d, area, strengths, size, instrument, zero, spread, rng)


def _random_lines(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make a phase up: 2 to 14 lines in the range of d seen, denser towards small d."""
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


def _with_background(peaks: FloatArray, volumes: Volumes, rng: np.random.Generator) -> FloatArray:
    """Peaks plus fluorescence, air scatter, the resin's halo and amorphous rust."""
    n = len(peaks)
    x = CANONICAL_TWO_THETA[None, :].astype(np.float32)

    def column(low: float, high: float) -> FloatArray:
        return rng.uniform(low, high, (n, 1)).astype(np.float32)

    def log_column(low: float, high: float) -> FloatArray:
        return np.exp(column(np.log(low), np.log(high)))

    # Iron content of the beam's volume relative to metal: oxides about half (density x mass share).
    crystalline = volumes.crystalline
    iron = 0.45 * crystalline[:, :3].sum(axis=1) + crystalline[:, 3:6].sum(axis=1)
    iron = (iron + volumes.silent)[:, None].astype(np.float32)
    resin = volumes.resin[:, None].astype(np.float32)
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
    has_rust = (rng.random((n, 1)) < 0.3) & crystalline[:, :3].any(axis=1, keepdims=True)
    rust = rust * has_rust * log_column(0.005, 0.1)
    flat = floor * (1.0 + column(-0.2, 0.2) * (x - 25.0) / 15.0)
    total = peaks + fluorescence + air + flat + resin * resin_level * halo + rust
    return np.asarray(total, dtype=np.float32)


def _angle(d_spacing: FloatArray) -> FloatArray:
    """2θ in degrees of a spacing in Å on the canonical axis."""
    sine = np.float32(0.5 * CANONICAL_WAVELENGTH) / d_spacing
    return np.asarray(np.degrees(2.0 * np.arcsin(sine)), dtype=np.float32)
