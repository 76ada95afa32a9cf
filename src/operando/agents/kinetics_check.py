"""A second quadrature over the same posterior, from every single frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_lattice import accumulate, stack
from operando.agents.kinetics_observation import log_sum
from operando.agents.kinetics_posterior import LatticePosterior
from operando.agents.kinetics_search import Task
from operando.agents.kinetics_weighing import Past

Floats = NDArray[np.float64]

_NODES = 9


@dataclass(frozen=True)
class CheckedLaw:
    """What Gauss-Hermite quadrature says of one law.

    Parameters
    ----------
    log_evidence : float
        With the onset in the past.
    t0, k : tuple of float
        Mean and standard deviation, s and 1/s.
    """

    log_evidence: float
    t0: tuple[float, float]
    k: tuple[float, float]


def check_law(task: Task, posterior: LatticePosterior, past: Past, constant: float) -> CheckedLaw:
    """Integrate one law's posterior by nine by nine Gauss-Hermite nodes in each slice.

    Parameters
    ----------
    task : Task
        The law, its data and priors.
    posterior : LatticePosterior
        Whose moments place the nodes.
    past : Past
    constant : float
        Part of the log likelihood that no parameter changes.
    """
    task = replace(task, box=posterior.lattice.box)
    moments, slices = posterior.moments, posterior.lattice.slices
    place, weight = np.polynomial.hermite.hermgauss(_NODES)
    z = np.stack(np.meshgrid(place, place, indexing="ij"), axis=-1).reshape(-1, 2)
    log_weight = np.log(np.outer(weight, weight).ravel()) + (z**2).sum(axis=1)
    root = np.sqrt(2.0) * np.linalg.cholesky(moments.covariance)
    v = stack(task.box, slices.nodes, moments.mean[:, None] + z @ root.transpose(0, 2, 1))
    log_cell = np.log(root[:, 0, 0] * root[:, 1, 1] * slices.step)
    log_prior = -0.5 * (v**2).sum(axis=1) - 0.5 * task.box.dimensions * np.log(2.0 * np.pi)
    log_prior += (log_cell[:, None] + log_weight).ravel()
    points = task.box.physical(v)
    sums = accumulate(task.law, points, task.history.frames(), task.observation)
    log_mass = task.prior.integrate(sums).log_likelihood + log_prior
    total = log_sum(log_mass)
    mass = np.exp(log_mass - total)
    low, top = task.box.t0
    share = np.log((top - low) / (past.high - past.low))
    return CheckedLaw(total + constant + share, _two(points[:, 0], mass), _two(points[:, 1], mass))


def _two(values: Floats, mass: Floats) -> tuple[float, float]:
    mean = float(mass @ values)
    return mean, float(np.sqrt(mass @ (values - mean) ** 2))
