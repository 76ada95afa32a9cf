"""Posterior of one law, ready to be read: weights, marginals, draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_lattice import Lattice
from operando.agents.kinetics_marginal import Marginal
from operando.agents.kinetics_moments import Moments
from operando.agents.kinetics_observation import Amplitudes, Prior, log_sum
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]

_GAUSS = 2.0 * np.sqrt(np.pi)  # points in a standard deviation's spacing that carry a normal


@dataclass(frozen=True, eq=False)
class Samples:
    """Draws from the posterior of all laws together.

    Parameters
    ----------
    law : ndarray of int, (n,)
        Index into `names`.
    names : tuple of str
    t0, rate, shape : ndarray of float64, (n,)
        Onset s, k 1/s, shape (1 where the law has none).
    amplitudes : ndarray of float64, (n, 2)
        Areas of the empty phase at α = 0 and of the loaded one at α = 1.
    """

    law: NDArray[np.intp]
    names: tuple[str, ...]
    t0: Floats
    rate: Floats
    shape: Floats
    amplitudes: Floats


@dataclass(frozen=True, eq=False)
class LawPosterior:
    """Weighted points of one law.

    Parameters
    ----------
    law : KineticLaw
    points : ndarray of float64, (p, 3)
        Onset (s), rate (1/s), shape.
    weights : ndarray of float64, (p,)
        Sum to 1.
    amplitudes : Amplitudes
    log_evidence : float
        Of an onset in the past, its prior uniform over the past.
    """

    law: KineticLaw
    points: Floats
    weights: Floats
    amplitudes: Amplitudes
    log_evidence: float

    def spacing(self, column: int) -> float:
        """Distance of points in standard deviations of the posterior."""
        del column
        return 1.0

    def marginal(self, column: int) -> Marginal:
        """Distribution of the onset (0), the rate (1) or the shape (2)."""
        values = self.points[:, column]
        if column:
            return Marginal.of(np.log(values), self.weights, self.spacing(column), log=True)
        return Marginal.of(values, self.weights, self.spacing(column))

    def late(self, time: float) -> float:
        """Probability of an onset after `time`, s."""
        return float(self.weights[self.points[:, 0] > time].sum())

    def draw(self, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw points (count, 3) and amplitudes (count, 2)."""
        index = random.choice(len(self.weights), count, p=self.weights / self.weights.sum())
        theta, spread = self.amplitudes.mean[index], self.amplitudes.covariance[index]
        first, second = random.standard_normal((2, count))
        root = np.sqrt(spread[:, 0])
        slope = spread[:, 1] / root
        rest = np.sqrt(np.maximum(spread[:, 2] - slope**2, 0.0))
        draws = theta + np.stack([root * first, slope * first + rest * second], axis=1)
        return self.blur(index, random), draws

    def blur(self, index: NDArray[np.intp], random: np.random.Generator) -> Floats:
        """Points (n, 3) in the cells of the points chosen."""
        del random
        return self.points[index]


@dataclass(frozen=True, eq=False)
class LatticePosterior(LawPosterior):
    """A law's lattice with its weights.

    Parameters
    ----------
    lattice : Lattice
    """

    lattice: Lattice

    @classmethod
    def of(cls, lattice: Lattice, prior: Prior) -> LatticePosterior:
        """Weigh a lattice's points by what its sums say."""
        amplitudes, log_mass = lattice.posterior(prior)
        total = log_sum(log_mass)
        weights = np.exp(log_mass - total)
        return cls(lattice.law, lattice.points, weights, amplitudes, total, lattice)

    @cached_property
    def moments(self) -> Moments:
        """Mass, mean and covariance of each slice."""
        return Moments.of(self.lattice, self.weights)

    def spacing(self, column: int) -> float:
        """Distance of points in standard deviations of the posterior."""
        carrying = self.moments.carrying if column == 2 else np.sqrt(self.moments.effective)
        return float(_GAUSS / carrying)

    def blur(self, index: NDArray[np.intp], random: np.random.Generator) -> Floats:
        """Points (n, 3) in the cells of the points chosen."""
        lattice, slices, moments = self.lattice, self.lattice.slices, self.moments
        which = index // len(lattice.shell)
        root = lattice.spacing * np.linalg.cholesky(slices.covariance)[which]
        jitter = np.einsum("nab,nb->na", root, random.uniform(-0.5, 0.5, (len(index), 2)))
        # Drawn towards the mean as much as the cells widen it.
        keep = np.sqrt(max(0.0, 1.0 - _GAUSS**2 / moments.effective / 12.0))
        mean = moments.mean[which]
        plane = mean + keep * (lattice.v[index, :2] - mean) + jitter
        nodes = slices.nodes[which]
        if len(slices.nodes) > 1:
            nodes = nodes + slices.step * random.uniform(-0.5, 0.5, len(index))
            for axis in (0, 1):
                along = np.interp(nodes, slices.nodes, moments.mean[:, axis])
                plane[:, axis] += along - mean[:, axis]
        return lattice.box.physical(np.column_stack([plane, nodes])[:, : lattice.box.dimensions])
