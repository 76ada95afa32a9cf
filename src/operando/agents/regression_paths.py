"""LASSO and elastic-net paths, standardised inside each fold."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

Floats = NDArray[np.float64]
#: Rows for training and rows for testing, as indices.
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]

#: With more variables than this the Gram matrix costs more than it saves.
_GRAM_LIMIT = 500
#: How far outside the training rows a variable is taken at its word, in ranges of theirs.
_FAR = 10.0
_MAX_ITER = 100_000


@dataclass(frozen=True)
class Penalty:
    """A family of penalised fits and the strengths to try.

    Parameters
    ----------
    l1_ratio : float
        Share of the absolute-value penalty: 1 is the LASSO, below it the elastic net.
    points : int
        Strengths on the grid.
    weakest : float
        The weakest of them; the strongest is 1.
    tolerance : float
        Duality gap at which a fit ends, as a share of the target's sum of squares.

    Notes
    -----
    With both sides standardised no coefficient is left at ``alpha · l1_ratio = 1``, so that one
    grid serves every table and every fold, and nothing of the test rows is in it.
    """

    l1_ratio: float = 1.0
    points: int = 40
    weakest: float = 1e-3
    tolerance: float = 1e-4

    @property
    def alphas(self) -> Floats:
        """Strengths, strongest first, (points,)."""
        return np.geomspace(1.0, self.weakest, self.points) / self.l1_ratio


@dataclass(frozen=True, eq=False)
class Scale:
    """Centre and standard deviation (ddof = 1) of the training rows, and of nothing else."""

    centre: Floats
    deviation: Floats

    @classmethod
    def of(cls, rows: Floats) -> Scale:
        """Measure the columns of `rows`, (n, p); a column that is constant gets deviation 1."""
        centre = rows.mean(axis=0)
        deviation = rows.std(axis=0, ddof=1)
        flat = np.ptp(rows, axis=0) <= 1e-12 * np.abs(rows).max(axis=0)
        # The rounding of the mean would otherwise be blown up into a variable.
        centre = np.where(flat, rows[0], centre)
        return cls(centre, np.where(flat, 1.0, deviation))

    def apply(self, rows: Floats) -> Floats:
        """Give `rows` in deviations from the centre."""
        return (rows - self.centre) / self.deviation


def path(
    x: Floats, y: Floats, penalty: Penalty, alphas: Floats, *, tolerance: float | None = None
) -> Floats:
    """Fit standardised data at each strength, each fit starting from the one before.

    Parameters
    ----------
    x : ndarray of float64, (n, p)
        Standardised variables.
    y : ndarray of float64, (n,)
        Standardised target.
    penalty : Penalty
    alphas : ndarray of float64, (k,)
        Strengths, strongest first.
    tolerance : float, optional
        In place of the penalty's.

    Returns
    -------
    ndarray of float64, (p, k)
        Coefficients, in standard deviations of the target for one of the variable.

    Notes
    -----
    Minimises ``|y − X b|² / 2n + α r |b|₁ + α (1 − r) |b|² / 2`` by coordinate descent (Friedman,
    Hastie & Tibshirani 2010, 10.18637/jss.v033.i01), as scikit-learn does it.
    """
    x = np.asfortranarray(x)
    gram = x.shape[1] <= _GRAM_LIMIT
    with warnings.catch_warnings():
        # A gap a little above the tolerance at the weak end changes no digit that is printed.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, coefficients, _ = enet_path(
            x,
            y,
            l1_ratio=penalty.l1_ratio,
            alphas=alphas,
            precompute=x.T @ x if gram else False,
            Xy=x.T @ y if gram else None,
            check_input=False,
            tol=penalty.tolerance if tolerance is None else tolerance,
            max_iter=_MAX_ITER,
        )
    return np.asarray(coefficients, dtype=np.float64)


def predict_path(x: Floats, y: Floats, fold: Fold, penalty: Penalty) -> Floats:
    """Predict the test rows of a fold at every strength.

    Parameters
    ----------
    x, y : ndarray of float64, (n, p) and (n,)
        All rows, as measured.
    fold : tuple of ndarray
        Training and test rows.
    penalty : Penalty

    Returns
    -------
    ndarray of float64, (test rows, strengths)
        In the target's unit.

    Notes
    -----
    A value further outside than ten times the training rows' range counts as just so far: what
    was all noise in training (a fraction near 0) would else outweigh everything when it stirs.
    """
    train, test = fold
    variables, target = Scale.of(x[train]), Scale.of(y[train, None])
    alphas = penalty.alphas
    coefficients = path(
        variables.apply(x[train]), target.apply(y[train, None])[:, 0], penalty, alphas
    )
    reach = _FAR * np.ptp(x[train], axis=0)
    seen = np.clip(x[test], x[train].min(axis=0) - reach, x[train].max(axis=0) + reach)
    predicted: Floats = variables.apply(seen) @ coefficients
    return predicted * target.deviation + target.centre


def cross_predict(x: Floats, y: Floats, folds: Iterable[Fold], penalty: Penalty) -> Floats:
    """Predict every row by a fit that has not seen it, at every strength, (n, strengths)."""
    predicted = np.empty((len(y), penalty.points))
    for fold in folds:
        predicted[fold[1]] = predict_path(x, y, fold, penalty)
    return predicted


def best(y: Floats, predicted: Floats) -> int:
    """Strength with the least squared error, the stronger of equals."""
    return int(np.argmin(((y[:, None] - predicted) ** 2).sum(axis=0)))


def r2(y: Floats, predicted: Floats) -> float:
    """Share of the variance about the mean of all rows that the predictions explain.

    Examples
    --------
    >>> r2(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    1.0
    """
    return float(1.0 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def one_out(n: int) -> list[Fold]:
    """Leave one row out, each in turn."""
    return interleaved(np.arange(n), n)


def interleaved(order: Sequence[int] | NDArray[np.intp], k: int) -> list[Fold]:
    """Leave every k-th row of `order` out."""
    rows = np.asarray(order, dtype=np.intp)
    place = np.arange(len(rows)) % k
    return [(np.sort(rows[place != i]), np.sort(rows[place == i])) for i in range(k)]


def blocks(n: int, k: int) -> list[Fold]:
    """Leave runs of neighbouring rows out, `k` runs of about the same length.

    Examples
    --------
    >>> [test.tolist() for _, test in blocks(7, 3)]
    [[0, 1, 2], [3, 4], [5, 6]]
    """
    rows = np.arange(n)
    return [(np.setdiff1d(rows, part), part) for part in np.array_split(rows, k)]
