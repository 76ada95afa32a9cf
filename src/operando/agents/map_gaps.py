"""What a sparse map says between its points: neighbours, and the company that phases keep.

Each label is interpolated from the nearest measured points (`nearest`). What that is worth, and
what the other labels around a point add to it, is learnt from the map itself: the coefficients of

``logit π_il = a_l + Σ_m b_lm logit z_im``,

with z_im the interpolated probability of label m at point i from its neighbours alone, are those
that best predict what the measured points say of themselves. A point without a measurement has
this prior alone; one with a measurement keeps its own evidence whole, and the prior replaces the
odds under it, as in `spatial`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.agents.nearest import NearestPoints
from operando.agents.patterns import FloatArray
from operando.agents.soft_logistic import logistic_fit, logit_of

FEWEST = 40  # measured points below which there is no map to learn from yet
_ROWS = 700  # measured points that the coefficients are learnt from, evenly picked
_TRUST = np.float32(0.8)  # weight of the prior beside a point's own evidence
_RIDGE = 5.0  # pull of the coefficients towards nought
_CLIP = np.float32(6.0)  # largest logit of a prior
_SUREST = np.float32(0.95)  # largest interpolated difference of a label's two probabilities


class MapGaps:
    """Label the gaps of a map that is measured bit by bit."""

    def __init__(self) -> None:
        self._nearest = NearestPoints()

    def weigh(
        self, logit: FloatArray, measured: NDArray[np.bool_], step_um: tuple[float, float]
    ) -> FloatArray:
        """Give every point its neighbours' word.

        Parameters
        ----------
        logit : ndarray of float32, (ny, nx, k)
            Log odds from each point's own pattern; any finite value where nothing is measured.
        measured : ndarray of bool, (ny, nx)
        step_um : tuple of float
            Grid step (y, x), µm.

        Returns
        -------
        ndarray of float32, (ny, nx, k)
            Log odds; points that were not measured carry their neighbours' word alone.
        """
        if not measured.any():
            return np.zeros_like(logit)
        points = np.flatnonzero(measured)
        labels = logit.shape[-1]
        own = logit.reshape(-1, labels)
        leaning = np.zeros_like(own)  # -1 surely absent, 1 surely there
        leaning[points] = np.tanh(np.float32(0.5) * own[points])
        share = logit_of(0.5 + 0.5 * leaning[points].mean(axis=0))
        prior = np.broadcast_to(share, own.shape)
        if points.size >= FEWEST:
            near = self._nearest.predict(leaning, measured, step_um)
            ones = np.ones((len(near), 1), dtype=np.float32)
            near = np.clip(near, -_SUREST, _SUREST)
            odds = np.log((1.0 + near) / (1.0 - near))
            columns = np.concatenate([ones, odds], axis=1, dtype=np.float32)
            some = points
            if some.size > _ROWS:
                some = some[np.arange(_ROWS) * some.size // _ROWS]
            target = 0.5 + 0.5 * leaning[some].astype(np.float64)
            weights = logistic_fit(
                columns[some].astype(np.float64), target, _RIDGE, np.eye(labels + 1, labels, -1)
            )
            prior = np.clip(columns @ weights.astype(np.float32), -_CLIP, _CLIP)
        word = prior.astype(np.float32)
        word[points] = own[points] + _TRUST * (prior[points] - share)
        return word.reshape(logit.shape)
