"""Where the posterior of one law lies: a zoom, a climb to its mode, a lattice around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_history import History
from operando.agents.kinetics_lattice import LIVE, Box, Grid, Lattice, Moments, accumulate
from operando.agents.kinetics_observation import Observation, integrate_amplitudes
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]
Target = Callable[[Floats], Floats]
"""Log posterior density of points: (p, d) to (p,)."""

_ROUNDS = 9
_LATTICES = 9


@dataclass(frozen=True)
class Prior:
    """Normal prior of the linear parameters."""

    mean: tuple[float, float]
    sd: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Task:
    """One law, its data and priors.

    Parameters
    ----------
    law : KineticLaw
    box : Box
    history : History
    observation : Observation
    prior : Prior
    """

    law: KineticLaw
    box: Box
    history: History
    observation: Observation
    prior: Prior

    def log_density(self, v: Floats) -> Floats:
        """Log posterior density at points (p, d), in v, without the evidence."""
        points = self.box.physical(v)
        low, high = float(points[:, 0].min()), float(points[:, 0].max())
        bins = self.history.bins(low, high, max(high - low, 0.01))
        sums = accumulate(self.law, points, bins, self.observation)
        value = integrate_amplitudes(sums, self.prior.mean, self.prior.sd).log_likelihood
        return np.asarray(value - 0.5 * (v**2).sum(axis=1))


def find(
    task: Task,
    grids: Mapping[int, Grid] = LIVE,
    start: tuple[Floats, Floats] | None = None,
) -> Lattice:
    """Lattice that resolves and covers the posterior.

    Parameters
    ----------
    task : Task
    grids : mapping
        Grid for each number of dimensions.
    start : tuple of ndarray, optional
        Mean (d,) and covariance (d, d) in v to begin with; without them the mode is sought in
        the whole prior.

    Returns
    -------
    Lattice
        Made finer than the grid where a posterior far from normal needs it.
    """
    grid = grids[task.box.dimensions]
    mean, covariance = start or climb(task.log_density, zoom(task.log_density, task.box.dimensions))
    for round_ in range(_LATTICES):
        lattice = Lattice.around(task.law, task.box, mean, covariance, grid)
        t0 = lattice.points[:, 0]
        low, high = float(t0.min()), float(t0.max())
        bins = task.history.bins(low, high, (high - low) / (2.0 * grid.radius))
        lattice.add(bins, task.observation)
        _, log_mass = lattice.posterior(task.prior.mean, task.prior.sd)
        moments = Moments.of(lattice, log_mass)
        resolved, covered = moments.effective >= grid.effective, moments.outside < 1e-3
        if resolved and covered:
            break
        if not resolved and round_ >= 2:
            grid = replace(grid, spacing=max(0.8 * grid.spacing, 0.3))
        mean, covariance = moments.mean, moments.covariance * (1.0 if covered else 1.3)
    return lattice


def zoom(target: Target, dimensions: int) -> Floats:
    """Near the highest point: a grid over the prior, then ever smaller ones around the best."""
    centre, half = np.zeros(dimensions), 2.4
    axis = np.linspace(-1.0, 1.0, 25 if dimensions == 2 else 11)
    for _ in range(_ROUNDS):
        grid = np.meshgrid(*[half * axis] * dimensions, indexing="ij")
        points = centre + np.stack(grid, axis=-1).reshape(-1, dimensions)
        centre = points[int(np.argmax(target(points)))]
        half *= 0.4
        axis = np.linspace(-1.0, 1.0, 7 if dimensions == 2 else 5)
    return centre


def climb(target: Target, centre: Floats) -> tuple[Floats, Floats]:
    """Mode and the inverse curvature there, by Newton steps on finite differences."""
    scale = np.full(len(centre), 0.01)
    for _ in range(30):
        value, gradient, hessian = _differences(target, centre, scale)
        size, axes = np.linalg.eigh(-hessian)
        covariance = (axes / np.maximum(size, 0.5)) @ axes.T
        step = covariance @ gradient
        step /= max(1.0, float(np.abs(step).max()))
        if gradient @ step < 1e-3:
            break
        tries = centre + np.array([1.0, 0.5, 0.2, 0.05, 0.01])[:, None] * step
        values = target(tries)
        if values.max() <= value:
            break
        centre = tries[int(np.argmax(values))]
        scale = np.clip(0.3 * np.sqrt(np.diag(covariance)), 1e-5, 0.2)
    return centre, covariance


def _differences(target: Target, centre: Floats, scale: Floats) -> tuple[float, Floats, Floats]:
    """Value, gradient and Hessian from one batch of points around `centre`."""
    d = len(centre)
    steps = np.diag(scale)
    pairs = [(i, j) for i in range(d) for j in range(i)]
    points = [np.zeros((1, d)), steps, -steps]
    points += [
        np.stack([a * steps[i] + b * steps[j] for a in (1, -1) for b in (1, -1)]) for i, j in pairs
    ]
    value = target(centre + np.concatenate(points))
    up, down = value[1 : d + 1], value[d + 1 : 2 * d + 1]
    hessian = np.diag((up - 2.0 * value[0] + down) / scale**2)
    for (i, j), (a, b, c, e) in zip(pairs, value[2 * d + 1 :].reshape(-1, 4), strict=True):
        hessian[i, j] = hessian[j, i] = (a - b - c + e) / (4.0 * scale[i] * scale[j])
    return float(value[0]), (up - down) / (2.0 * scale), hessian
