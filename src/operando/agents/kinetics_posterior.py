"""Posterior of one law, ready to be read: weights, moments, draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from operando.agents.kinetics_lattice import Lattice
from operando.agents.kinetics_observation import Amplitudes
from operando.agents.kinetics_summary import Part

Floats = NDArray[np.float64]


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
    """One law's lattice with its weights.

    Parameters
    ----------
    lattice : Lattice
    amplitudes : Amplitudes
    weights : ndarray of float64, (p,)
        Sum to 1.
    log_evidence : float
        Of the onset being in the lattice's box, its prior uniform over the box.
    """

    lattice: Lattice
    amplitudes: Amplitudes
    weights: Floats
    log_evidence: float

    @classmethod
    def of(
        cls, lattice: Lattice, mean: tuple[float, float], sd: tuple[float, float]
    ) -> LawPosterior:
        """Weigh a lattice's points by what its sums say."""
        amplitudes, log_mass = lattice.posterior(mean, sd)
        total = float(logsumexp(log_mass))
        return cls(lattice, amplitudes, np.exp(log_mass - total), total)

    @property
    def spacing(self) -> float:
        """Distance between points in standard deviations of the posterior."""
        effective = 1.0 / float((self.weights**2).sum())
        return float(2.0 * np.sqrt(np.pi) / effective ** (1.0 / self.lattice.box.dimensions))

    def part(self, column: int, probability: float = 1.0) -> Part:
        """Onset (0), log rate (1) or log shape (2) with weights summing to `probability`."""
        values = self.lattice.points[:, column]
        return Part(
            values if column == 0 else np.log(values), probability * self.weights, self.spacing
        )

    def draw(self, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw points (count, 3) and amplitudes (count, 2)."""
        index = random.choice(len(self.weights), count, p=self.weights / self.weights.sum())
        lattice, blur = self.lattice, np.sqrt(max(0.0, 1.0 - self.spacing**2 / 12.0))
        mean = self.weights @ lattice.v
        jitter = random.uniform(-0.5, 0.5, (count, lattice.box.dimensions)) @ lattice.cell.T
        points = lattice.box.physical(mean + blur * (lattice.v[index] - mean) + jitter)
        theta, spread = self.amplitudes.mean[index], self.amplitudes.covariance[index]
        first, second = random.standard_normal((2, count))
        root = np.sqrt(spread[:, 0])
        slope = spread[:, 1] / root
        rest = np.sqrt(np.maximum(spread[:, 2] - slope**2, 0.0))
        draws = theta + np.stack([root * first, slope * first + rest * second], axis=1)
        return points, draws
