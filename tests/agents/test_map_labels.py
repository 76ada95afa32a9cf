"""Labels made ahead of the question are those that the question would have made."""

import numpy as np
import pytest

from operando.agents.map_labels import PIECE, PointLabels
from operando.agents.map_state import MapGrid, MapMemory
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.phase_lines import CANONICAL_TWO_THETA, CANONICAL_WAVELENGTH

GRID = MapGrid((30, 40), (0.0, 0.0), (2.0, 2.0))


class Counting:
    """A classifier that remembers how many patterns it was given at a time."""

    own_names = ()

    def __init__(self):
        self.sizes = []

    def classify(self, patterns):
        self.sizes.append(len(patterns))
        return PhaseClassifier.shipped().classify(patterns)


@pytest.fixture
def fresh():
    """Give an empty memory and a way to measure points in it."""
    rng = np.random.default_rng(8)
    counts = rng.poisson(rng.gamma(2.0, 10.0, (GRID.size, 1)), (GRID.size, 487)).astype(np.float32)

    def new():
        memory = MapMemory(GRID, CANONICAL_TWO_THETA, CANONICAL_WAVELENGTH)

        def measure(points):
            points = np.asarray(points)
            memory.add(points, counts[points], np.sqrt(np.maximum(counts[points], 1.0)), 0.1)

        return memory, measure

    return new


def test_complete_pieces_are_labelled_before_anybody_asks(fresh):
    memory, measure = fresh()
    classifier = Counting()
    labels = PointLabels(classifier)
    for line in range(GRID.shape[0]):
        measure(np.arange(40) + 40 * line)
        labels.prepare(memory)
    assert classifier.sizes == [PIECE, PIECE, GRID.size - 2 * PIECE]
    labels.of(memory)
    labels.of(memory)
    assert len(classifier.sizes) == 3


def test_when_pieces_are_labelled_makes_no_difference(fresh):
    rng = np.random.default_rng(2)
    steps = [np.arange(n, n + 40) for n in range(0, GRID.size, 40)]
    steps.append(np.array([5, 600, 601]))  # measured again before anybody asks
    answers = []
    for often in (0.0, 0.3, 1.0):
        memory, measure = fresh()
        labels = PointLabels(PhaseClassifier.shipped())
        for points in steps:
            measure(points)
            if rng.random() < often:
                labels.prepare(memory)
        first = labels.of(memory).logit.copy()
        measure([7, 900, 1199])
        labels.prepare(memory)
        answers.append(np.stack([first, labels.of(memory).logit]))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
    assert np.flatnonzero((answers[0][0] != answers[0][1]).any(axis=1)).tolist() == [7, 900, 1199]


def test_another_map_begins_with_nothing(fresh):
    labels = PointLabels(PhaseClassifier.shipped())
    (one, measure_one), (other, measure_other) = fresh(), fresh()
    measure_one(np.arange(GRID.size))
    labels.prepare(one)
    measure_other([3])
    found = labels.of(other).logit
    assert np.flatnonzero(found.any(axis=1)).tolist() == [3]
