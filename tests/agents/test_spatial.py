"""What neighbours add to a point's own evidence."""

import numpy as np
import pytest

from operando.agents.phase_classifier import expit
from operando.agents.spatial import SpatialPrior

STEP = (2.0, 2.0)


def two_regions(shape=(24, 20), noise=2.0, strength=1.5, seed=0):
    """One label left of the middle, another right; logits tell, but not loudly."""
    ny, nx = shape
    truth = np.zeros((ny, nx, 2), dtype=bool)
    truth[:, : nx // 2, 0] = True
    truth[:, nx // 2 :, 1] = True
    rng = np.random.default_rng(seed)
    # As honest as a classifier's: logit = log odds of two Gaussians, strength apart.
    signal = np.where(truth, strength, -strength)
    logit = (signal + noise * rng.standard_normal(truth.shape)) * 2 * strength / noise**2
    return truth, logit.astype(np.float32)


def everywhere(logit):
    return np.ones(logit.shape[:2], dtype=bool)


def brier(truth, logit):
    return float(np.square(expit(logit) - truth).mean())


@pytest.mark.parametrize("seed", range(4))
def test_a_map_of_two_regions_gets_better_in_labels_and_in_honesty(seed):
    truth, logit = two_regions(seed=seed)
    smooth = SpatialPrior().apply(logit, everywhere(logit), STEP)
    before, after = ((x > 0) == truth for x in (logit, smooth))
    assert after.mean() > before.mean() + 0.08
    assert brier(truth, smooth) < 0.7 * brier(truth, logit)


def test_strong_evidence_overrules_neighbours_and_weak_evidence_follows():
    _, logit = two_regions(noise=1.0)
    logit[6, 4] = (-15.0, 15.0)  # surely the other region's label, deep in this one
    logit[15, 4] = (-0.2, 0.2)  # a shrug
    smooth = SpatialPrior().apply(logit, everywhere(logit), STEP)
    assert (smooth[6, 4] > 0).tolist() == [False, True]
    assert (smooth[15, 4] > 0).tolist() == [True, False]


def test_a_point_does_not_vouch_for_itself():
    _, logit = two_regions()
    prior = SpatialPrior()
    louder = logit.copy()
    louder[10, 5] += 2.0
    moved = prior.apply(louder, everywhere(logit), STEP) - prior.apply(
        logit, everywhere(logit), STEP
    )
    # All that its own evidence adds, and next to nothing through the shares of the whole map.
    assert moved[10, 5] == pytest.approx(2.0, abs=0.1)
    assert moved[10, 6].max() > 0


def test_points_not_measured_get_what_their_neighbours_say():
    truth, logit = two_regions(noise=1.0)
    measured = np.random.default_rng(1).random(logit.shape[:2]) < 0.6
    logit[~measured] = 99.0  # must not matter
    smooth = SpatialPrior().apply(logit, measured, STEP)
    guessed = (smooth > 0) == truth
    assert guessed[~measured].mean() > 0.9
    logit[~measured] = -99.0
    np.testing.assert_array_equal(smooth, SpatialPrior().apply(logit, measured, STEP))


def test_few_points_leave_the_evidence_as_it_is():
    _, logit = two_regions()
    measured = np.zeros(logit.shape[:2], dtype=bool)
    measured[:3, :13] = True  # 39
    smooth = SpatialPrior().apply(logit, measured, STEP)
    np.testing.assert_allclose(smooth[measured], logit[measured], atol=1e-6)
    share = expit(logit[measured]).mean(axis=0)
    np.testing.assert_allclose(expit(smooth[~measured]), np.tile(share, (441, 1)), atol=1e-3)


def test_without_any_point_nothing_is_known():
    smooth = SpatialPrior().apply(
        np.ones((5, 4, 9), np.float32), np.zeros((5, 4), dtype=bool), STEP
    )
    assert smooth.shape == (5, 4, 9)
    assert not smooth.any()


def test_without_trust_measured_points_keep_their_logits():
    _, logit = two_regions()
    np.testing.assert_allclose(
        SpatialPrior(trust=0.0).apply(logit, everywhere(logit), STEP), logit, atol=1e-6
    )


def test_neighbours_that_know_nothing_change_little():
    """Labels strewn at random: no neighbourhood, so nothing to gain and little to lose."""
    rng = np.random.default_rng(3)
    truth = rng.random((30, 30, 2)) < 0.4
    logit = (np.where(truth, 1.0, -1.0) * 1.5 + rng.standard_normal(truth.shape)).astype(np.float32)
    smooth = SpatialPrior().apply(logit, everywhere(logit), STEP)
    assert brier(truth, smooth) < 1.1 * brier(truth, logit)
    assert np.mean((smooth > 0) == truth) > np.mean((logit > 0) == truth) - 0.02


def test_a_coarse_grid_has_neighbours_too():
    truth, logit = two_regions()
    smooth = SpatialPrior().apply(logit, everywhere(logit), (20.0, 20.0))
    assert np.isfinite(smooth).all()
    assert np.mean((smooth > 0) == truth) >= np.mean((logit > 0) == truth)


def test_a_map_where_all_points_agree_stays_finite():
    logit = np.full((10, 10, 9), -30.0, dtype=np.float32)
    logit[..., 6] = 30.0
    smooth = SpatialPrior().apply(logit, everywhere(logit), STEP)
    assert np.isfinite(smooth).all()
    np.testing.assert_array_equal(smooth > 0, logit > 0)


def test_the_same_logits_give_the_same_answer_bit_by_bit():
    _, logit = two_regions()
    prior = SpatialPrior()
    first = prior.apply(logit, everywhere(logit), STEP)
    np.testing.assert_array_equal(first, prior.apply(logit.copy(), everywhere(logit), STEP))
