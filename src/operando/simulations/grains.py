"""Coarse metal grains: each puts a few spots on the detector, or none."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.special import ndtr

from operando.physics.crystals import structure
from operando.physics.powder import PowderLines, powder_lines
from operando.simulations.rings import RingMap

#: Crystallites that the beam crosses on its way through one grain of the section.
CRYSTALLITES: Final = {"fe_bcc": 6, "fe_fcc": 9}
#: Mosaic blocks beyond this many standard deviations do not exist.
_MOSAIC_CUT = 2.6
_SHARP_MOSAIC_DEG = 0.5
_DEFORMED_MOSAIC_DEG = 2.6


@dataclass(frozen=True)
class Spots:
    """Reflections of all coarse grains, in order of the grains.

    Parameters
    ----------
    grain : ndarray of int32, (s,)
        Whose reflection it is.
    two_theta : ndarray of float64, (s,)
        Scattering angle, degrees.
    row, row_sigma : ndarray of float64, (s,)
        Detector row of the centre, which may lie beyond the edge, and spread along the ring.
    strength : ndarray of float64, (s,)
        Photons a second of the whole spot per unit of the phase's powder ring; see
        `diffraction.RING_RATE`.
    on_detector : ndarray of float64, (s,)
        Share of the spot that the detector's rows catch.
    first : ndarray of int64, (n_grains + 1,)
        Spots ``first[g]:first[g + 1]`` belong to grain g.
    """

    grain: NDArray[np.int32]
    two_theta: NDArray[np.float64]
    row: NDArray[np.float64]
    row_sigma: NDArray[np.float64]
    strength: NDArray[np.float64]
    on_detector: NDArray[np.float64]
    first: NDArray[np.int64]


def draw_spots(
    rng: np.random.Generator,
    austenitic: NDArray[np.bool_],
    rings: RingMap,
    wavelength: float,
    unit_scale: float,
) -> Spots:
    """Turn the crystallites of every grain at random and keep what they reflect.

    Parameters
    ----------
    rng : numpy.random.Generator
    austenitic : ndarray of bool, (n_grains,)
        Austenite (True) or ferrite.
    rings : RingMap
    wavelength : float
        Å.
    unit_scale : float
        Scattering power that counts as 1, see `PowderLines.scale`.

    Returns
    -------
    Spots

    Notes
    -----
    A crystallite with Gaussian mosaic σ reflects the plane G if its deviation from Bragg's
    condition, ``ε = arcsin(-ĝ·k̂) - θ``, is within 2.6 σ. Averaged over all orientations the
    spots of one ring carry what the powder's ring carries, so a spot is
    ``4π w(ε) / (m cos θ ∫w dε)`` times the photons per radian of that ring, with m the
    multiplicity: few grains, but bright ones.
    """
    parts = []
    for name, where in (("fe_bcc", ~austenitic), ("fe_fcc", austenitic)):
        lines = powder_lines(structure(name), wavelength)
        grains = np.flatnonzero(where).repeat(CRYSTALLITES[name])
        share = rng.gamma(3.0, size=grains.size)
        share /= np.bincount(grains, share, austenitic.size)[grains]
        turns = Rotation.random(grains.size, rng).as_matrix()
        deformed = rng.random(grains.size) < 0.6
        mosaic = np.radians(np.where(deformed, _DEFORMED_MOSAIC_DEG, _SHARP_MOSAIC_DEG))
        mosaic = mosaic * np.exp(0.3 * rng.standard_normal(grains.size))
        for number in range(len(lines.d_spacing)):
            parts.append(
                _reflections(lines, number, grains, share, turns, mosaic, rings, wavelength)
            )
            parts[-1][4] *= lines.scale / unit_scale
    table = np.concatenate(parts, axis=1)
    table = table[:, np.argsort(table[0], kind="stable")]
    grain = table[0].astype(np.int32)
    row, row_sigma = table[2], table[3]
    caught = ndtr((rings.shape[0] - 0.5 - row) / row_sigma) - ndtr((-0.5 - row) / row_sigma)
    first = np.searchsorted(grain, np.arange(austenitic.size + 1))
    return Spots(grain, table[1], row, row_sigma, table[4], caught, first)


def _reflections(
    lines: PowderLines,
    number: int,
    grains: NDArray[np.int64],
    share: NDArray[np.float64],
    turns: NDArray[np.float64],
    mosaic: NDArray[np.float64],
    rings: RingMap,
    wavelength: float,
) -> NDArray[np.float64]:
    """List the spots of one powder line: rows grain, two_theta, row, row_sigma, strength."""
    two_theta = float(lines.two_theta(wavelength)[number])
    if not rings.low - 0.5 < two_theta < rings.high + 0.5:
        return np.empty((5, 0))
    theta = np.radians(two_theta) / 2.0
    planes = _equivalents(lines.hkl[number])
    normals = np.einsum("nij,mj->nmi", turns, planes)
    deviation = np.arcsin(-normals[..., 2]) - theta
    which, plane = np.nonzero(np.abs(deviation) < _MOSAIC_CUT * mosaic[:, None])
    off, spread = deviation[which, plane], mosaic[which]
    azimuth = np.arctan2(normals[which, plane, 1], normals[which, plane, 0])
    profile = np.exp(-0.5 * (off / spread) ** 2) / (np.sqrt(2 * np.pi) * spread)
    strength = 4.0 * np.pi * profile * share[which] / (len(planes) * np.cos(theta))
    strength *= lines.intensity[number] / 100.0 * rings.per_radian(two_theta)
    row = rings.row_at(two_theta, azimuth)
    row_sigma = np.abs(rings.row_at(two_theta, azimuth + 0.7 * spread) - row) + 0.8
    table = np.stack([grains[which], np.full(row.size, two_theta), row, row_sigma, strength])
    near = (row > -3.0 * row_sigma) & (row < rings.shape[0] + 3.0 * row_sigma)
    return np.asarray(table[:, near])


def _equivalents(hkl: NDArray[np.integer]) -> NDArray[np.float64]:
    """List the unit normals of all the planes of a cubic form {hkl}."""
    signed = {
        tuple(s * i for s, i in zip(signs, order, strict=True))
        for order in permutations(int(i) for i in hkl)
        for signs in product((1, -1), repeat=3)
    }
    planes = np.array(sorted(signed), dtype=float)
    return np.asarray(planes / np.linalg.norm(planes, axis=1, keepdims=True))
