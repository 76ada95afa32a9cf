"""Laws by which a signal relaxes towards a plateau, and their grids of rate and shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_observation import log_sum
from operando.physics.kinetic_laws import LAWS, ShapeParameter

Floats = NDArray[np.float64]

_RATES, _SHAPES, _ROUNDS = 49, 13, 8
#: Points of a grid that must carry the posterior, in one dimension.
_EFFECTIVE = 8.0


@dataclass(frozen=True)
class RelaxationLaw:
    """How much of a change is done, at reduced time x = k t.

    Parameters
    ----------
    name : str
    title : str
    shape : ShapeParameter or None
        The one parameter besides the rate.
    parts : callable
        x and shape, which broadcast, to one share done (0 … 1) for each part of the change; each
        part has its own amplitude.
    """

    name: str
    title: str
    shape: ShapeParameter | None
    parts: Callable[[Floats, Floats], Sequence[Floats]]


def _exponential(x: Floats, _: Floats) -> Sequence[Floats]:
    return [LAWS["first_order"].extent(x)]


def _stretched(x: Floats, power: Floats) -> Sequence[Floats]:
    return [LAWS["avrami"].extent(x, power)]


def _double(x: Floats, ratio: Floats) -> Sequence[Floats]:
    return [LAWS["first_order"].extent(x), LAWS["first_order"].extent(x / ratio)]


def _root(x: Floats, _: Floats) -> Sequence[Floats]:
    return [1.0 - (np.sqrt(1.0 + x) - np.sqrt(x))]


RELAXATION_LAWS = (
    RelaxationLaw("exponential", "exp(-x)", None, _exponential),
    RelaxationLaw("stretched", "exp(-x^β)", ShapeParameter("β", 0.3, 1.0), _stretched),
    RelaxationLaw(
        "double", "exp(-x) and exp(-x/r) with a share each", ShapeParameter("r", 2.0, 30.0), _double
    ),
    RelaxationLaw(
        "square_root", "(1 + x)^1/2 - x^1/2, semi-infinite diffusion after a pulse", None, _root
    ),
)
"""What is compared; all as probable before the data."""


@dataclass(frozen=True, eq=False)
class Signal:
    """Values merged in bins of time.

    Parameters
    ----------
    time, value, count : ndarray of float64, (h,)
        Mean times (s) and values of the bins, and how many values each has.
    square : float
        Sum of squares of all values.
    noise : float
        Standard deviation of a value, from what neighbours differ by.
    """

    time: Floats
    value: Floats
    count: Floats
    square: float
    noise: float


@dataclass(frozen=True, eq=False)
class LawGrid:
    """What one law says, on a grid that covers its posterior.

    Parameters
    ----------
    law : RelaxationLaw
    points : ndarray of float64, (p, 2)
        Rates, 1/s, and shapes.
    log_mass : ndarray of float64, (p,)
        Their sum, in logarithms, is the evidence.
    amplitudes : ndarray of float64, (p, m)
        Posterior means of the beginning and of each part of the change.
    plateau_variance : ndarray of float64, (p,)
        Of the amplitudes' sum at each point.
    """

    law: RelaxationLaw
    points: Floats
    log_mass: Floats
    amplitudes: Floats
    plateau_variance: Floats

    @property
    def log_evidence(self) -> float:
        """Log of the probability density of the values under this law."""
        return log_sum(self.log_mass)

    def curves(self, rows: slice, time: Floats) -> Floats:
        """Signal at times (h,) for some of the points, (rows, h)."""
        design = _design(self.law, self.points[rows], time)
        return np.asarray(np.einsum("phm,pm->ph", design, self.amplitudes[rows]))


def close_in(
    law: RelaxationLaw, signal: Signal, sigma: float, rates: tuple[float, float], reach: float
) -> LawGrid:
    """Evaluate a law on grids that shrink around its posterior until that is resolved.

    Parameters
    ----------
    law : RelaxationLaw
    signal : Signal
    sigma : float
        Noise of a value.
    rates : tuple of float
        Prior of the rate, log-uniform between them, 1/s.
    reach : float
        Standard deviation of the amplitudes' normal prior about 0.
    """
    boxes = [(float(np.log(rates[0])), float(np.log(rates[1])))]
    if law.shape is not None:
        boxes.append((float(np.log(law.shape.low)), float(np.log(law.shape.high))))
    prior = float(np.prod([high - low for low, high in boxes]))
    sizes = (_RATES, _SHAPES)[: len(boxes)]
    for _ in range(_ROUNDS):
        steps = [(high - low) / size for (low, high), size in zip(boxes, sizes, strict=True)]
        axes = [
            low + step * (np.arange(size) + 0.5)
            for (low, _), step, size in zip(boxes, steps, sizes, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(boxes))
        points = np.ones((len(grid), 2))
        points[:, : len(boxes)] = np.exp(grid)
        cell = float(np.log(np.prod(steps) / prior))
        found = _evaluate(law, points, signal, sigma, reach, cell)
        weights = np.exp(found.log_mass - found.log_evidence)
        if 1.0 / float((weights**2).sum()) >= _EFFECTIVE ** len(boxes):
            break
        held = grid[weights > 1e-7 * weights.max()]
        boxes = [
            (max(low, held[:, i].min() - 1.5 * step), min(high, held[:, i].max() + 1.5 * step))
            for i, ((low, high), step) in enumerate(zip(boxes, steps, strict=True))
        ]
    return found


def _design(law: RelaxationLaw, points: Floats, time: Floats) -> Floats:
    """Columns of the linear model, (p, h, m): the beginning and each part of the change."""
    parts = law.parts(points[:, :1] * time, points[:, 1:])
    return np.stack([np.ones_like(parts[0]), *parts], axis=-1)


def _evaluate(
    law: RelaxationLaw, points: Floats, signal: Signal, sigma: float, reach: float, cell: float
) -> LawGrid:
    design = _design(law, points, signal.time)
    size = design.shape[-1]
    weighted = design * (signal.count / sigma**2)[:, None]
    precision = np.swapaxes(weighted, 1, 2) @ design + np.eye(size) / reach**2
    right = np.einsum("phm,h->pm", weighted, signal.value)
    mean = np.linalg.solve(precision, right[..., None])[..., 0]
    every = np.ones((len(points), size, 1))
    variance = np.linalg.solve(precision, every)[..., 0].sum(axis=1)
    value = 0.5 * (
        (right * mean).sum(axis=1)
        - np.linalg.slogdet(precision)[1]
        - size * np.log(reach**2)
        - signal.square / sigma**2
        - signal.count.sum() * np.log(2.0 * np.pi * sigma**2)
    )
    return LawGrid(law, points, value + cell, mean, variance)
