"""What the mapping agent says of a whole map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_calibration import MapCalibration, shipped_calibration
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import decode, expit
from operando.physics.phases import LABELS


@dataclass(frozen=True)
class MapAnswer:
    """The agent's current answer for every point of the grid (ny, nx).

    Parameters
    ----------
    logit_alone, logit : ndarray of float32, (ny, nx, 9)
        Log odds from each point's own pattern, and the answer: with its neighbours' word,
        calibrated, and corrected by what people said.
    measured : ndarray of bool, (ny, nx)
    unknown_score : ndarray of float32, (ny, nx)
    calibration : MapCalibration
        What made the answer honest.
    """

    logit_alone: FloatArray
    logit: FloatArray
    measured: NDArray[np.bool_]
    unknown_score: FloatArray
    calibration: MapCalibration = field(default_factory=shipped_calibration)

    @property
    def probability(self) -> FloatArray:
        """Probability of each label, (ny, nx, 9)."""
        return expit(self.logit)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Most probable label set of each point, (ny, nx, 9)."""
        return decode(self.logit.reshape(-1, len(LABELS))).reshape(self.logit.shape)

    @cached_property
    def label_confidence(self) -> FloatArray:
        """Probability that each label is right, (ny, nx, 9)."""
        return expit(np.abs(self.logit))

    def uncertainty(self, labels: Sequence[str] = LABELS) -> FloatArray:
        """Probability that the least certain of some labels is wrong at a point, (ny, nx)."""
        return np.asarray(1.0 - self._of(labels).min(axis=-1))

    @cached_property
    def confidence(self) -> FloatArray:
        """Probability that all nine labels of a point are right, (ny, nx)."""
        return self.calibration.all_right(self.label_confidence, self.measured)

    def expected_accuracy(self, labels: Sequence[str] = LABELS) -> float:
        """Share of some labels, over all points of the map, that are expected to be right."""
        return float(self._of(labels).mean())

    def _of(self, labels: Sequence[str]) -> FloatArray:
        if tuple(labels) == LABELS:
            return self.label_confidence
        return self.label_confidence[..., [LABELS.index(label) for label in labels]]
