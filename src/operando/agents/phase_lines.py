"""Where the listed phases' reference lines stand on the axis that all patterns are brought to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.physics.constants import wavelength_from_energy
from operando.physics.crystals import structure
from operando.physics.phases import CRYSTALLINE
from operando.physics.powder import PowderLines, powder_lines

#: Axis that all patterns are brought to: 2θ in degrees at 10 keV, what a PILATUS 100K at
#: 153 mm centred on 25° sees (design figures: 9.72–40.28°, one bin a pixel).
CANONICAL_EDGES = np.linspace(9.72, 40.28, 488)
CANONICAL_TWO_THETA = 0.5 * (CANONICAL_EDGES[1:] + CANONICAL_EDGES[:-1])
CANONICAL_WAVELENGTH = wavelength_from_energy(10.0)

#: Full widths at half maximum of the matched filters, degrees.
FILTER_WIDTHS = (0.14, 0.40)
#: Lines weaker than this (strongest = 100) carry no filter.
MIN_INTENSITY = 8.0

_FWHM_TO_SIGMA = 1.0 / 2.354820045


@dataclass(frozen=True)
class Line:
    """One reference line, or several that no filter could tell apart.

    Parameters
    ----------
    phase : str
        Label of the phase.
    two_theta : float
        Position on the canonical axis, degrees.
    intensity : float
        Relative to the strongest line of the phase in range (= 100).
    """

    phase: str
    two_theta: float
    intensity: float


@cache
def reference_lines(min_intensity: float = MIN_INTENSITY) -> tuple[Line, ...]:
    """Lines of the six listed crystalline phases on the canonical axis.

    Parameters
    ----------
    min_intensity : float
        Weakest line kept, relative to the phase's strongest in range (= 100).

    Returns
    -------
    tuple of Line
        Ordered by phase (as in ``CRYSTALLINE``), then by 2θ. Lines closer than the narrow
        filter's half width are merged at their intensity-weighted centre.
    """
    lines: list[Line] = []
    for phase in CRYSTALLINE:
        lines += lines_of(powder_lines(structure(phase), CANONICAL_WAVELENGTH), min_intensity)
    return tuple(lines)


def lines_of(table: PowderLines, min_intensity: float = MIN_INTENSITY) -> list[Line]:
    """Lines of one phase on the canonical axis, as :func:`reference_lines` has them."""
    two_theta = table.two_theta(CANONICAL_WAVELENGTH)
    # A line just off the edge still shows half its profile.
    seen = (two_theta > CANONICAL_EDGES[0]) & (two_theta < CANONICAL_EDGES[-1] + 0.15)
    if not seen.any():
        return []
    position, intensity = two_theta[seen], table.intensity[seen]
    position, intensity = _merge_close(position, intensity, 0.5 * FILTER_WIDTHS[0])
    intensity = 100.0 * intensity / intensity.max()
    return [
        Line(table.name, float(x), float(i))
        for x, i in zip(position, intensity, strict=True)
        if i >= min_intensity
    ]


def _merge_close(
    position: NDArray[np.float64], intensity: NDArray[np.float64], distance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Merge neighbours closer than `distance` at their intensity-weighted centre."""
    order = np.argsort(position)
    position, intensity = position[order], intensity[order]
    group = np.concatenate([[0], np.cumsum(np.diff(position) > distance)])
    total = np.bincount(group, weights=intensity)
    return np.asarray(np.bincount(group, weights=intensity * position) / total), total.astype(float)


def gaussian_bins(center: float, fwhm: float) -> NDArray[np.float64]:
    """Area-normalised Gaussian on the canonical bins, shape (487,)."""
    x = (CANONICAL_TWO_THETA - center) / (fwhm * _FWHM_TO_SIGMA)
    profile = np.exp(-0.5 * x * x)
    total = profile.sum()
    return profile / total if total > 0 else profile


@cache
def strongest_lines() -> NDArray[np.int64]:
    """Index of each phase's strongest line among the reference lines, (6,)."""
    lines = reference_lines()
    return np.array(
        [
            max(
                (i for i, line in enumerate(lines) if line.phase == p),
                key=lambda i: lines[i].intensity,
            )
            for p in CRYSTALLINE
        ]
    )


@cache
def pure_areas() -> tuple[FloatArray, FloatArray]:
    """Give pure phases' areas of all fitted lines, and of the strongest, (6,) each."""
    total, strongest = [], []
    for phase in CRYSTALLINE:
        table = powder_lines(structure(phase), CANONICAL_WAVELENGTH)
        two_theta = table.two_theta(CANONICAL_WAVELENGTH)
        seen = (two_theta > CANONICAL_EDGES[0]) & (two_theta < CANONICAL_EDGES[-1])
        unit = table.scale / 100.0
        strongest.append(unit * table.intensity[seen].max())
        fitted = [line.intensity for line in reference_lines() if line.phase == phase]
        total.append(strongest[-1] * sum(fitted) / 100.0)
    magnetite = CRYSTALLINE.index("fe3o4")
    scale = strongest[magnetite]
    return np.asarray(total, np.float32) / scale, np.asarray(strongest, np.float32) / scale
