"""What weights on a lattice say about each slice, and whether the lattice still does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_lattice import Grid, Lattice, Slices

Floats = NDArray[np.float64]

_NARROWEST = 0.85  # distances of points: the trapezium rule is still exact to 1e-5
_NOTHING = 1e-6  # mass of a slice that need not be there
_REACH = 3.9  # v of a shape parameter beyond which its prior holds nothing


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of each slice, and the lattice's figures of merit.

    Parameters
    ----------
    mass : ndarray of float64, (j,)
        Posterior probability of each slice.
    mean : ndarray of float64, (j, 2)
    covariance : ndarray of float64, (j, 2, 2)
    effective : float
        Points that carry a slice, on the average over slices by their mass.
    narrowest : float
        Least standard deviation of a slice in any direction, in distances of points.
    outside : float
        Mass at the edges of the slices' lattices.
    """

    slices: Slices
    mass: Floats
    mean: Floats
    covariance: Floats
    effective: float
    narrowest: float
    outside: float

    @classmethod
    def of(cls, lattice: Lattice, weights: Floats) -> Moments:
        """Weigh points by `weights` (j q,), which sum to 1."""
        slices = lattice.slices
        count = len(slices.nodes)
        by_slice = weights.reshape(count, -1)
        mass = by_slice.sum(axis=1)
        held = by_slice / np.maximum(mass, 1e-300)[:, None]
        plane = lattice.v[:, :2].reshape(count, -1, 2)
        mean = (held[:, None] @ plane)[:, 0]
        apart = plane - mean[:, None]
        covariance = apart.transpose(0, 2, 1) @ (held[:, :, None] * apart)
        points = 1.0 / np.maximum((held**2).sum(axis=1), 1e-300)
        covariance, least = _not_below(covariance, slices.covariance, lattice.spacing)
        empty = mass < 1e-9
        mean[empty], covariance[empty] = slices.mean[empty], slices.covariance[empty]
        return cls(
            slices=slices,
            mass=mass,
            mean=mean,
            covariance=covariance,
            effective=float(mass @ points),
            narrowest=float(mass @ least),
            outside=float(by_slice[:, lattice.shell].sum()),
        )

    @property
    def carrying(self) -> float:
        """Slices that carry the posterior."""
        return 1.0 / float((self.mass**2).sum())

    @property
    def ends(self) -> float:
        """Mass in the outermost slices, where the prior still holds something."""
        if len(self.mass) == 1:
            return 0.0
        nodes = self.slices.nodes
        low = self.mass[0] if nodes[0] > -_REACH else 0.0
        return float(low + (self.mass[-1] if nodes[-1] < _REACH else 0.0))

    def sliced(self, grid: Grid) -> bool:
        """Whether enough slices carry the posterior."""
        return len(self.mass) == 1 or self.carrying >= grid.slices

    def dense(self, grid: Grid) -> bool:
        """Whether enough points carry each slice, in every direction."""
        return self.effective >= grid.effective and self.narrowest >= _NARROWEST

    def resolves(self, grid: Grid) -> bool:
        """Whether enough points and slices carry the posterior."""
        return self.dense(grid) and self.sliced(grid)

    def covers(self, grid: Grid) -> bool:
        """Whether next to nothing of the posterior lies at the lattice's edges."""
        return self.outside < grid.tail and self.ends < grid.tail

    def nodes(self, grid: Grid, wider: float = 1.0) -> Floats:
        """Where slices should lie, from where the mass does."""
        old = self.slices.nodes
        if len(old) == 1:
            return old
        mean = float(self.mass @ old)
        sd = float(np.sqrt(self.mass @ (old - mean) ** 2 + (self.slices.step / 4.0) ** 2))
        half = 4.5 * wider * sd
        if self.ends > 0.05:  # the posterior goes on beyond: move by half the range
            half = max(half, 0.5 * float(old[-1] - old[0]))
            sd = max(sd, half / 6.0)
        step = grid.step * sd
        # A skewed posterior ends much sooner on one side: no slices where there is nothing.
        held = np.flatnonzero(self.mass > _NOTHING)
        first = old[held[0] - 1] if held[0] > 0 else -np.inf
        last = old[held[-1] + 1] if held[-1] < len(old) - 1 else np.inf
        low = float(max(mean - half, -_REACH - step, first))
        high = float(min(mean + half, _REACH + step, last))
        return np.linspace(low, high, max(5, int(np.ceil((high - low) / step)) + 1))

    def at(self, nodes: Floats) -> Slices:
        """Centres and covariances of slices at other nodes, from those that hold mass."""
        good = self.mass > 1e-7
        known, mean, covariance = self.slices.nodes[good], self.mean[good], self.covariance[good]
        root = np.linalg.cholesky(covariance)
        table = np.concatenate([mean, root.reshape(-1, 4)], axis=1)
        found = np.stack([np.interp(nodes, known, column) for column in table.T], axis=1)
        root = found[:, 2:].reshape(-1, 2, 2)
        return Slices(nodes, found[:, :2], root @ root.transpose(0, 2, 1))


def _not_below(covariance: Floats, placed: Floats, spacing: float) -> tuple[Floats, Floats]:
    """Covariances no narrower than points can tell, and their least widths in their distances.

    Parameters
    ----------
    covariance : ndarray of float64, (j, 2, 2)
    placed : ndarray of float64, (j, 2, 2)
        Covariances that the points were placed with, `spacing` deviations apart.
    spacing : float
    """
    root = np.linalg.cholesky(placed)
    inverse = np.linalg.inv(root)
    size, axes = np.linalg.eigh(inverse @ covariance @ inverse.transpose(0, 2, 1))
    least = np.sqrt(np.maximum(size[:, 0], 0.0)) / spacing
    axes = root @ axes * np.sqrt(np.maximum(size, 0.08 * spacing**2))[:, None, :]
    return axes @ axes.transpose(0, 2, 1), least
