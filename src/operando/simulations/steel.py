"""The metal of a section: ferrite and austenite grains, colonies of pearlite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from operando.simulations.canvas import CONSTITUENTS, BoolArray, Canvas, FloatArray

#: Mean area of a grain, µm², and shares of the grains that are austenite or pearlite.
GRAIN_UM2: Final = 400.0
AUSTENITE: Final = 0.22
PEARLITE: Final = 0.30


@dataclass(frozen=True)
class Steel:
    """The grains of the metal.

    Parameters
    ----------
    grain : ndarray of int32, (ny, nx)
        Number of the grain.
    austenitic : ndarray of bool, (n_grains,)
        Austenite (True) or ferrite, which pearlite is made of as well.
    to_boundary : ndarray of float64, (ny, nx)
        Distance to the nearest grain boundary, µm.
    """

    grain: NDArray[np.int32]
    austenitic: BoolArray
    to_boundary: FloatArray


def grow_steel(canvas: Canvas) -> Steel:
    """Fill the whole canvas with steel.

    Parameters
    ----------
    canvas : Canvas

    Returns
    -------
    Steel
    """
    rng = canvas.rng
    seeds = canvas.scatter(GRAIN_UM2)
    warp = np.stack([1.6 * canvas.field(16.0, 4.0), 1.6 * canvas.field(16.0, 4.0)], axis=-1)
    distance, nearest = cKDTree(seeds).query(canvas.points() + warp, k=2)
    grain = nearest[..., 0].astype(np.int32)
    # Kinds are dealt like cards, so that a small section has all of them.
    deal = rng.permutation(len(seeds)) / len(seeds)
    austenitic = deal < AUSTENITE
    canvas.fill(~austenitic[grain], fe_bcc=1.0)
    canvas.fill(austenitic[grain], fe_fcc=1.0)
    cementite = _lamellae(canvas, rng.uniform(0.0, np.pi, len(seeds))[grain])
    canvas.replace((deal > 1.0 - PEARLITE)[grain], "fe3c", cementite)
    return Steel(grain, austenitic, 0.5 * (distance[..., 1] - distance[..., 0]))


def _lamellae(canvas: Canvas, angle: FloatArray) -> FloatArray:
    """Cementite fraction of pearlite: its plates are finer than a voxel, bands of them are not.

    Twice what equilibrium pearlite has: colonies that stand for pearlite with proeutectoid
    carbide, so that a map of one section shows the label at all.
    """
    bend = 1.5 * canvas.field(25.0)
    bands = (canvas.x * np.cos(angle) + canvas.y * np.sin(angle) + bend) / 2.6
    return np.asarray(0.28 + 0.09 * np.sin(2.0 * np.pi * bands))


def metal_fraction(fractions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the coarse-grained metal phases.

    Parameters
    ----------
    fractions : ndarray of float32, (…, 12)
        Volume fractions in the order of ``CONSTITUENTS``.

    Returns
    -------
    ndarray of float32, (…)
        Ferrite and austenite.
    """
    return (
        fractions[..., CONSTITUENTS.index("fe_bcc")] + fractions[..., CONSTITUENTS.index("fe_fcc")]
    )
