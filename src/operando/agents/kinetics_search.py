"""Where the posterior of one law lies: a zoom, a climb to its mode, lattices around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_history import Bins, History
from operando.agents.kinetics_lattice import LIVE, Box, Grid, Lattice, Slices, accumulate, stack
from operando.agents.kinetics_moments import Moments
from operando.agents.kinetics_observation import Observation, Prior, log_sum
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]

_ROUNDS = 8  # of the zoom
_MANY = 30  # steps of a climb from afar
_FEW = 8  # steps of a climb that begins near the top
_DAMPING = np.array([0.0, 1.0, 10.0, 1e2, 1e3, 1e4])


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

    def bins(self, t0: Floats, width: float) -> Bins:
        """Merge the history as far as onsets (s) known to `width` (s) allow."""
        return self.history.bins(float(t0.min()), float(t0.max()), width)

    def log_density(self, nodes: Floats, plane: Floats) -> Floats:
        """Log posterior density in v: points (j, q, 2) of slices (j,) to (j, q)."""
        v = stack(self.box, nodes, plane)
        points = self.box.physical(v)
        t0 = points[:, 0].reshape(plane.shape[:2])
        width = float((t0.max(axis=1) - t0.min(axis=1)).max()) / 12.0
        sums = accumulate(self.law, points, self.bins(t0, width), self.observation)
        value = self.prior.integrate(sums).log_likelihood
        return np.asarray((value - 0.5 * (v**2).sum(axis=1)).reshape(plane.shape[:2]))

    def refill(self, lattice: Lattice) -> Lattice:
        """Give the same points with sums made anew from the history."""
        fresh = replace(lattice, sums=np.zeros_like(lattice.sums))
        fresh.add(self.bins(fresh.points[:, 0], fresh.onset_width()), self.observation)
        return fresh

    def fill(self, slices: Slices, grid: Grid) -> tuple[Lattice, Moments]:
        """Lattice over slices with all data, and what it says."""
        lattice = self.refill(Lattice.over(self.law, self.box, slices, grid))
        _, log_mass = lattice.posterior(self.prior)
        return lattice, Moments.of(lattice, np.exp(log_mass - log_sum(log_mass)))


def find(task: Task, grid: Grid = LIVE, start: Slices | None = None) -> Lattice:
    """Lattice that resolves and covers the posterior.

    Parameters
    ----------
    task : Task
    grid : Grid
    start : Slices, optional
        Where to begin; without it the mode is sought in the whole prior.

    Returns
    -------
    Lattice
        Made finer than the grid where a posterior far from normal needs it.
    """
    slices = start or seek(task)
    wider = 1.0
    # What is built fits with something to spare, so that it lasts for some frames.
    grid = replace(grid, tail=0.5 * grid.tail, effective=1.2 * grid.effective)
    for round_ in range(grid.tries):
        lattice, moments = task.fill(slices, grid)
        resolved, covered = moments.resolves(grid), moments.covers(grid)
        if resolved and covered:
            break
        if moments.outside >= grid.tail:
            grid = replace(grid, radius=1.1 * grid.radius)
        if moments.ends >= grid.tail:
            wider *= 1.25
        if round_ >= 2 and not moments.dense(grid):
            grid = replace(grid, spacing=max(0.8 * grid.spacing, 0.2))
        slices = moments.slices
        if moments.effective < 4.0 or moments.outside > 0.05:
            slices = climb(task, moments.at(moments.nodes(grid, wider)), _FEW)
        elif moments.ends > grid.tail or not moments.sliced(grid):
            slices = _extend(task, moments, moments.nodes(grid, wider))
        else:
            slices = Slices(slices.nodes, moments.mean, moments.covariance)
    return lattice


def _extend(task: Task, moments: Moments, nodes: Floats) -> Slices:
    """Slices at other nodes: between those known from their moments, beyond them by a climb."""
    slices = moments.at(nodes)
    known = moments.slices.nodes[moments.mass > 1e-7]
    beyond = np.flatnonzero((nodes < known[0]) | (nodes > known[-1]))
    if len(beyond):
        some = Slices(nodes[beyond], slices.mean[beyond], slices.covariance[beyond])
        found = climb(task, some, _FEW)
        slices.mean[beyond], slices.covariance[beyond] = found.mean, found.covariance
    return slices


def seek(task: Task) -> Slices:
    """Slices about the mode, from nothing but the prior."""
    nodes = np.linspace(-3.5, 3.5, 15) if task.law.shape else np.zeros(1)
    slices = climb(task, zoom(task, nodes))
    for _ in range(8):
        moments = _laplace(task, slices)
        if len(nodes) == 1 or moments.carrying > 3.0:
            break
        top = slices.nodes[int(np.argmax(moments.mass))]
        nodes = np.linspace(top - 1.5 * slices.step, top + 1.5 * slices.step, 11)
        slices = climb(task, moments.at(nodes))
    return slices


def _laplace(task: Task, slices: Slices) -> Moments:
    """Masses of slices as if each were normal."""
    value = task.log_density(slices.nodes, slices.mean[:, None])[:, 0]
    value = value + 0.5 * np.log(np.linalg.det(slices.covariance))
    mass = np.exp(value - log_sum(value))
    mass = np.maximum(mass, 2e-7)  # all of them tell where their neighbours lie
    return Moments(slices, mass / mass.sum(), slices.mean, slices.covariance, 1.0, 1.0, 0.0)


def zoom(task: Task, nodes: Floats) -> Slices:
    """Near the highest point of each slice: a grid over the prior, then ever smaller ones."""
    centre, half = np.zeros((len(nodes), 1, 2)), 2.4
    first, second = np.linspace(-1.0, 1.0, 21), np.linspace(-1.0, 1.0, 11)
    for _ in range(_ROUNDS):
        plane = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
        points = centre + half * plane
        best = np.argmax(task.log_density(nodes, points), axis=1)
        centre = np.take_along_axis(points, best[:, None, None], axis=1)
        half *= 0.4
        first = second = np.linspace(-1.0, 1.0, 7)
    return Slices(nodes, centre[:, 0], np.broadcast_to(1e-3 * np.eye(2), (len(nodes), 2, 2)))


def climb(task: Task, slices: Slices, rounds: int = _MANY) -> Slices:
    """Mode of every slice and the inverse curvature there, by damped Newton steps together."""
    centre, covariance = slices.mean.copy(), slices.covariance.copy()
    for _ in range(rounds):
        scale = np.clip(0.3 * np.sqrt(np.einsum("jaa->ja", covariance)), 1e-5, 0.2)
        value, gradient, hessian = _differences(task, slices.nodes, centre, scale)
        size, axes = np.linalg.eigh(-hessian)
        size = np.maximum(size, 0.5)
        covariance = (axes / size[:, None]) @ axes.transpose(0, 2, 1)
        along = np.einsum("jab,ja->jb", axes, gradient)
        if ((along**2 / size).sum(axis=1) < 1e-2).all():
            break
        damped = along[:, None] / (size[:, None] + _DAMPING[:, None])
        steps = damped @ axes.transpose(0, 2, 1)
        steps /= np.maximum(1.0, np.linalg.norm(steps, axis=2, keepdims=True))
        values = task.log_density(slices.nodes, centre[:, None] + steps)
        best = np.argmax(values, axis=1)
        gain = np.take_along_axis(values, best[:, None], axis=1)[:, 0] - value
        move = np.take_along_axis(steps, best[:, None, None], axis=1)[:, 0]
        centre = centre + np.where(gain > 0.0, 1.0, 0.0)[:, None] * move
        if gain.max() < 1e-3:
            break
    return Slices(slices.nodes, centre, covariance)


def _differences(
    task: Task, nodes: Floats, centre: Floats, scale: Floats
) -> tuple[Floats, Floats, Floats]:
    """Value (j,), gradient (j, 2) and Hessian (j, 2, 2) from one batch of nine points a slice."""
    signs = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)], dtype=np.float64)
    f = task.log_density(nodes, centre[:, None] + signs * scale[:, None]).reshape(-1, 3, 3)
    middle = f[:, 1, 1]
    gradient = np.stack([f[:, 2, 1] - f[:, 0, 1], f[:, 1, 2] - f[:, 1, 0]], axis=1) / (2.0 * scale)
    both = (f[:, 2, 2] - f[:, 2, 0] - f[:, 0, 2] + f[:, 0, 0]) / (4.0 * scale.prod(axis=1))
    one = (f[:, 2, 1] - 2.0 * middle + f[:, 0, 1]) / scale[:, 0] ** 2
    two = (f[:, 1, 2] - 2.0 * middle + f[:, 1, 0]) / scale[:, 1] ** 2
    hessian = np.stack([one, both, both, two], axis=1).reshape(-1, 2, 2)
    return middle, gradient, hessian
