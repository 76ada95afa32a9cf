"""What neighbours add to a point's own evidence."""

import numpy as np
import pytest

from operando.agents.map_drawing import draw_maps, draw_section
from operando.agents.map_network import evidence, knows, weigh
from operando.agents.map_network_fit import NeighbourTraining, train_neighbours
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier, decode, expit
from operando.agents.phase_drawing import Nuisance, Volumes, draw_brightness, draw_expected
from operando.agents.phase_lines import CANONICAL_TWO_THETA, CANONICAL_WAVELENGTH
from operando.agents.phase_training import labels_of
from operando.physics.phases import CRYSTALLINE, LABELS

STEP = (2.0, 2.0)
MAGNETITE, GOETHITE = LABELS.index("fe3o4"), LABELS.index("alpha_feooh")


def two_regions(shape=(24, 20), seed=0):
    """Magnetite left of the middle, goethite right, in patterns of few counts."""
    ny, nx = shape
    crystalline = np.zeros((ny, nx, len(CRYSTALLINE) + 1))
    crystalline[:, : nx // 2, MAGNETITE] = 1.0
    crystalline[:, nx // 2 :, GOETHITE] = 1.0
    nothing = np.zeros(ny * nx)
    rng = np.random.default_rng(seed)
    volumes = Volumes(
        crystalline.reshape(ny * nx, -1), nothing, nothing, draw_brightness(ny * nx, rng)
    )
    expected = draw_expected(volumes, Nuisance(), rng)
    expected *= 8.0 / expected.max(axis=1, keepdims=True)
    counts = rng.poisson(expected)
    patterns = PowderPatterns.from_counts(CANONICAL_TWO_THETA, counts, CANONICAL_WAVELENGTH)
    logit = PhaseClassifier.shipped().classify(patterns).logit
    return labels_of(volumes).reshape(ny, nx, -1), logit.reshape(ny, nx, -1)


def everywhere(logit):
    return np.ones(logit.shape[:2], dtype=bool)


def brier(truth, logit):
    return float(np.square(expit(logit) - truth).mean())


@pytest.mark.parametrize("seed", range(3))
def test_a_map_of_two_regions_gets_better_in_labels_and_in_honesty(seed):
    truth, logit = two_regions(seed=seed)
    smooth = weigh(logit, everywhere(logit), STEP)
    before, after = ((x > 0) == truth for x in (logit, smooth))
    assert after.all(axis=-1).mean() > before.all(axis=-1).mean() + 0.1
    assert brier(truth, smooth) < 0.7 * brier(truth, logit)


def test_sections_that_nobody_has_seen_get_better():
    rng = np.random.default_rng(4)
    gains = []
    for _ in range(3):
        (patterns,), truth = draw_maps(draw_section((40, 30), rng), 1, rng)
        logit = PhaseClassifier.shipped().classify(patterns).logit
        with_neighbours = weigh(logit.reshape(40, 30, -1), np.ones((40, 30), dtype=bool), STEP)
        alone, together = (
            (decode(some.reshape(-1, len(LABELS))) == truth).all(axis=1).mean()
            for some in (logit.copy(), with_neighbours)
        )
        gains.append(together - alone)
    assert min(gains) > 0
    assert np.mean(gains) > 0.05


def test_strong_evidence_overrules_neighbours_and_weak_evidence_follows():
    _, logit = two_regions()
    pair = [MAGNETITE, GOETHITE]
    logit[6, 4] = -9.0
    logit[6, 4, GOETHITE] = 9.0  # surely the other region's label, deep in this one
    logit[15, 4, pair] = (-0.2, 0.2)  # a shrug
    smooth = weigh(logit, everywhere(logit), STEP)
    assert (smooth[6, 4, pair] > 0).tolist() == [False, True]
    assert (smooth[15, 4, pair] > 0).tolist() == [True, False]


def test_a_point_does_not_vouch_for_itself():
    _, logit = two_regions()
    louder = logit.copy()
    louder[10, 5] = -louder[10, 5]
    before, after = (evidence(x, everywhere(logit), STEP) for x in (logit, louder))
    here, beside = 10 * 20 + 5, 10 * 20 + 6
    others = slice(len(LABELS), None)
    # All that its own evidence adds, and next to nothing through the shares of the whole map.
    np.testing.assert_allclose(after[here, others], before[here, others], atol=0.05)
    np.testing.assert_array_equal(after[here, : len(LABELS)], -before[here, : len(LABELS)])
    assert np.abs(after[beside, others] - before[beside, others]).max() > 0.1


def test_points_not_measured_get_what_their_neighbours_say():
    truth, logit = two_regions()
    measured = np.random.default_rng(1).random(logit.shape[:2]) < 0.6
    logit[~measured] = 99.0  # must not matter
    smooth = weigh(logit, measured, STEP)
    guessed = (smooth > 0) == truth
    assert guessed[~measured].mean() > 0.9
    logit[~measured] = -99.0
    np.testing.assert_array_equal(smooth, weigh(logit, measured, STEP))


def test_a_single_point_leaves_the_rest_of_the_map_uncertain():
    _, logit = two_regions()
    measured = np.zeros(logit.shape[:2], dtype=bool)
    measured[3, 3] = True
    far = weigh(logit, measured, (20.0, 20.0))[20, 18]
    assert np.isfinite(far).all()
    assert expit(np.abs(far)).min() < 0.9


def test_without_any_point_nothing_is_known():
    smooth = weigh(np.ones((5, 4, 9), np.float32), np.zeros((5, 4), dtype=bool), STEP)
    assert smooth.shape == (5, 4, 9)
    assert not smooth.any()


def test_coarse_and_sparse_maps_are_left_to_a_prior_of_their_own():
    every = np.ones((10, 10), dtype=bool)
    assert knows(every, (2.0, 4.0))
    assert not knows(every, (2.0, 8.0))
    every[3:5] = False
    assert not knows(every, (2.0, 2.0))


def test_a_map_where_all_points_agree_stays_finite():
    logit = np.full((10, 10, 9), -30.0, dtype=np.float32)
    logit[..., 6] = 30.0
    smooth = weigh(logit, everywhere(logit), STEP)
    assert np.isfinite(smooth).all()
    np.testing.assert_array_equal(smooth > 0, logit > 0)


def test_the_same_logits_give_the_same_answer_bit_by_bit():
    _, logit = two_regions()
    first = weigh(logit, everywhere(logit), STEP)
    np.testing.assert_array_equal(first, weigh(logit.copy(), everywhere(logit), STEP))


def test_a_seed_fixes_the_network_and_a_little_training_helps():
    config = NeighbourTraining(
        sections=3, exposures=1, shape=(24, 20), rows=480, members=1, hidden=(16,), epochs=20
    )
    one, other = (train_neighbours(PhaseClassifier.shipped(), config) for _ in range(2))
    for name, array in one.arrays("n").items():
        np.testing.assert_array_equal(array, other.arrays("n")[name])
    truth, logit = two_regions()
    learnt = one.logits(evidence(logit, everywhere(logit), STEP)).reshape(logit.shape)
    assert brier(truth, learnt) < 0.25
