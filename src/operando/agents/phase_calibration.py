"""Slope and offset of each label's log odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from operando.agents.patterns import FloatArray
from operando.physics.phases import LABELS


def identity_calibration() -> FloatArray:
    """Slope one and offset nought for each label, (9, 2)."""
    return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(LABELS), 1))


def platt(
    logit: FloatArray, label: NDArray[np.bool_], start: FloatArray, strength: float
) -> NDArray[np.float64]:
    """Slope and offset of one label's logit, held near `start` by a Gaussian prior."""
    sign = np.where(label, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> float:
        margin = sign * (np.exp(parameters[0]) * logit + parameters[1])
        prior = strength * np.square(parameters - begin).sum()
        return float(np.logaddexp(0.0, -margin).sum() + 0.5 * prior)

    begin = np.array([np.log(start[0]), start[1]], dtype=float)
    slope, offset = minimize(loss, begin, method="BFGS").x
    return np.array([np.exp(slope), offset])
