"""Learning from a few dozen labels given by a person, in milliseconds.

The networks stay as they are. What is fitted is how to read their answer: to the log odds z_k of
each label a ridge logistic regression adds a linear function of all nine (what company a phase
keeps in this specimen, where a label's limit lies for this person)

``z_k' = z_k + w_k · [1, 2p - 1, z / 4]``,  p = logistic(z)

With no labels w is nought and the answer is the shipped one; every label moves it a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import expit
from operando.errors import BadInput
from operando.physics.phases import LABELS

_CLIP, _SCALE = 8.0, 4.0  # logits beyond the first say no more; the second is their unit
_STEPS, _HALVINGS, _ENOUGH = 30, 10, 1e-6

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AnswerHead:
    """A correction of the answer's log odds.

    Parameters
    ----------
    weights : ndarray of float32, (19, 9)
        A column a label; see the module.
    """

    weights: FloatArray

    def __call__(self, logit: FloatArray) -> FloatArray:
        """Correct log odds (..., 9)."""
        return np.asarray(logit + _columns(logit) @ self.weights, dtype=np.float32)


def fit_head(
    logit: FloatArray,
    labels: NDArray[np.bool_],
    known: NDArray[np.bool_] | None = None,
    *,
    ridge: float = 1.0,
) -> AnswerHead:
    """Fit the correction on labelled patterns.

    Parameters
    ----------
    logit : ndarray of float32, (n, 9)
        The answer's log odds at the labelled patterns.
    labels : ndarray of bool, (n, 9)
    known : ndarray of bool, (n, 9), optional
        Which entries of `labels` were given; all of them if not said.
    ridge : float
        Strength of the pull towards the answer as it is, in labels.

    Returns
    -------
    AnswerHead

    Raises
    ------
    BadInput
        If the arrays have other shapes, or the ridge is not positive.
    """
    logit, labels = np.asarray(logit, dtype=np.float32), np.asarray(labels, dtype=bool)
    known = np.ones_like(labels) if known is None else np.asarray(known, dtype=bool)
    if not logit.shape == labels.shape == known.shape or logit.shape[1:] != (len(LABELS),):
        raise BadInput(
            f"log odds {logit.shape} and labels {labels.shape} need one row of nine a pattern"
        )
    if not ridge > 0:
        raise BadInput(f"the ridge is {ridge}; a number above 0 is needed")
    columns = _columns(logit).astype(np.float64)
    weights = [
        _fit(columns[rows], logit[rows, k].astype(np.float64), labels[rows, k], ridge)
        for k, rows in enumerate(known.T)
    ]
    return AnswerHead(np.stack(weights, axis=1).astype(np.float32))


def _columns(logit: FloatArray) -> FloatArray:
    """Give what the correction is linear in, (..., 19)."""
    one = np.ones((*logit.shape[:-1], 1), dtype=np.float32)
    scaled = np.clip(logit, -_CLIP, _CLIP) / np.float32(_SCALE)
    return np.concatenate([one, 2.0 * expit(logit) - 1.0, scaled], axis=-1, dtype=np.float32)


def _fit(columns: Floats, offset: Floats, label: NDArray[np.bool_], ridge: float) -> Floats:
    """Ridge logistic regression about an offset, by damped Newton steps."""
    sign = np.where(label, 1.0, -1.0)
    weights = np.zeros(columns.shape[1])

    def loss(candidate: Floats) -> float:
        margin = sign * (offset + columns @ candidate)
        return float(np.logaddexp(0.0, -margin).sum() + 0.5 * ridge * candidate @ candidate)

    best = loss(weights)
    for _ in range(_STEPS):
        fitted = 0.5 * (1.0 + np.tanh(0.5 * (offset + columns @ weights)))
        gradient = columns.T @ (label - fitted) - ridge * weights
        hessian = (columns.T * (fitted * (1.0 - fitted))) @ columns + ridge * np.eye(weights.size)
        step = np.linalg.solve(hessian, gradient)
        scales = 0.5 ** np.arange(_HALVINGS)
        scale = next((s for s in scales if loss(weights + s * step) < best), 0.0)
        weights = weights + scale * step
        before, best = best, loss(weights)
        if before - best < _ENOUGH:
            break
    return weights
