"""What the mapping agent says of a whole map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import decode, expit
from operando.physics.phases import LABELS


@dataclass(frozen=True)
class MapAnswer:
    """The agent's current answer for every point of the grid (ny, nx).

    Parameters
    ----------
    logit_alone, logit : ndarray of float32, (ny, nx, 9)
        Log odds from each point's own pattern, and with its neighbours'.
    measured : ndarray of bool, (ny, nx)
    unknown_score : ndarray of float32, (ny, nx)
    """

    logit_alone: FloatArray
    logit: FloatArray
    measured: NDArray[np.bool_]
    unknown_score: FloatArray

    @property
    def probability(self) -> FloatArray:
        """Probability of each label, (ny, nx, 9)."""
        return expit(self.logit)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Most probable label set of each point, (ny, nx, 9)."""
        return decode(self.logit.reshape(-1, len(LABELS))).reshape(self.logit.shape)

    def uncertainty(self, labels: Sequence[str] = LABELS) -> FloatArray:
        """Probability that the least certain of some labels is wrong at a point, (ny, nx)."""
        probability = self.probability[..., [LABELS.index(label) for label in labels]]
        return np.asarray(np.minimum(probability, 1.0 - probability).max(axis=-1))

    @property
    def confidence(self) -> FloatArray:
        """Probability that all nine labels of a point are right, (ny, nx)."""
        probability = self.probability
        return np.asarray(np.maximum(probability, 1.0 - probability).prod(axis=-1))

    def expected_accuracy(self, labels: Sequence[str] = LABELS) -> float:
        """Share of some labels, over all points of the map, that probabilities say are right."""
        probability = self.probability[..., [LABELS.index(label) for label in labels]]
        return float(np.maximum(probability, 1.0 - probability).mean())
