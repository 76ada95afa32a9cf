"""How sure a map says it is: the stronger the evidence the surer, and every label for itself."""

import numpy as np
import pytest

from operando.agents.map_answer import MapAnswer
from operando.agents.map_confidence import MapConfidence, shipped_confidence
from operando.physics.phases import LABELS


def answer(logit, measured=True):
    shape = logit.shape[:2]
    return MapAnswer(logit, logit, np.full(shape, measured), np.zeros(shape, np.float32))


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_stronger_the_evidence_the_surer_each_label(measured, sign):
    logit = (sign * np.linspace(0.05, 4, 40)[:, None, None] * np.ones(9)).astype(np.float32)
    right = answer(logit, measured).label_confidence[:, 0]
    assert (np.diff(right, axis=0) > 0).all()
    assert (right[-1] > 0.95).all()


def test_a_point_is_no_surer_than_its_least_certain_label():
    rng = np.random.default_rng(0)
    some = answer(rng.normal(0, 4, (20, 10, 9)).astype(np.float32))
    assert (some.confidence <= some.label_confidence.min(axis=-1) + 0.05).all()
    np.testing.assert_allclose(some.uncertainty(), 1 - some.label_confidence.min(axis=-1))
    resin = some.label_confidence[..., LABELS.index("resin")]
    assert some.expected_accuracy(("resin",)) == pytest.approx(float(resin.mean()))


def test_points_that_only_neighbours_speak_for_have_their_own_odds():
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 3, (6, 5, 9)).astype(np.float32)
    measured = rng.random((6, 5)) < 0.5
    mixed = shipped_confidence().of_labels(logit, measured)
    for value in (True, False):
        alone = shipped_confidence().of_labels(logit, np.full((6, 5), value))
        np.testing.assert_array_equal(mixed[measured == value], alone[measured == value])


def test_numbers_by_label_land_at_their_label():
    lines = {label: [1.0, 0.0, float(k)] for k, label in enumerate(LABELS)}
    made = MapConfidence.from_mapping({"measured": lines, "unmeasured": lines, "joint": [1.0, 2.0]})
    zero = np.zeros((1, 9), np.float32)
    np.testing.assert_allclose(
        made.of_labels(zero, np.array([True]))[0], 1 / (1 + np.exp(-np.arange(9.0))), rtol=1e-5
    )
    half = np.full((2, 9), 0.9, np.float32)
    np.testing.assert_allclose(
        made.of_points(half, np.array([True, False])), [0.9**9, 0.9**18], rtol=1e-5
    )
