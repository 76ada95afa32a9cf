"""Draw sections to learn neighbourhoods from: grains, layers and gradients of any phases.

Nothing here knows how steel corrodes. Every constituent is given a random field with a
correlation length and a height of its own, and a share in a common trend; where its field is
highest it fills the beam, and between two of them the beam meets both. Coarse metal
comes in grains that are bright or dark by chance. What a pattern of such a volume looks like is
drawn by the generator that the classifier learnt from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from operando.agents.patterns import PowderPatterns
from operando.agents.phase_drawing import Nuisance, Volumes, draw_brightness, draw_expected
from operando.agents.phase_lines import CANONICAL_TWO_THETA, CANONICAL_WAVELENGTH
from operando.agents.phase_training import labels_of
from operando.physics.phases import CRYSTALLINE

#: Listed phases, an unlisted one, resin and silent metal.
_CONSTITUENTS = len(CRYSTALLINE) + 3
_UNLISTED = len(CRYSTALLINE)
_COARSE = (CRYSTALLINE.index("fe_bcc"), CRYSTALLINE.index("fe_fcc"))
_LENGTHS = (0.8, 8.0)  # correlation of a constituent, points
_TREND = (8.0, 25.0)  # the same of what all follow
_GRAINS = (1.2, 8.0)  # size of a coarse grain, points
#: log10 of the counts in the strongest bin of a typical pattern.
_LOG10_COUNTS = (0.8, 2.6)

Floats = NDArray[np.float64]


def draw_section(shape: tuple[int, int], rng: np.random.Generator) -> Volumes:
    """Draw what the beam meets at each point of a map.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : numpy.random.Generator

    Returns
    -------
    Volumes
        Of ``rows * columns`` points, row by row.
    """
    trend = _field(shape, rng.uniform(*_TREND), rng)
    heights = []
    for column in range(_CONSTITUENTS):
        own = _field(shape, _log_uniform(_LENGTHS, rng), rng) * rng.uniform(0.4, 1.2)
        height = own + rng.normal(0.0, 0.8) * trend + rng.normal(0.0, 0.6)
        heights.append(height - 0.4 if column == _UNLISTED else height)
    height = np.stack(heights, axis=-1).reshape(-1, _CONSTITUENTS)
    sharpness = _log_uniform((0.1, 0.5), rng)
    share = np.exp((height - height.max(axis=1, keepdims=True)) / sharpness)
    share /= share.sum(axis=1, keepdims=True)
    brightness = draw_brightness(len(share), rng)
    for column in _COARSE:
        brightness[:, column] = _grain_brightness(shape, rng)
    return Volumes(share[:, : _UNLISTED + 1], share[:, -2], share[:, -1], brightness)


def draw_maps(
    volumes: Volumes, number: int, rng: np.random.Generator
) -> tuple[list[PowderPatterns], NDArray[np.bool_]]:
    """Measure a drawn section several times, with as many exposures.

    Parameters
    ----------
    volumes : Volumes
        n points.
    number : int
        How many times.
    rng : numpy.random.Generator

    Returns
    -------
    patterns : list of PowderPatterns
        n patterns each. In some maps a fifth of the points has had a multiple of the exposure.
    labels : ndarray of bool, (n, 9)
    """
    expected = draw_expected(volumes, Nuisance(), rng)
    typical = float(np.median(expected.max(axis=1)))
    made = []
    for _ in range(number):
        rate = 10.0 ** rng.uniform(*_LOG10_COUNTS) / typical
        counts = rng.poisson(expected * rate).astype(np.float32)
        again = rng.random(len(counts)) < rng.choice([0.0, 0.2])
        counts[again] += rng.poisson(expected[again] * rate * rng.uniform(2.0, 8.0))
        made.append(PowderPatterns.from_counts(CANONICAL_TWO_THETA, counts, CANONICAL_WAVELENGTH))
    return made, labels_of(volumes)


def _field(shape: tuple[int, int], length: float, rng: np.random.Generator) -> Floats:
    """Random field of mean 0 and standard deviation 1, smooth over a length in points."""
    field = gaussian_filter(rng.standard_normal(shape), length, mode="reflect")
    return np.asarray((field - field.mean()) / field.std())


def _grain_brightness(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Brightness of coarse grains: lognormal, and none at all off the Bragg condition."""
    points = shape[0] * shape[1]
    grains = max(4, int(points / _log_uniform(_GRAINS, rng) ** 2))
    seeds = rng.random((grains, 2)) * shape
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    mine = cKDTree(seeds).query(np.stack([rows.ravel(), columns.ravel()], axis=1))[1]
    bright = np.exp(rng.standard_normal(grains)) * (rng.random(grains) < rng.uniform(0.2, 1.0))
    return np.asarray(bright[mine] * np.exp(0.3 * rng.standard_normal(points)))


def _log_uniform(limits: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = np.log(limits)
    return float(np.exp(rng.uniform(float(low), float(high))))
