"""Labels of the points of a map from their own patterns, kept until a pattern changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_state import MapMemory
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier, PhaseLabels
from operando.physics.phases import LABELS

#: Points that are classified together, by their numbers: 0 to 511, 512 to 1023, ...
PIECE = 512


class PointLabels:
    """Labels of all points of the last map asked for; only what is new is classified.

    Parameters
    ----------
    classifier : PhaseClassifier

    Notes
    -----
    The last bit of a matrix product depends on what else is in the matrix, so which patterns
    are classified together must not depend on how fast documents come. When labels are asked
    for, every piece of which all points are new is classified by itself and all other new
    points together. `prepare` does the same for pieces that are already complete; what it found
    is used if the question finds the same patterns, and forgotten otherwise.
    """

    def __init__(self, classifier: PhaseClassifier) -> None:
        self._classifier = classifier
        self._kept: tuple[MapMemory, PhaseLabels] | None = None
        #: By piece: the visits that its points had had, and their labels.
        self._ahead: dict[int, tuple[NDArray[np.int32], PhaseLabels]] = {}

    def prepare(self, memory: MapMemory) -> None:
        """Classify the pieces of a map that are complete, before anybody asks."""
        self._keep(memory)
        for piece in _complete(memory.changed):
            if piece not in self._ahead:
                points = _points_of(piece, memory)
                found = self._classify(memory, points)
                self._ahead[piece] = memory.visits[points].copy(), found

    def of(self, memory: MapMemory) -> PhaseLabels:
        """Label every point (ny * nx); those without a pattern have log odds of nought."""
        labels = self._keep(memory)
        pieces = _complete(memory.changed)
        rest = memory.take_changed()
        for piece in pieces:
            points = _points_of(piece, memory)
            ahead = self._ahead.get(piece)
            if ahead is not None and np.array_equal(ahead[0], memory.visits[points]):
                _put(labels, points, ahead[1])
            else:
                _put(labels, points, self._classify(memory, points))
        rest = rest[~np.isin(rest // PIECE, pieces)]
        if rest.size:
            _put(labels, rest, self._classify(memory, rest))
        self._ahead.clear()
        return labels

    def _keep(self, memory: MapMemory) -> PhaseLabels:
        """Give the labels of a map; begin anew when it is another one."""
        if self._kept is None or self._kept[0] is not memory:
            own = len(self._classifier.own_names)
            empty = np.zeros((memory.grid.size, len(LABELS) + 1 + own), dtype=np.float32)
            nine, score = empty[:, : len(LABELS)], empty[:, len(LABELS)]
            self._kept = memory, PhaseLabels(nine, score, empty[:, len(LABELS) + 1 :])
            self._ahead.clear()
            memory.mark_changed()
        return self._kept[1]

    def _classify(self, memory: MapMemory, points: NDArray[np.int64]) -> PhaseLabels:
        sigma = np.sqrt(np.maximum(memory.variance[points], 1e-12))
        patterns = PowderPatterns(
            memory.two_theta, memory.wavelength, memory.intensity[points], sigma
        )
        return self._classifier.classify(patterns)


def _complete(changed: NDArray[np.bool_]) -> list[int]:
    """Pieces of which all points have changed."""
    number = np.add.reduceat(changed, np.arange(0, changed.size, PIECE), dtype=np.int64)
    sizes = np.minimum(changed.size - PIECE * np.arange(number.size), PIECE)
    return [int(piece) for piece in np.flatnonzero(number == sizes)]


def _points_of(piece: int, memory: MapMemory) -> NDArray[np.int64]:
    return np.arange(piece * PIECE, min((piece + 1) * PIECE, memory.grid.size))


def _put(labels: PhaseLabels, points: NDArray[np.int64], found: PhaseLabels) -> None:
    labels.logit[points], labels.unknown_score[points] = found.logit, found.unknown_score
    if labels.own is not None and found.own is not None:
        labels.own[points] = found.own
