"""How sure a map says it is: monotone, each label for itself, and all nine at once."""

import numpy as np
import pytest

from operando.agents.map_answer import MapAnswer
from operando.agents.map_calibration import MapCalibration, shipped_calibration
from operando.physics.phases import LABELS


def answer(logit, measured=True):
    shape = logit.shape[:2]
    return MapAnswer(logit, logit, np.full(shape, measured), np.zeros(shape, np.float32))


@pytest.mark.parametrize("measured", [True, False])
def test_more_evidence_makes_each_label_likelier(measured):
    logit = (np.linspace(-8, 8, 40)[:, None] * np.ones(9)).astype(np.float32)
    honest = shipped_calibration().apply(logit, np.full(40, measured))
    assert (np.diff(honest, axis=0) > 0).all()
    assert (honest[0] < -3).all()
    assert (honest[-1] > 3).all()


def test_a_point_is_about_as_sure_as_its_labels_allow():
    rng = np.random.default_rng(0)
    some = answer(rng.normal(0, 4, (20, 10, 9)).astype(np.float32))
    least = some.label_confidence.min(axis=-1)
    assert (some.label_confidence >= 0.5).all()
    assert (some.confidence <= least + 0.1).all()
    np.testing.assert_allclose(some.uncertainty(), 1 - least)
    resin = some.label_confidence[..., LABELS.index("resin")]
    assert some.expected_accuracy(("resin",)) == pytest.approx(float(resin.mean()))


def test_points_that_only_neighbours_speak_for_have_their_own_odds():
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 3, (6, 5, 9)).astype(np.float32)
    measured = rng.random((6, 5)) < 0.5
    mixed = shipped_calibration().apply(logit, measured)
    for value in (True, False):
        alone = shipped_calibration().apply(logit, np.full((6, 5), value))
        np.testing.assert_array_equal(mixed[measured == value], alone[measured == value])


def test_numbers_by_label_land_at_their_label():
    lines = {label: [2.0, float(k)] for k, label in enumerate(LABELS)}
    values = {"measured": lines, "unmeasured": lines, "joint": [1.0, 2.0]}
    made = MapCalibration.from_mapping(values)
    one = np.ones((1, 9), np.float32)
    np.testing.assert_allclose(made.apply(one, np.array([True]))[0], 2.0 + np.arange(9))
    sure = made.all_right(np.full((2, 9), 0.9, np.float32), np.array([True, False]))
    np.testing.assert_allclose(sure, [0.9**9, 0.9**18], rtol=1e-5)
