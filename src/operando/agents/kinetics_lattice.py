"""Posterior of one law on a lattice whose points hold running sums.

Onset, log rate and log shape have uniform priors; each is mapped to a standard normal variable v,
so that the posterior is smooth up to the edges of the priors and falls off like a normal one
beyond them. Onset and rate lie on a lattice whitened by their own covariance, where the trapezium
rule converges faster than any power of the spacing. A shape parameter bends that covariance, so it
is cut into slices, each with a lattice whitened for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from operando.agents.kinetics_history import Bins
from operando.agents.kinetics_observation import (
    SUMS,
    Amplitudes,
    Observation,
    Prior,
)
from operando.physics.kinetic_laws import KineticLaw, mean_extent

Floats = NDArray[np.float64]

_CHUNK = 16_000  # elements of α at a time: stays in the processor's cache
_FAR = 3.0  # lengths of an exposure after the onset from where on α is smooth within it
_LEGENDRE = 1.0 / np.sqrt(3.0)


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

    def onset_variable(self, t0: Floats) -> Floats:
        """Give v of onsets (s); those at or beyond the bounds are put just inside."""
        share = (t0 - self.t0[0]) / (self.t0[1] - self.t0[0])
        return np.asarray(ndtri(np.clip(share, 1e-9, 1.0 - 1e-9)))


def _between(bounds: tuple[float, float], share: Floats) -> Floats:
    return bounds[0] + (bounds[1] - bounds[0]) * share


@dataclass(frozen=True)
class Grid:
    """How fine a lattice is, in standard deviations, and when it has become too coarse.

    Parameters
    ----------
    spacing, radius : float
        Of the lattice of onset and rate in each slice.
    effective : float
        Fewest points that must carry a slice, 1 / sum of squared weights.
    step : float
        Distance of slices.
    slices : float
        Fewest slices that must carry the posterior.
    tail : float
        Posterior mass allowed at the edges of the lattice.
    tries : int
        Lattices built before the last one is taken as it is.
    """

    spacing: float
    radius: float
    effective: float
    step: float
    slices: float
    tail: float
    tries: int


LIVE = Grid(0.75, 5.3, 12.0, 0.7, 3.6, 2e-3, 4)
"""For streams."""

FINE = Grid(0.6, 5.8, 20.0, 0.55, 4.5, 3e-4, 10)
"""For whole records."""


@cache
def disc(spacing: float, radius: float) -> Floats:
    """Lattice points of the plane within a radius of 0, (q, 2)."""
    count = int(radius / spacing)
    axis = spacing * np.arange(-count, count + 1)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(points[np.linalg.norm(points, axis=1) <= radius + 1e-9])


@dataclass(frozen=True, eq=False)
class Slices:
    """Where the lattice of each slice lies.

    Parameters
    ----------
    nodes : ndarray of float64, (j,)
        v of the shape parameter, evenly spaced; one 0 for a law without.
    mean : ndarray of float64, (j, 2)
        Centre in v of onset and rate.
    covariance : ndarray of float64, (j, 2, 2)
    """

    nodes: Floats
    mean: Floats
    covariance: Floats

    @property
    def step(self) -> float:
        """Distance of neighbouring nodes."""
        return float(self.nodes[1] - self.nodes[0]) if len(self.nodes) > 1 else 1.0

    def moved(self, old: Box, new: Box) -> Slices:
        """Give the same onsets (s) in a box with other bounds of the onset."""
        before = self.mean[:, 0]
        t0 = _between(old.t0, ndtr(before))
        after = new.onset_variable(t0)
        width = (old.t0[1] - old.t0[0]) / (new.t0[1] - new.t0[0])
        stretch = width * np.exp(0.5 * (after**2 - before**2))
        scale = np.stack([np.clip(stretch, 1e-3, 1e3), np.ones(len(before))], axis=1)
        return Slices(
            self.nodes,
            np.stack([after, self.mean[:, 1]], axis=1),
            self.covariance * scale[:, :, None] * scale[:, None, :],
        )


@dataclass(eq=False)
class Lattice:
    """Points of one law with their running sums, slice by slice.

    Parameters
    ----------
    law : KineticLaw
    box : Box
    slices : Slices
    spacing : float
        Of each slice's lattice, in the deviations of `slices`.
    radius : float
        Of each slice's lattice, in the same.
    v : ndarray of float64, (j q, d)
        Points, in standard normal variables.
    points : ndarray of float64, (j q, 3)
        The same as onset (s), rate (1/s), shape.
    log_prior : ndarray of float64, (j q,)
        Prior probability of each point's cell.
    shell : ndarray of bool, (q,)
        Points at the edge of a slice's lattice.
    sums : ndarray of float64, (j q, 7)
    """

    law: KineticLaw
    box: Box
    slices: Slices
    spacing: float
    radius: float
    v: Floats
    points: Floats
    log_prior: Floats
    shell: NDArray[np.bool_]
    sums: Floats

    @classmethod
    def over(cls, law: KineticLaw, box: Box, slices: Slices, grid: Grid) -> Lattice:
        """Make a lattice without data."""
        root = np.linalg.cholesky(slices.covariance)
        z = disc(grid.spacing, grid.radius)
        v = stack(box, slices.nodes, slices.mean[:, None] + z @ root.transpose(0, 2, 1))
        log_cell = 2.0 * np.log(grid.spacing) + np.log(root[:, 0, 0] * root[:, 1, 1])
        log_cell += np.log(slices.step) - 0.5 * box.dimensions * np.log(2.0 * np.pi)
        return cls(
            law=law,
            box=box,
            slices=slices,
            spacing=grid.spacing,
            radius=grid.radius,
            v=v,
            points=box.physical(v),
            log_prior=np.repeat(log_cell, len(z)) - 0.5 * (v**2).sum(axis=1),
            shell=np.linalg.norm(z, axis=1) > grid.radius - grid.spacing,
            sums=np.zeros((len(v), SUMS)),
        )

    def onset_width(self) -> float:
        """Give about the least of the slices' standard deviations of the onset, s."""
        t0 = self.points[:, 0].reshape(len(self.slices.nodes), -1)
        radius = self.spacing * int(np.sqrt(t0.shape[1] / np.pi))
        widths = (t0.max(axis=1) - t0.min(axis=1)) / (2.0 * radius)
        # A slice much narrower than the others is one that holds nothing.
        return float(max(widths.min(), 0.5 * np.median(widths)))

    def add(self, bins: Bins, observation: Observation) -> None:
        """Add frames to the running sums."""
        self.sums += accumulate(self.law, self.points, bins, observation)

    def posterior(self, prior: Prior) -> tuple[Amplitudes, Floats]:
        """Amplitudes at each point, and log of the posterior mass of its cell (j q,)."""
        amplitudes = prior.integrate(self.sums)
        return amplitudes, amplitudes.log_likelihood + self.log_prior


def stack(box: Box, nodes: Floats, plane: Floats) -> Floats:
    """Points (j q, d) from each slice's points in the plane (j, q, 2)."""
    if box.log_shape is None:
        return np.asarray(plane.reshape(-1, 2))
    shape = np.broadcast_to(nodes[:, None, None], (*plane.shape[:2], 1))
    return np.concatenate([plane, shape], axis=2).reshape(-1, 3)


def accumulate(law: KineticLaw, points: Floats, bins: Bins, observation: Observation) -> Floats:
    """Give the sums (p, 7) of all bins at points (p, 3)."""
    result = np.zeros((len(points), SUMS))
    average = _quick_mean if law.slow_integral else mean_extent
    wide = max(1, min(len(bins.count), 80))
    tall = max(1, _CHUNK // wide)
    for left in range(0, len(bins.count), wide):
        part = bins.part(slice(left, left + wide))
        for top in range(0, len(points), tall):
            rows = slice(top, top + tall)
            t0, rate, shape = (column[rows, None] for column in points.T)
            alpha = average(law, part.start, part.stop, t0, rate, shape)
            result[rows] += observation.sums(part, alpha)
    return result


def _quick_mean(
    law: KineticLaw, start: Floats, stop: Floats, t0: Floats, rate: Floats, shape: Floats
) -> Floats:
    """Average α by two Gauss-Legendre points where it is smooth, by its integral elsewhere."""
    far = start - t0.max() > _FAR * (stop - start)
    near = (stop > t0.min()) & ~far
    result = np.zeros((len(t0), len(start)))
    if far.any():
        result[:, far] = _smooth_mean(law, start[far], stop[far], t0, rate, shape)
    if near.any():
        result[:, near] = _mean_about_onset(law, start[near], stop[near], t0, rate, shape)
    return result


def _smooth_mean(
    law: KineticLaw, start: Floats, stop: Floats, t0: Floats, rate: Floats, shape: Floats
) -> Floats:
    middle, half = 0.5 * (start + stop), _LEGENDRE * 0.5 * (stop - start)
    early, late = (law.curve(rate * (middle + sign * half - t0), shape) for sign in (-1.0, 1.0))
    return 0.5 * (early + late)


def _mean_about_onset(
    law: KineticLaw, start: Floats, stop: Floats, t0: Floats, rate: Floats, shape: Floats
) -> Floats:
    """Average α where some onsets are later or hardly earlier than the exposure."""
    before, after = rate * (start - t0), rate * (stop - t0)
    result = np.zeros(after.shape)
    begun = after > 0.0
    far = before > _FAR * (after - before)
    near = begun & ~far
    wide = np.broadcast_to(shape, after.shape)
    result[far] = _smooth_mean(law, before[far], after[far], np.zeros(1), np.ones(1), wide[far])
    low, high, n = before[near], after[near], wide[near]
    result[near] = (law.integral(high, n) - law.integral(low, n)) / (high - low)
    return result
