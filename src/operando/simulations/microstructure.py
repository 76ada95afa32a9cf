"""Growing a corroded-steel section: rust layers, steel grains, cracks and foreign patches.

The section is drawn on voxels much finer than the beam, each with the volume fractions of its
phases, so that what a beam sees at a boundary is the mixture that it covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from operando.physics.phases import CRYSTALLINE
from operando.simulations.fields import fractal_field, wandering_line

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Phases without a label of their own: where they are, the label is ``other``.
UNLISTED: Final = ("alpha_fe2o3", "feo", "feco3", "caco3", "sio2")
#: Every constituent of a section, in the order of the columns of volume fractions.
CONSTITUENTS: Final = (*CRYSTALLINE, *UNLISTED, "resin")
#: Edge of a voxel, µm.
VOXEL_UM: Final = 0.5
#: Numbers of distinct textures that powder-like phases can have.
TEXTURES: Final = 16

_COLUMN = {name: i for i, name in enumerate(CONSTITUENTS)}
_MARGIN_UM = 6.0


@dataclass(frozen=True)
class Microstructure:
    """A section on fine voxels.

    Parameters
    ----------
    origin_um : tuple of float
        Centre (x, y) of voxel [0, 0], µm.
    fractions : ndarray of float32, (ny, nx, 12)
        Volume fractions in the order of `CONSTITUENTS`; they sum to 1.
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
    return _Growth(rng, extent_um).section()


class _Growth:
    """The steps of growing one section; each draws from `rng` and writes into the voxels."""

    def __init__(self, rng: np.random.Generator, extent_um: tuple[float, float]) -> None:
        self.rng = rng
        width, height = (e + 2 * _MARGIN_UM for e in extent_um)
        self.shape = (round(height / VOXEL_UM) + 1, round(width / VOXEL_UM) + 1)
        self.x = VOXEL_UM * np.arange(self.shape[1])[None, :] - _MARGIN_UM
        self.y = VOXEL_UM * np.arange(self.shape[0])[:, None] - _MARGIN_UM
        self.fractions = np.zeros((*self.shape, len(CONSTITUENTS)), dtype=np.float32)
        # Depth below the surface, along a direction that leans a little from one of the sides.
        self.inward = rng.integers(4) * np.pi / 2 + rng.normal(0.0, 0.12)
        along = np.cos(self.inward) * (self.x - extent_um[0] / 2)
        along = along + np.sin(self.inward) * (self.y - extent_um[1] / 2)
        self.centre = (extent_um[0] / 2, extent_um[1] / 2)
        reach = abs(np.cos(self.inward)) * extent_um[0] + abs(np.sin(self.inward)) * extent_um[1]
        self.reach = float(reach)
        self.depth = along + reach / 2

    def section(self) -> Microstructure:
        """Run all the steps in the order in which nature covers one with the next."""
        self._draw_fronts()
        grain, austenitic = self._grow_metal()
        self._grow_rust()
        self._let_corrosion_run_in(grain)
        self._crack_the_rust()
        self._scatter_foreign_patches()
        grain[self.fractions[..., self.metal].sum(axis=-1) <= 0] = -1
        return Microstructure(
            origin_um=(float(self.x[0, 0]), float(self.y[0, 0])),
            fractions=self.fractions,
            grain=grain,
            austenitic=austenitic,
            texture=self._texture_domains(),
            strain=(0.0007 * self._field(25.0)).clip(-0.0015, 0.0015).astype(np.float32),
            broadening=np.exp(0.25 * self._field(30.0)).clip(0.6, 1.7).astype(np.float32),
        )

    # -- small tools ---------------------------------------------------------------------

    metal = (_COLUMN["fe_bcc"], _COLUMN["fe3c"], _COLUMN["fe_fcc"])

    def _field(self, longest: float, shortest: float = 0.0, slope: float = 1.7) -> FloatArray:
        return fractal_field(
            self.rng, self.shape, VOXEL_UM, longest=longest, shortest=shortest, slope=slope
        )

    def _fill(self, where: BoolArray, **fractions: float) -> None:
        """Make `where` consist of the given fractions."""
        self.fractions[where] = 0.0
        for name, fraction in fractions.items():
            self.fractions[where, _COLUMN[name]] = fraction

    # -- rust ----------------------------------------------------------------------------

    def _draw_fronts(self) -> None:
        """Depths of the four interfaces, as signed distance fields (positive: below)."""
        rng = self.rng
        thickness = self.reach * np.array([0.10, 0.17, 0.17, 0.12]) * rng.uniform(0.8, 1.25, 4)
        common = 4.0 * self._field(90.0)
        depth = self.depth + common
        fronts, bottom = [], 0.0
        for thick, rough in zip(thickness, (3.0, 4.0, 4.0, 4.5), strict=True):
            bottom += thick
            ragged = rough * self._field(45.0) + 0.7 * self._field(4.0, 1.0, 1.0)
            fronts.append(depth + ragged - bottom)
        # A front never overtakes the one above it; a layer may thin out to nothing.
        for below in range(1, 4):
            fronts[below] = np.minimum(fronts[below], fronts[below - 1])
        for _ in range(rng.integers(2, 5)):
            fronts[3] = fronts[3] - self._pit(bottom)
        fronts[3] = np.minimum(fronts[3], fronts[2])
        self.fronts = fronts

    def _pit(self, depth: float) -> FloatArray:
        """A tongue of corrosion that reaches into the metal, µm of extra depth."""
        across = self.rng.uniform(-0.45, 0.45) * self.reach
        sideways = -np.sin(self.inward) * (self.x - self.centre[0]) + np.cos(self.inward) * (
            self.y - self.centre[1]
        )
        width = self.rng.uniform(5.0, 11.0)
        bump = np.exp(-0.5 * ((sideways - across) / width) ** 2)
        return np.asarray(self.rng.uniform(8.0, 20.0) * bump * (self.depth > depth - 40.0))

    def _grow_rust(self) -> None:
        surface, gamma, alpha, magnetite = self.fronts
        rust = (surface > 0) & (magnetite <= 0)
        self._fill(surface <= 0, resin=1.0)
        self._fill(rust & (gamma <= 0), gamma_feooh=1.0)
        self._fill(rust & (gamma > 0) & (alpha <= 0), alpha_feooh=1.0)
        self._fill(rust & (alpha > 0), fe3o4=1.0)
        # Intergrowths: near an interface, and in islands of their own, two phases share a voxel.
        islands = self._field(14.0)
        near = 5.0 + 2.0 * self._field(20.0)
        share = 0.38 + 0.10 * np.tanh(self._field(12.0))
        for front, upper, lower in (
            (gamma, "gamma_feooh", "alpha_feooh"),
            (alpha, "alpha_feooh", "fe3o4"),
        ):
            zone = (np.abs(front) < near) & (islands > 0.35)
            self._intergrow(zone, upper, lower, share)
        deep = self._field(16.0)
        self._intergrow(deep > 1.35, "alpha_feooh", "gamma_feooh", share, one_way=True)
        self._intergrow(deep < -1.45, "alpha_feooh", "fe3o4", share, one_way=True)
        self._intergrow(self._field(12.0) > 1.6, "fe3o4", "alpha_feooh", share, one_way=True)

    def _intergrow(
        self, zone: BoolArray, upper: str, lower: str, share: FloatArray, *, one_way: bool = False
    ) -> None:
        """Let `lower` take a share of `upper` in the zone, and the other way round."""
        a, b = _COLUMN[upper], _COLUMN[lower]
        for host, guest in ((a, b),) if one_way else ((a, b), (b, a)):
            where = zone & (self.fractions[..., host] == 1.0)
            self.fractions[where, guest] = share[where]
            self.fractions[where, host] = 1.0 - share[where]

    # -- metal ---------------------------------------------------------------------------

    def _grow_metal(self) -> tuple[NDArray[np.int32], BoolArray]:
        """Fill everything with steel: ferrite, pearlite colonies, austenite."""
        rng = self.rng
        height, width = (n * VOXEL_UM for n in self.shape)
        seeds = rng.uniform((0, 0), (width, height), (int(height * width / 150.0), 2))
        warp = [1.6 * self._field(12.0) for _ in range(2)]
        x, y = np.broadcast_arrays(self.x + _MARGIN_UM, self.y + _MARGIN_UM)
        points = np.stack([x + warp[0], y + warp[1]], axis=-1)
        distance, nearest = cKDTree(seeds).query(points, k=2)
        grain = nearest[..., 0].astype(np.int32)
        self.to_boundary = 0.5 * (distance[..., 1] - distance[..., 0])
        # Kinds are dealt like cards, so that a small section has all of them.
        kinds = rng.permutation(np.arange(len(seeds)) / len(seeds))
        austenitic, pearlitic = kinds < 0.22, kinds > 0.70
        self._fill(~austenitic[grain], fe_bcc=1.0)
        self._fill(austenitic[grain], fe_fcc=1.0)
        cementite = self._lamellae(grain, rng.uniform(0, np.pi, len(seeds)))
        colony = pearlitic[grain]
        self.fractions[colony, _COLUMN["fe3c"]] = cementite[colony]
        self.fractions[colony, _COLUMN["fe_bcc"]] = 1.0 - cementite[colony]
        return grain, austenitic

    def _lamellae(self, grain: NDArray[np.int32], angles: FloatArray) -> FloatArray:
        """Cementite fraction of pearlite: plates too thin for the beam, in coarser bands."""
        angle = angles[grain]
        bend = 1.5 * self._field(25.0)
        phase = (self.x * np.cos(angle) + self.y * np.sin(angle) + bend) / 2.6
        return 0.20 + 0.11 * np.sin(2 * np.pi * phase)

    def _let_corrosion_run_in(self, grain: NDArray[np.int32]) -> None:
        """Oxide along grain boundaries near the metal's surface, and cracks deeper in."""
        rng, into_metal = self.rng, self.fronts[3]
        attacked = (self.to_boundary < 0.55) & (into_metal > 0) & (into_metal < 22.0)
        self._fill(attacked & (self._field(10.0) > 0.1), fe3o4=0.75, alpha_feooh=0.25)
        for _ in range(rng.integers(3, 6)):
            crack = self._crack(rng.uniform(35.0, 80.0), rng.uniform(1.0, 2.2), self.fronts[3])
            mixture = rng.uniform(0.25, 0.6)
            inside = crack & (into_metal > 0)
            self._fill(inside, alpha_feooh=mixture, fe3o4=1.0 - mixture)

    # -- cracks and patches --------------------------------------------------------------

    def _crack(self, length: float, width: float, front: FloatArray) -> BoolArray:
        """Voxels of a crack that starts on an interface and runs inward, thinning out."""
        rows, columns = np.nonzero(np.abs(front) < 1.0)
        pick = self.rng.integers(rows.size)
        start = (float(self.x[0, columns[pick]]), float(self.y[rows[pick], 0]))
        heading = self.inward + self.rng.normal(0.0, 0.35)
        line = wandering_line(self.rng, start, heading, length, stride=0.5, wander=0.12)
        x, y = np.broadcast_arrays(self.x, self.y)
        tree = cKDTree(line)
        distance, nearest = tree.query(
            np.stack([x, y], axis=-1), distance_upper_bound=width, workers=1
        )
        taper = np.append(np.sqrt(1.0 - np.arange(len(line)) / len(line)), 0.0)
        return np.asarray(distance < 0.5 * width * taper[nearest] + 0.1)

    def _crack_the_rust(self) -> None:
        """Resin runs into cracks of the outer rust; a spalling crack follows the layers."""
        rng = self.rng
        for _ in range(rng.integers(3, 6)):
            crack = self._crack(rng.uniform(20.0, 55.0), rng.uniform(1.5, 3.5), self.fronts[0])
            self._fill(crack & (self.fronts[3] <= 0), resin=1.0)
        for front in (self.fronts[1], self.fronts[2]):
            level = rng.uniform(-6.0, 6.0)
            open_here = self._field(40.0) > rng.uniform(0.3, 0.9)
            gap = np.abs(front - level + 0.8 * self._field(10.0)) < rng.uniform(0.6, 1.4)
            self._fill(gap & open_here & (self.fronts[3] <= -2) & (self.fronts[0] > 2), resin=1.0)

    def _scatter_foreign_patches(self) -> None:
        """Patches of phases without a label, where each is at home."""
        surface, gamma, alpha, magnetite = self.fronts
        home = {
            "sio2": np.abs(surface) < 8.0,
            "caco3": (surface > -4.0) & (gamma < 6.0),
            "alpha_fe2o3": (surface > 2.0) & (alpha < 0.0),
            "feco3": (gamma > 0.0) & (magnetite < -2.0),
            "feo": (alpha > 2.0) & (magnetite < 2.0),
        }
        names = self.rng.permutation(UNLISTED)[: self.rng.integers(3, 6)]
        for name in names:
            for _ in range(self.rng.integers(1, 4)):
                self._patch(str(name), home[str(name)])

    def _patch(self, name: str, home: BoolArray) -> None:
        rows, columns = np.nonzero(home)
        if not rows.size:
            return
        pick = self.rng.integers(rows.size)
        dx = self.x - self.x[0, columns[pick]]
        dy = self.y - self.y[rows[pick], 0]
        angle, ratio = self.rng.uniform(0, np.pi), self.rng.uniform(1.0, 2.2)
        along = dx * np.cos(angle) + dy * np.sin(angle)
        across = ratio * (dy * np.cos(angle) - dx * np.sin(angle))
        radius = self.rng.uniform(4.5, 9.0) * np.exp(0.25 * self._field(12.0))
        patch = (np.hypot(along, across) < radius) & (self.fronts[3] <= 0)
        share = self.rng.uniform(0.55, 1.0)
        self.fractions[patch] *= 1.0 - share
        self.fractions[patch, _COLUMN[name]] += share

    def _texture_domains(self) -> NDArray[np.int16]:
        """Regions of common texture, about 8 µm across."""
        height, width = (n * VOXEL_UM for n in self.shape)
        seeds = self.rng.uniform((0, 0), (width, height), (int(height * width / 60.0), 2))
        x, y = np.broadcast_arrays(self.x + _MARGIN_UM, self.y + _MARGIN_UM)
        _, nearest = cKDTree(seeds).query(np.stack([x, y], axis=-1))
        return self.rng.integers(0, TEXTURES, len(seeds))[nearest].astype(np.int16)
