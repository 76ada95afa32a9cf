"""Which patterns to show a person: uncertain, like many others, and unlike each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_answer import MapAnswer
from operando.physics.phases import LABELS

_CANDIDATES, _COMPARED = 2500, 1500  # points weighed, and those that stand for the whole map
_SHARPNESS = 8  # how much being uncertain counts beside being representative
_ALIKE = 0.25  # width, in typical distances of two patterns, within which one speaks for another


def most_telling(
    answer: MapAnswer, labelled: Sequence[int], n: int, labels: Sequence[str] = LABELS
) -> list[tuple[int, float]]:
    """Choose points to ask about, with the share of the map that each stands for.

    Parameters
    ----------
    answer : MapAnswer
    labelled : sequence of int
        Points that need no label any more.
    n : int
    labels : sequence of str
        Those whose uncertainty counts.

    Returns
    -------
    list of (int, float)
    """
    uncertainty = answer.uncertainty(labels).ravel().astype(np.float64)
    open_ = answer.measured.ravel().copy()
    measured = np.flatnonzero(open_)
    known = np.array([p for p in labelled if open_[p]], dtype=np.int64)
    open_[known] = False
    order = np.argsort(-uncertainty, kind="stable")
    candidates = order[open_[order]][:_CANDIDATES]
    probability = answer.probability.reshape(-1, len(LABELS)).astype(np.float64)
    every = measured[:: max(1, measured.size // _COMPARED)]
    typical = float(np.median(_squares(probability[every[::7]], probability[every[::7]])))
    width = max(typical * _ALIKE**2, 1e-6)

    def alike(some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(-_squares(probability[some], probability[others]) / width))

    represents = alike(candidates, every).mean(axis=1)
    spoken_for = alike(candidates, known).max(axis=1, initial=0.0)
    telling = uncertainty[candidates] ** _SHARPNESS * represents
    chosen: list[tuple[int, float]] = []
    taken = np.zeros(candidates.size, dtype=bool)
    for _ in range(min(n, candidates.size)):
        best = int(np.where(taken, -1.0, telling * (1.0 - spoken_for)).argmax())
        chosen.append((int(candidates[best]), float(represents[best])))
        spoken_for = np.maximum(spoken_for, alike(candidates, candidates[best : best + 1])[:, 0])
        taken[best] = True
    return chosen


def _squares(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances, (n, m)."""
    cross = some @ others.T
    square = np.square(some).sum(axis=1)[:, None] + np.square(others).sum(axis=1) - 2.0 * cross
    return np.asarray(np.maximum(square, 0.0))
