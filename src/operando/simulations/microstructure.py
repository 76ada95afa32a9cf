"""Growing a corroded-steel section on voxels much finer than the beam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from operando.simulations.canvas import BoolArray, Canvas
from operando.simulations.rust import (
    crack_rust,
    draw_fronts,
    grow_rust,
    run_into_metal,
    scatter_patches,
)
from operando.simulations.steel import grow_steel, metal_fraction

#: Number of distinct textures that powder-like phases can have.
TEXTURES: Final = 16


@dataclass(frozen=True)
class Microstructure:
    """A section on fine voxels.

    Parameters
    ----------
    origin_um : tuple of float
        Centre (x, y) of voxel [0, 0], µm.
    fractions : ndarray of float32, (ny, nx, 12)
        Volume fractions in the order of ``CONSTITUENTS``; they sum to 1.
    grain : ndarray of int32, (ny, nx)
        Number of the coarse metal grain, -1 outside the metal.
    austenitic : ndarray of bool, (n_grains,)
        Whether a grain is austenite rather than ferrite.
    texture : ndarray of int16, (ny, nx)
        Which of `TEXTURES` textures the powder-like phases have here.
    strain : ndarray of float32, (ny, nx)
        Relative change of d, common to the phases of a voxel.
    broadening : ndarray of float32, (ny, nx)
        Factor on the size broadening of every phase.
    """

    origin_um: tuple[float, float]
    fractions: NDArray[np.float32]
    grain: NDArray[np.int32]
    austenitic: BoolArray
    texture: NDArray[np.int16]
    strain: NDArray[np.float32]
    broadening: NDArray[np.float32]


def grow(rng: np.random.Generator, extent_um: tuple[float, float]) -> Microstructure:
    """Draw a section.

    Parameters
    ----------
    rng : numpy.random.Generator
    extent_um : tuple of float
        Width (x) and height (y) of the area that will be measured, from 0, µm.

    Returns
    -------
    Microstructure
        With a margin all around, for beams centred on the edge.
    """
    canvas = Canvas(rng, extent_um)
    steel = grow_steel(canvas)
    fronts = draw_fronts(canvas)
    grow_rust(canvas, fronts)
    run_into_metal(canvas, fronts, steel.to_boundary)
    crack_rust(canvas, fronts)
    scatter_patches(canvas, fronts)
    return Microstructure(
        origin_um=(float(canvas.x[0, 0]), float(canvas.y[0, 0])),
        fractions=canvas.fractions,
        grain=np.where(metal_fraction(canvas.fractions) > 0, steel.grain, -1).astype(np.int32),
        austenitic=steel.austenitic,
        texture=_texture_domains(canvas),
        strain=(0.0007 * canvas.field(25.0)).clip(-0.0015, 0.0015).astype(np.float32),
        broadening=np.exp(0.25 * canvas.field(30.0)).clip(0.6, 1.7).astype(np.float32),
    )


def _texture_domains(canvas: Canvas) -> NDArray[np.int16]:
    """Draw regions of common texture, about 8 µm across."""
    seeds = canvas.scatter(60.0)
    _, nearest = cKDTree(seeds).query(canvas.points())
    texture = canvas.rng.integers(0, TEXTURES, len(seeds))[nearest]
    return np.asarray(texture, dtype=np.int16)
