"""How far a sparse regression can be believed: what it is worth on rows it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.regression_paths import (
    Floats,
    Fold,
    Penalty,
    Scale,
    best,
    blocks,
    cross_predict,
    interleaved,
    one_out,
    path,
    predict_path,
    r2,
)

#: Up to this many rows the strength is chosen by leave-one-out; beyond it by ten parts, which is
#: as good and affordable.
_ONE_OUT_INSIDE = 20
#: Up to this many rows the nested loop leaves one out; beyond it, one of twenty parts.
_ONE_OUT_OUTSIDE = 100
#: Hundreds of shuffled targets are judged on a coarse grid and eight parts of the rows.
_SHUFFLED = Penalty(points=8, weakest=0.02, tolerance=1e-3)
_SHUFFLED_PARTS = 8


def inner_folds(n: int, seed: int) -> list[Fold]:
    """Folds to choose a strength by: one row out, or ten parts of more than 20 rows."""
    if n <= _ONE_OUT_INSIDE:
        return one_out(n)
    return interleaved(np.random.default_rng(seed).permutation(n), 10)


def outer_folds(n: int, seed: int) -> list[Fold]:
    """Folds to judge by: one row out, or twenty parts of more than 100 rows."""
    if n <= _ONE_OUT_OUTSIDE:
        return one_out(n)
    return interleaved(np.random.default_rng(seed).permutation(n), 20)


def nested_predict(
    x: Floats,
    y: Floats,
    penalty: Penalty,
    outer: list[Fold],
    inner: Callable[[int], list[Fold]],
) -> tuple[Floats, Floats]:
    """Predict each row by fits that saw it neither in training nor in choosing the strength.

    Parameters
    ----------
    x, y : ndarray of float64, (n, p) and (n,)
    penalty : Penalty
    outer : list of fold
        Folds to judge by.
    inner : callable
        Gives the folds to choose the strength by, from the number of rows left.

    Returns
    -------
    predicted : ndarray of float64, (n,)
        In the target's unit.
    alphas : ndarray of float64, (folds,)
        Strength that each outer fold chose.
    """
    predicted, chosen = np.empty(len(y)), []
    for train, test in outer:
        known, target = x[train], y[train]
        k = best(target, cross_predict(known, target, inner(len(train)), penalty))
        predicted[test] = predict_path(x, y, (train, test), penalty)[:, k]
        chosen.append(penalty.alphas[k])
    return predicted, np.array(chosen)


def block_predict(x: Floats, y: Floats, penalty: Penalty, k: int) -> Floats:
    """Predict runs of neighbouring rows by the others, the strength chosen by runs too, (n,)."""
    outer = blocks(len(y), k)
    predicted, _ = nested_predict(x, y, penalty, outer, lambda n: blocks(n, k - 1))
    return predicted


def polynomial_predict(soc: Floats, y: Floats, folds: list[Fold], degree: int = 3) -> Floats:
    """Predict each row by a polynomial of the state of charge alone, fitted to the others.

    Parameters
    ----------
    soc, y : ndarray of float64, (n,)
    folds : list of fold
    degree : int

    Returns
    -------
    ndarray of float64, (n,)
        In the target's unit.
    """
    middle, half = 0.5 * (soc.max() + soc.min()), 0.5 * np.ptp(soc)
    powers = np.vander((soc - middle) / half, degree + 1)
    predicted = np.empty(len(y))
    for train, test in folds:
        predicted[test] = powers[test] @ np.linalg.lstsq(powers[train], y[train], rcond=None)[0]
    return predicted


@dataclass(frozen=True, eq=False)
class Shuffled:
    """How well shuffled targets are explained, beside the true one.

    Parameters
    ----------
    observed : float
        R² of the true target on rows left out, the strength chosen for the best R².
    shuffled : ndarray of float64, (m,)
        The same for each shuffled target.
    """

    observed: float
    shuffled: NDArray[np.float64]

    @property
    def p_value(self) -> float:
        """Share of orders, the true one included, that do at least as well as the true one."""
        return float((1 + (self.shuffled >= self.observed).sum()) / (1 + self.shuffled.size))


def shuffle_target(x: Floats, y: Floats, count: int, seed: int) -> Shuffled:
    """Judge shuffled targets as the true one is judged.

    Parameters
    ----------
    x, y : ndarray of float64, (n, p) and (n,)
    count : int
        Shuffled targets.
    seed : int

    Returns
    -------
    Shuffled

    Notes
    -----
    Each shuffled target has its strength chosen to flatter it, as the true one has. Phipson &
    Smyth 2010 (10.2202/1544-6115.1585): the true order counts as one of the orders, so p is never
    0.
    """
    rng = np.random.default_rng([seed, 1])
    folds = interleaved(rng.permutation(len(y)), _SHUFFLED_PARTS)

    def score(target: Floats) -> float:
        predicted = cross_predict(x, target, folds, _SHUFFLED)
        return r2(target, predicted[:, best(target, predicted)])

    return Shuffled(score(y), np.array([score(rng.permutation(y)) for _ in range(count)]))


@dataclass(frozen=True, eq=False)
class Stability:
    """How often each variable is chosen when half of the rows are seen.

    Parameters
    ----------
    frequency : ndarray of float64, (p,)
        Share of the half tables, 0–1.
    mean_chosen : float
        Variables chosen from a half table, on average.
    """

    frequency: NDArray[np.float64]
    mean_chosen: float

    def expected_false(self, threshold: float = 0.75) -> float:
        """Bound on the expected number of idle variables at or above `threshold`.

        Notes
        -----
        q² / ((2 π − 1) p), Meinshausen & Bühlmann 2010 (10.1111/j.1467-9868.2010.00740.x); it
        supposes that idle variables are interchangeable.
        """
        bound = self.mean_chosen**2 / ((2.0 * threshold - 1.0) * self.frequency.size)
        return float(min(bound, self.frequency.size))


def select_stable(
    x: Floats, y: Floats, penalty: Penalty, alpha: float, pairs: int, seed: int
) -> Stability:
    """Count what the fit of strength `alpha` chooses from random halves of the rows.

    Parameters
    ----------
    x, y : ndarray of float64, (n, p) and (n,)
    penalty : Penalty
    alpha : float
    pairs : int
        Times the rows are split; both halves are used.
    seed : int

    Returns
    -------
    Stability

    Notes
    -----
    Complementary pairs: Shah & Samworth 2013 (10.1111/j.1467-9868.2011.01034.x). Each half is
    standardised by itself.
    """
    rng = np.random.default_rng([seed, 2])
    half = len(y) // 2
    alphas = penalty.alphas[penalty.alphas >= alpha * (1 - 1e-9)]
    counts, chosen = np.zeros(x.shape[1]), 0
    for _ in range(pairs):
        order = rng.permutation(len(y))
        for rows in (order[:half], order[half : 2 * half]):
            variables, target = Scale.of(x[rows]).apply(x[rows]), y[rows, None]
            centred = Scale.of(target).apply(target)[:, 0]
            picked = path(variables, centred, penalty, alphas)[:, -1] != 0
            counts += picked
            chosen += int(picked.sum())
    return Stability(counts / (2 * pairs), chosen / (2 * pairs))
