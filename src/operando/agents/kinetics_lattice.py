"""Posterior of one law on a lattice whose points hold running sums.

Onset, log rate and log shape have uniform priors; each is mapped to a standard normal variable v,
so that the posterior is smooth up to the edges of the priors and falls off like a normal one
beyond them. On a lattice in the whitened v the trapezium rule then converges faster than any
power of the spacing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from operando.agents.kinetics_history import Bins
from operando.agents.kinetics_observation import (
    SUMS,
    Amplitudes,
    Observation,
    integrate_amplitudes,
)
from operando.physics.kinetic_laws import KineticLaw, mean_extent

Floats = NDArray[np.float64]

_FEW = 6.0  # points below which a lattice cannot tell a width
_CHUNK = 60_000  # elements of α at a time: stays in the processor's cache


@dataclass(frozen=True)
class Box:
    """Bounds of the uniform priors: onset (s), log rate, log shape (None without one)."""

    t0: tuple[float, float]
    log_rate: tuple[float, float]
    log_shape: tuple[float, float] | None

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return 2 if self.log_shape is None else 3

    def physical(self, v: Floats) -> Floats:
        """Onset (s), rate (1/s) and shape of points: (p, d) to (p, 3)."""
        result = np.ones((len(v), 3))
        share = ndtr(v)
        result[:, 0] = _between(self.t0, share[:, 0])
        result[:, 1] = np.exp(_between(self.log_rate, share[:, 1]))
        if self.log_shape is not None:
            result[:, 2] = np.exp(_between(self.log_shape, share[:, 2]))
        return result

    def normal(self, points: Floats) -> Floats:
        """Invert :meth:`physical`; points at or beyond the bounds are put just inside."""
        share = [_share(self.t0, points[:, 0]), _share(self.log_rate, np.log(points[:, 1]))]
        if self.log_shape is not None:
            share.append(_share(self.log_shape, np.log(points[:, 2])))
        return np.asarray(ndtri(np.clip(np.stack(share, axis=1), 1e-9, 1.0 - 1e-9)))


def _between(bounds: tuple[float, float], share: Floats) -> Floats:
    return bounds[0] + (bounds[1] - bounds[0]) * share


def _share(bounds: tuple[float, float], value: Floats) -> Floats:
    return (value - bounds[0]) / (bounds[1] - bounds[0])


@dataclass(frozen=True)
class Grid:
    """Spacing and radius of a lattice in standard deviations, and when it is too coarse.

    Parameters
    ----------
    spacing, radius : float
    effective : float
        Fewest points that must carry the posterior, 1 / sum of squared weights.
    """

    spacing: float
    radius: float
    effective: float


LIVE = {2: Grid(0.5, 6.0, 18.0), 3: Grid(0.75, 5.6, 40.0)}
"""For streams, by number of dimensions."""

FINE = {2: Grid(0.35, 7.0, 60.0), 3: Grid(0.5, 6.5, 150.0)}
"""For whole records."""


@cache
def ball(dimensions: int, spacing: float, radius: float) -> Floats:
    """Lattice points within a radius of 0, (p, d)."""
    count = int(radius / spacing)
    axis = spacing * np.arange(-count, count + 1)
    points = np.stack(np.meshgrid(*[axis] * dimensions, indexing="ij"), axis=-1)
    points = points.reshape(-1, dimensions)
    return np.asarray(points[np.linalg.norm(points, axis=1) <= radius + 1e-9])


@dataclass(eq=False)
class Lattice:
    """Points of one law with their running sums.

    Parameters
    ----------
    law : KineticLaw
    box : Box
    v : ndarray of float64, (p, d)
        Points, in standard normal variables.
    points : ndarray of float64, (p, 3)
        The same as onset (s), rate (1/s), shape.
    log_prior : ndarray of float64, (p,)
        Prior probability of each point's cell.
    shell : ndarray of bool, (p,)
        Points at the lattice's edge.
    sums : ndarray of float64, (p, 7)
    cell : ndarray of float64, (d, d)
        Edges of a cell, as columns.
    """

    law: KineticLaw
    box: Box
    v: Floats
    points: Floats
    log_prior: Floats
    shell: NDArray[np.bool_]
    sums: Floats
    cell: Floats

    @classmethod
    def around(
        cls, law: KineticLaw, box: Box, mean: Floats, covariance: Floats, grid: Grid
    ) -> Lattice:
        """Make a lattice without data around a mean (d,) with a covariance (d, d), in v."""
        root = np.linalg.cholesky(covariance)
        z = ball(box.dimensions, grid.spacing, grid.radius)
        v = mean + z @ root.T
        cell: Floats = np.asarray(grid.spacing * root)
        log_cell = np.log(np.diag(cell)).sum() - 0.5 * box.dimensions * np.log(2.0 * np.pi)
        return cls(
            law=law,
            box=box,
            v=v,
            points=box.physical(v),
            log_prior=log_cell - 0.5 * (v**2).sum(axis=1),
            shell=np.linalg.norm(z, axis=1) > grid.radius - grid.spacing,
            sums=np.zeros((len(z), SUMS)),
            cell=cell,
        )

    def add(self, bins: Bins, observation: Observation) -> None:
        """Add frames to the running sums."""
        self.sums += accumulate(self.law, self.points, bins, observation)

    def posterior(
        self, mean: tuple[float, float], sd: tuple[float, float]
    ) -> tuple[Amplitudes, Floats]:
        """Amplitudes at each point, and log of the posterior mass of its cell (p,)."""
        amplitudes = integrate_amplitudes(self.sums, mean, sd)
        return amplitudes, amplitudes.log_likelihood + self.log_prior


def accumulate(law: KineticLaw, points: Floats, bins: Bins, observation: Observation) -> Floats:
    """Give the sums (p, 7) of all bins at points (p, 3)."""
    result = np.zeros((len(points), SUMS))
    t0, rate, shape = (column[:, None] for column in points.T)
    step = max(1, _CHUNK // len(points))
    for first in range(0, len(bins.count), step):
        part = slice(first, first + step)
        some = Bins(bins.start[part], bins.stop[part], bins.count[part], bins.stats[part], 0.0)
        alpha = mean_extent(law, some.start, some.stop, t0, rate, shape)
        result += observation.sums(some, alpha)
    return result


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (d,), covariance (d, d) and effective number of points of weights on a lattice."""

    mean: Floats
    covariance: Floats
    effective: float
    outside: float

    @classmethod
    def of(cls, lattice: Lattice, log_mass: Floats) -> Moments:
        """Weigh points by exp(log_mass)."""
        weight = np.exp(log_mass - logsumexp(log_mass))
        mean = weight @ lattice.v
        apart = lattice.v - mean
        effective = 1.0 / float((weight**2).sum())
        covariance = (weight[:, None] * apart).T @ apart
        if effective < _FEW:
            covariance += lattice.cell @ lattice.cell.T / 12.0
        return cls(mean, covariance, effective, float(weight[lattice.shell].sum()))
