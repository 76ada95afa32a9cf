"""Ridge logistic regressions on soft targets, several at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEPS, _HALVINGS = 12, 8
_SLACK = 1e-6  # loss by which a step may fail to gain: a label at its best wavers by rounding

Floats = NDArray[np.float64]


def logistic_fit(rows: Floats, target: Floats, ridge: float, start: Floats | None = None) -> Floats:
    """Ridge logistic regressions on soft targets, all labels at once, by damped Newton steps.

    The first column carries the constant and is all but free.

    Parameters
    ----------
    rows : ndarray of float64, (n, m)
    target : ndarray of float64, (n, k)
        From 0 to 1.
    ridge : float
        Strength of the pull of the coefficients towards nought.
    start : ndarray of float64, (m, k), optional
        A guess that saves steps; noughts and the targets' means if not given.

    Returns
    -------
    ndarray of float64, (m, k)
    """
    features, labels = rows.shape[1], target.shape[1]
    penalty = np.full(features, ridge)
    penalty[0] = 1e-3
    if start is None:
        weights = np.zeros((features, labels))
        weights[0] = logit_of(target.mean(axis=0))
    else:
        weights = start
    upper = np.triu_indices(features)
    # Every hessian is a weighted sum of the rows' outer products: these are made once. They
    # only steer the steps, single precision will do.
    single = rows.astype(np.float32)
    products = single[:, upper[0]] * single[:, upper[1]]

    def judge(candidate: Floats) -> tuple[Floats, Floats]:
        """Scores, and the loss of each label."""
        score = rows @ candidate
        shrink = 0.5 * penalty[1:] @ np.square(candidate[1:])
        softplus = np.maximum(score, 0.0) + np.log1p(np.exp(-np.abs(score)))
        return score, np.asarray((softplus - target * score).sum(axis=0) + shrink)

    score, best = judge(weights)
    hessian = np.empty((labels, features, features))
    for _ in range(_STEPS):
        fitted = 0.5 * (1.0 + np.tanh(0.5 * score))
        gradient = rows.T @ (target - fitted)
        gradient[1:] -= penalty[1:, None] * weights[1:]
        curvature = np.maximum(fitted * (1.0 - fitted), 1e-6).astype(np.float32)
        hessian[:, upper[0], upper[1]] = curvature.T @ products
        hessian[:, upper[1], upper[0]] = hessian[:, upper[0], upper[1]]
        hessian[:, range(features), range(features)] += penalty
        step = np.linalg.solve(hessian, gradient.T[..., None])[..., 0].T
        scale = np.ones(labels)
        for _ in range(_HALVINGS):
            tried, loss = judge(weights + scale * step)
            if not (worse := loss > best + _SLACK).any():
                break
            scale[worse] *= 0.5
        else:
            scale[judge(weights + scale * step)[1] > best + _SLACK] = 0.0
            tried, loss = judge(weights + scale * step)
        weights = weights + scale * step
        score, before, best = tried, best, loss
        if (before - best).max() < 0.1:
            break
    return weights


def logit_of(probability: NDArray[Any]) -> NDArray[Any]:
    """Log odds of probabilities, kept from nought and one."""
    clipped = np.clip(probability, 2e-3, 1.0 - 2e-3)
    return np.asarray(np.log(clipped / (1.0 - clipped)))
