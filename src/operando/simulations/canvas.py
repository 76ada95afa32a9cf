"""The voxels that a section is drawn on, and the brushes."""

from __future__ import annotations

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
#: Edge of a voxel, µm: well below the beam, so that boundaries mix by themselves.
VOXEL_UM: Final = 0.5
#: Drawn beyond the edge of the map, for beams centred on it, µm.
MARGIN_UM: Final = 6.0


class Canvas:
    """A section being drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
        Every step draws from it in turn.
    extent_um : tuple of float
        Width (x) and height (y) of the area that will be measured, from 0, µm.

    Attributes
    ----------
    x, y : ndarray of float64, (1, nx) and (ny, 1)
        Voxel centres, µm.
    fractions : ndarray of float32, (ny, nx, 12)
        Volume fractions in the order of `CONSTITUENTS`.
    inward : float
        Direction from the surface into the metal, radians from +x towards +y.
    depth, across : ndarray of float64, (ny, nx)
        Distance from the resin's side of the section, and along it from the middle, µm.
    reach : float
        Depth of the far side, µm.
    """

    def __init__(self, rng: np.random.Generator, extent_um: tuple[float, float]) -> None:
        self.rng = rng
        width, height = extent_um
        columns, rows = (round((e + 2 * MARGIN_UM) / VOXEL_UM) + 1 for e in extent_um)
        self.shape = (rows, columns)
        self.x = VOXEL_UM * np.arange(columns)[None, :] - MARGIN_UM
        self.y = VOXEL_UM * np.arange(rows)[:, None] - MARGIN_UM
        self.fractions = np.zeros((rows, columns, len(CONSTITUENTS)), dtype=np.float32)
        # The surface lies along one of the four sides and leans a little.
        self.inward = float(rng.integers(4) * np.pi / 2 + rng.normal(0.0, 0.12))
        cos, sin = np.cos(self.inward), np.sin(self.inward)
        x, y = self.x - width / 2, self.y - height / 2
        self.reach = float(abs(cos) * width + abs(sin) * height)
        self.depth = cos * x + sin * y + self.reach / 2
        self.across = cos * y - sin * x

    def points(self) -> FloatArray:
        """Return the voxel centres (x, y), (ny, nx, 2), µm."""
        return np.stack(np.broadcast_arrays(self.x, self.y), axis=-1)

    def scatter(self, area_um2: float) -> FloatArray:
        """Draw points all over the canvas, one for every `area_um2`: (n, 2), µm."""
        low = (self.x[0, 0], self.y[0, 0])
        high = (self.x[0, -1], self.y[-1, 0])
        area = (high[0] - low[0]) * (high[1] - low[1])
        return self.rng.uniform(low, high, (max(1, int(area / area_um2)), 2))

    def field(self, longest: float, shortest: float = 0.0, slope: float = 1.7) -> FloatArray:
        """Draw a `fractal_field` over the voxels; wavelengths in µm."""
        return fractal_field(
            self.rng, self.shape, VOXEL_UM, longest=longest, shortest=shortest, slope=slope
        )

    def fill(self, where: BoolArray, **fractions: float) -> None:
        """Make the voxels of `where` consist of the given fractions."""
        self.fractions[where] = 0.0
        for name, fraction in fractions.items():
            self.fractions[where, CONSTITUENTS.index(name)] = fraction

    def replace(self, where: BoolArray, name: str, share: float | FloatArray) -> None:
        """Let a constituent take a share of what the voxels of `where` consist of."""
        taken = share if isinstance(share, float) else share[where][:, None]
        self.fractions[where] *= 1.0 - taken
        self.fractions[where, CONSTITUENTS.index(name)] += np.ravel(taken)

    def pick(self, where: BoolArray) -> tuple[float, float] | None:
        """Draw one voxel of `where`: its centre (x, y), µm; None if there is none."""
        rows, columns = np.nonzero(where)
        if not rows.size:
            return None
        chosen = self.rng.integers(rows.size)
        return float(self.x[0, columns[chosen]]), float(self.y[rows[chosen], 0])

    def crack(self, front: FloatArray, length: float, width: float) -> BoolArray:
        """Draw a crack that starts on an interface and runs inward, thinning out.

        Parameters
        ----------
        front : ndarray of float64, (ny, nx)
            Distance below the interface, µm.
        length, width : float
            Of the crack, µm.

        Returns
        -------
        ndarray of bool, (ny, nx)
            The voxels of the crack.
        """
        start = self.pick(np.abs(front) < 1.0)
        if start is None:
            return np.zeros(self.shape, dtype=bool)
        heading = self.inward + self.rng.normal(0.0, 0.35)
        line = wandering_line(self.rng, start, heading, length, stride=0.5, wander=0.12)
        distance, nearest = cKDTree(line).query(self.points(), distance_upper_bound=width + 0.2)
        taper = np.append(np.sqrt(1.0 - np.arange(len(line)) / len(line)), 0.0)
        return np.asarray(distance < 0.5 * width * taper[nearest] + 0.1)
