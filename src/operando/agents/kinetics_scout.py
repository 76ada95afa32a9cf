"""Has it begun? A coarse look at onsets in the past, finest just before now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_lattice import accumulate
from operando.agents.kinetics_observation import log_sum
from operando.agents.kinetics_posterior import LawPosterior
from operando.agents.kinetics_search import Task

Floats = NDArray[np.float64]

_LAGS = 16
_RATES = 7
_SHAPES = np.array([-1.0, 0.0, 1.0])  # standard deviations of the prior


@dataclass(frozen=True)
class Cells:
    """Cells between neighbouring edges: their middles and their shares of a uniform prior."""

    middle: Floats
    share: Floats

    @classmethod
    def between(cls, edges: Floats) -> Cells:
        """Make them from rising edges; the shares sum to 1."""
        return cls((edges[1:] + edges[:-1]) / 2.0, np.diff(edges) / (edges[-1] - edges[0]))


def scout(task: Task) -> LawPosterior:
    """Rough posterior of one law while nothing, or next to nothing, has begun.

    Meant for the frames before the onset, when a lattice has no posterior to be built around: its
    evidence is good to some tenths of a nat.

    Parameters
    ----------
    task : Task
        Its box ends at the last frame's end.

    Returns
    -------
    LawPosterior
    """
    low, top = task.box.t0
    shortest = min(0.5 * task.history.last_exposure, 0.1 * (top - low))
    lags = np.concatenate([[0.0], np.geomspace(shortest, top - low, _LAGS)])
    onset = Cells.between(top - lags[::-1])
    rate = Cells.between(np.linspace(*task.box.log_rate, _RATES + 1))
    shape, share = np.zeros(1), np.ones(1)
    if task.box.log_shape is not None:
        middle = np.mean(task.box.log_shape)
        half = (task.box.log_shape[1] - task.box.log_shape[0]) / 3.0
        shape, share = middle + half * _SHAPES, np.full(len(_SHAPES), 1.0 / len(_SHAPES))
    grid = np.meshgrid(onset.middle, np.exp(rate.middle), np.exp(shape), indexing="ij")
    points = np.stack(grid, axis=-1).reshape(-1, 3)
    prior = np.einsum("i,j,k->ijk", onset.share, rate.share, share).ravel()
    sums = accumulate(task.law, points, task.history.aged(), task.observation)
    amplitudes = task.prior.integrate(sums)
    log_mass = amplitudes.log_likelihood + np.log(prior)
    total = log_sum(log_mass)
    return LawPosterior(task.law, points, np.exp(log_mass - total), amplitudes, total)
