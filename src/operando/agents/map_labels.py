"""Labels of the points of a map from their own patterns, kept until a pattern changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_state import MapMemory
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier, PhaseLabels
from operando.physics.phases import LABELS


class PointLabels:
    """Labels of all points of the last map asked for; only what is new is classified.

    Parameters
    ----------
    classifier : PhaseClassifier
    """

    def __init__(self, classifier: PhaseClassifier) -> None:
        self._classifier = classifier
        self._kept: tuple[MapMemory, PhaseLabels] | None = None

    def of(self, memory: MapMemory) -> PhaseLabels:
        """Label every point (ny * nx); those without a pattern have log odds of nought."""
        if self._kept is None or self._kept[0] is not memory:
            own = len(self._classifier.own_names)
            empty = np.zeros((memory.grid.size, len(LABELS) + 1 + own), dtype=np.float32)
            nine, score = empty[:, : len(LABELS)], empty[:, len(LABELS)]
            self._kept = memory, PhaseLabels(nine, score, empty[:, len(LABELS) + 1 :])
            memory.mark_changed()
        labels, changed = self._kept[1], memory.take_changed()
        if changed.size:
            fresh = self._classify(memory, changed)
            labels.logit[changed], labels.unknown_score[changed] = fresh.logit, fresh.unknown_score
            if labels.own is not None and fresh.own is not None:
                labels.own[changed] = fresh.own
        return labels

    def _classify(self, memory: MapMemory, points: NDArray[np.int64]) -> PhaseLabels:
        sigma = np.sqrt(np.maximum(memory.variance[points], 1e-12))
        patterns = PowderPatterns(
            memory.two_theta, memory.wavelength, memory.intensity[points], sigma
        )
        return self._classifier.classify(patterns)
