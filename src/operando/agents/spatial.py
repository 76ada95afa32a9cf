"""What a point's neighbours say: a prior learnt from the map itself.

Averaging logits over a neighbourhood blurs every boundary and lets a weak pattern pull down a
strong one. Here each point keeps the evidence of its own pattern whole; its neighbours only
replace the prior odds under it:

``logit_i' = logit_i + β [logit π_i - logit g]``,  ``logit π_i = a + Σ_sl b_sl logit m_isl``

with g the label's share over the map and m_isl the mean probability of label l among the
neighbours of point i at scale s, the point itself left out. The coefficients a, b are those
that best predict the points' own probabilities from their neighbours' (ridge logistic
regression, soft targets), so grains, layers and the company that phases keep are learnt from
what has been measured, and from nothing else. Strong evidence overrules any neighbourhood; weak
evidence follows it; a point without a measurement carries the neighbourhood's word alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.neighbourhood import neighbourhood_means
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import expit

_FEWEST = 40  # measured points below which there is no map to learn from yet
_ROWS = 1500  # measured points that the coefficients are learnt from, evenly picked
_CLIP = np.float32(6.0)  # largest logit of a neighbourhood
_STEPS, _HALVINGS = 12, 8
_SLACK = 1e-6  # loss by which a step may fail to gain: a label at its best wavers by rounding

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpatialPrior:
    """How far and how much neighbours count.

    Parameters
    ----------
    lengths_um : tuple of float
        Standard deviations of the Gaussian neighbourhoods, µm.
    trust : float
        β above: 0 leaves the logits as they are.
    ridge : float
        Strength of the pull of the coefficients towards nought.
    """

    lengths_um: tuple[float, ...] = (1.6, 4.0, 10.0, 25.0)
    trust: float = 0.8
    ridge: float = 5.0

    def apply(
        self, logit: FloatArray, measured: NDArray[np.bool_], step_um: tuple[float, float]
    ) -> FloatArray:
        """Give every point its neighbourhood's prior.

        Parameters
        ----------
        logit : ndarray of float32, (ny, nx, k)
            Log odds from each point's own pattern; any finite value where nothing is measured.
        measured : ndarray of bool, (ny, nx)
        step_um : tuple of float
            Grid step (y, x) in µm.

        Returns
        -------
        ndarray of float32, (ny, nx, k)
            Log odds; points that were not measured carry their neighbourhood's prior alone.
        """
        if not measured.any():
            return np.zeros_like(logit)
        shape, labels = measured.shape, logit.shape[-1]
        seen = measured.reshape(-1, 1)
        own = np.where(seen, logit.reshape(-1, labels), 0.0).astype(np.float32)
        target = np.where(seen, expit(own), 0.0).astype(np.float32)
        points = np.flatnonzero(seen)
        mean = target[points].mean(axis=0)
        share = _logit(mean)
        prior = np.broadcast_to(share, own.shape)
        if points.size >= _FEWEST:
            planes = np.moveaxis(target.reshape(*shape, labels), -1, 0)
            near, _ = neighbourhood_means(planes, measured, mean, step_um, self.lengths_um)
            ones = np.ones((1, seen.size), dtype=np.float32)
            features = np.concatenate([ones, _logit(near.reshape(-1, seen.size))]).T
            weights = self._learn(features, target, points)
            prior = np.clip(features @ weights.astype(np.float32), -_CLIP, _CLIP)
        moved = own + np.float32(self.trust) * (prior - share)
        return np.where(seen, moved, prior).reshape(logit.shape).astype(np.float32)

    def _learn(self, features: FloatArray, target: FloatArray, points: NDArray[np.int64]) -> Floats:
        """Coefficients (m, k) that predict the points from their neighbours."""
        if points.size > _ROWS:
            points = points[np.arange(_ROWS) * points.size // _ROWS]
        rows = features[points].astype(np.float64)
        return _logistic_fit(rows, target[points].astype(np.float64), self.ridge)


def _logistic_fit(rows: Floats, target: Floats, ridge: float) -> Floats:
    """Ridge logistic regressions on soft targets, all labels at once, by damped Newton steps.

    The first column carries the constant and is all but free.
    """
    features, labels = rows.shape[1], target.shape[1]
    penalty = np.full(features, ridge)
    penalty[0] = 1e-3
    weights = np.zeros((features, labels))
    weights[0] = _logit(target.mean(axis=0))
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


def _logit(probability: NDArray[Any]) -> NDArray[Any]:
    clipped = np.clip(probability, 2e-3, 1.0 - 2e-3)
    return np.asarray(np.log(clipped / (1.0 - clipped)))
