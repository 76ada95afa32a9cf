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

import numpy as np
from numpy.typing import NDArray

from operando.agents.neighbourhood import neighbourhood_means
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import expit
from operando.agents.soft_logistic import logistic_fit, logit_of

_FEWEST = 40  # measured points below which there is no map to learn from yet
_ROWS = 1500  # measured points that the coefficients are learnt from, evenly picked
_CLIP = np.float32(6.0)  # largest logit of a neighbourhood

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
        share = logit_of(mean)
        prior = np.broadcast_to(share, own.shape)
        if points.size >= _FEWEST:
            planes = np.moveaxis(target.reshape(*shape, labels), -1, 0)
            near, _ = neighbourhood_means(planes, measured, mean, step_um, self.lengths_um)
            ones = np.ones((1, seen.size), dtype=np.float32)
            features = np.concatenate([ones, logit_of(near.reshape(-1, seen.size))]).T
            weights = self._learn(features, target, points)
            prior = np.clip(features @ weights.astype(np.float32), -_CLIP, _CLIP)
        moved = own + np.float32(self.trust) * (prior - share)
        return np.where(seen, moved, prior).reshape(logit.shape).astype(np.float32)

    def _learn(self, features: FloatArray, target: FloatArray, points: NDArray[np.int64]) -> Floats:
        """Coefficients (m, k) that predict the points from their neighbours."""
        if points.size > _ROWS:
            points = points[np.arange(_ROWS) * points.size // _ROWS]
        rows = features[points].astype(np.float64)
        return logistic_fit(rows, target[points].astype(np.float64), self.ridge)
