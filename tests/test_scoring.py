"""Scores against scikit-learn's, and against arithmetic that fits in the head."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score

from operando.errors import BadInput
from operando.physics.phases import LABELS
from operando.scoring import calibration_error, score_labels


def draw(n=400, seed=0):
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.4, 0.6, (n, 9))
    truth = rng.random((n, 9)) < probability
    return truth, probability > 0.5, probability


def test_scores_equal_those_of_scikit_learn():
    truth, present, probability = draw()
    score = score_labels(truth, present, probability)
    assert score.exact_match == pytest.approx(accuracy_score(truth, present))
    assert score.label_accuracy == pytest.approx(accuracy_score(truth.ravel(), present.ravel()))
    assert score.brier == pytest.approx(brier_score_loss(truth.ravel(), probability.ravel()))
    expected = f1_score(truth, present, average=None)
    assert list(score.f1) == list(LABELS)
    assert list(score.f1.values()) == pytest.approx(expected)


def test_corrosion_and_substrate_count_three_labels_each():
    truth, _, probability = draw(n=10)
    wrong = truth.copy()
    for label in ("fe3o4", "fe_bcc", "fe_bcc", "resin"):
        column = LABELS.index(label)
        row = int(np.flatnonzero((wrong == truth)[:, column])[0])
        wrong[row, column] ^= True
    score = score_labels(truth, wrong, probability)
    assert score.corrosion_accuracy == pytest.approx(1 - 1 / 30)
    assert score.substrate_accuracy == pytest.approx(1 - 2 / 30)
    assert score.label_accuracy == pytest.approx(1 - 4 / 90)


def test_a_map_scores_as_its_points_do():
    truth, present, probability = draw(n=60)
    flat = score_labels(truth, present, probability)
    grid = (6, 10, 9)
    score = score_labels(truth.reshape(grid), present.reshape(grid), probability.reshape(grid))
    assert score == flat


def test_perfect_labels_score_perfectly():
    truth, *_ = draw()
    score = score_labels(truth, truth, truth.astype(float))
    assert (score.exact_match, score.label_accuracy, score.brier, score.ece) == (1, 1, 0, 0)


def test_a_label_that_nobody_claims_and_that_is_not_there_has_no_f1():
    truth = np.zeros((4, 9), dtype=bool)
    present = truth.copy()
    present[0, 1] = truth[1, 2] = True
    f1 = score_labels(truth, present, present.astype(float)).f1
    assert np.isnan(f1["fe3o4"])
    assert f1["gamma_feooh"] == 0.0  # claimed, not there
    assert f1["alpha_feooh"] == 0.0  # there, not claimed


def test_honest_probabilities_have_next_to_no_calibration_error():
    truth, _, probability = draw(n=20_000)
    assert calibration_error(truth.ravel(), probability.ravel()) < 0.005


def test_overconfidence_is_measured_as_large_as_it_is():
    rng = np.random.default_rng(0)
    truth = rng.random(50_000) < 0.7
    assert calibration_error(truth, np.full(50_000, 0.95)) == pytest.approx(0.25, abs=0.01)
    assert calibration_error(~truth, np.full(50_000, 0.05)) == pytest.approx(0.25, abs=0.01)


def test_calibration_error_equals_its_definition():
    truth, _, probability = draw(n=300)
    truth, probability = truth.ravel(), probability.ravel()
    total = 0.0
    for k in range(10):
        inside = (probability >= k / 10) & (probability < (k + 1) / 10)
        if inside.any():
            total += inside.mean() * abs(probability[inside].mean() - truth[inside].mean())
    assert calibration_error(truth, probability, bins=10) == pytest.approx(total, abs=1e-9)


def test_certainty_belongs_to_the_last_bin():
    assert calibration_error(np.array([True, True]), np.array([1.0, 1.0])) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [((4, 9), (4, 9), (5, 9)), ((4, 9), (3, 9), (4, 9)), ((4, 8), (4, 8), (4, 8))],
)
def test_shapes_that_do_not_match_are_refused(a, b, c):
    with pytest.raises(BadInput, match="one shape that ends in 9"):
        score_labels(np.zeros(a, bool), np.zeros(b, bool), np.zeros(c))
