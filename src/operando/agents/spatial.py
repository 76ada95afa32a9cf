"""What a point's neighbours say: a prior learnt from the map itself.

Averaging logits over a neighbourhood blurs every boundary and lets a weak pattern pull down a
strong one. Here each point keeps the evidence of its own pattern whole; its neighbours only
replace the prior odds under it:

``logit_i' = logit_i + β [logit π_i - logit g]``,  ``logit π_i = a + Σ_l b_l logit m_il``

with g the label's share over the map and m_il the mean probability of label l among the
neighbours of point i, at two distances, the point itself left out. The coefficients a, b are
those that best predict the points' own probabilities from their neighbours' (ridge logistic
regression, soft targets), so grains, layers and the company that phases keep are learnt from
what has been measured, and from nothing else. Strong evidence overrules any neighbourhood; weak
evidence follows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import expit

_FEWEST = 40  # measured points below which there is no map to learn from yet
_CLIP = 6.0  # largest logit of a neighbourhood
_STEPS = 15

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpatialPrior:
    """How far and how much neighbours count.

    Parameters
    ----------
    lengths_um : tuple of float
        Standard deviations of the Gaussian kernels, µm.
    trust : float
        β above: 0 leaves the logits as they are.
    ridge : float
        Strength of the pull of the coefficients towards nought.
    """

    lengths_um: tuple[float, ...] = (1.6, 4.0)
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
        own = np.where(measured[..., None], logit, 0.0).astype(np.float64)
        target = np.asarray(expit(logit), dtype=np.float64)
        share = _logit(target[measured].mean(axis=0))
        prior = np.broadcast_to(share, own.shape)
        if measured.sum() >= _FEWEST:
            prior = self._prior(target, measured, step_um, share)
        moved = own + self.trust * (prior - share)
        return np.where(measured[..., None], moved, prior).astype(np.float32)

    def _prior(
        self,
        target: Floats,
        measured: NDArray[np.bool_],
        step_um: tuple[float, float],
        share: Floats,
    ) -> Floats:
        """Log odds that the neighbours alone give each point, (ny, nx, k)."""
        near = [
            _logit(_neighbours(target, measured, _kernel(length, step_um), share))
            for length in self.lengths_um
        ]
        features = np.concatenate([np.ones((*measured.shape, 1)), *near], axis=-1)
        rows = features[measured]
        prior = np.empty_like(target)
        for k in range(target.shape[-1]):
            weights = _logistic_fit(rows, target[measured][:, k], self.ridge)
            prior[..., k] = np.clip(features @ weights, -_CLIP, _CLIP)
        return prior


def _kernel(length_um: float, step_um: tuple[float, float]) -> Floats:
    """Gaussian weights of the neighbours on a grid of step (y, x) µm; nought at the centre."""
    reach = [max(1, int(np.ceil(2.5 * length_um / step))) for step in step_um]
    y = np.arange(-reach[0], reach[0] + 1)[:, None] * step_um[0]
    x = np.arange(-reach[1], reach[1] + 1)[None, :] * step_um[1]
    weights = np.exp(-0.5 * (y * y + x * x) / length_um**2)
    weights[reach[0], reach[1]] = 0.0
    return np.asarray(weights / weights.sum())


def _neighbours(
    probability: Floats, measured: NDArray[np.bool_], kernel: Floats, share: Floats
) -> Floats:
    """Mean probability among measured neighbours, (ny, nx, k); the map's where there are none."""
    weight = correlate(measured.astype(float), kernel, mode="constant")
    near = np.stack(
        [
            correlate(probability[..., k] * measured, kernel, mode="constant")
            for k in range(probability.shape[-1])
        ],
        axis=-1,
    )
    # The share of the whole map stands in as a fiftieth of a full neighbourhood.
    everywhere = 1.0 / (1.0 + np.exp(-share))
    return np.asarray((near + 0.02 * everywhere) / (weight + 0.02)[..., None])


def _logistic_fit(rows: Floats, target: Floats, ridge: float) -> Floats:
    """Ridge logistic regression on soft targets, damped Newton; the first column is free."""
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = 1e-3
    weights = np.zeros(rows.shape[1])
    weights[0] = _logit(target.mean())

    def loss(candidate: Floats) -> float:
        score = rows @ candidate
        shrink = 0.5 * float(penalty[1:] @ np.square(candidate[1:]))
        return float(np.logaddexp(0.0, score).sum() - target @ score) + shrink

    best = loss(weights)
    for _ in range(_STEPS):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(rows @ weights, -50.0, 50.0)))
        gradient = rows.T @ (target - fitted)
        gradient[1:] -= penalty[1:] * weights[1:]
        curvature = np.maximum(fitted * (1.0 - fitted), 1e-6)
        hessian = (rows * curvature[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while (trial := loss(weights + scale * step)) > best and scale > 1e-3:
            scale *= 0.5
        if trial > best:
            break
        weights, gained, best = weights + scale * step, best - trial, trial
        if gained < 0.1:
            break
    return weights


def _logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, 2e-3, 1.0 - 2e-3)
    return np.asarray(np.log(clipped / (1.0 - clipped)))
