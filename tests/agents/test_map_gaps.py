"""What a sparse map says between its points, and where the next point tells most."""

import numpy as np
import pytest

from operando.agents.map_gain import most_gain
from operando.agents.map_gaps import MapGaps
from operando.agents.nearest import NearestPoints

STEP = (2.0, 2.0)
SHAPE = (40, 30)


def strewn(share, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).random(shape) < share


def disc(shape=SHAPE):
    """One label inside a disc, another outside; the log odds that patterns would give."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside = (y - 20) ** 2 + (x - 14) ** 2 < 100
    truth = np.stack([inside, ~inside], axis=-1)
    noise = np.random.default_rng(3).standard_normal(truth.shape)
    return truth, (np.where(truth, 4.0, -4.0) + noise).astype(np.float32)


def test_a_prediction_does_not_depend_on_the_questions_before_it():
    values = np.random.default_rng(1).standard_normal((1200, 3)).astype(np.float32)
    early, later = strewn(0.05), strewn(0.05) | strewn(0.08, seed=2)
    patient = NearestPoints()
    patient.predict(values, early, STEP)
    patient.predict(values, strewn(0.3, shape=(60, 20)), STEP)  # another map in between
    patient.predict(values, early, STEP)
    np.testing.assert_array_equal(
        patient.predict(values, later, STEP), NearestPoints().predict(values, later, STEP)
    )
    np.testing.assert_array_equal(  # a smaller map than before
        patient.predict(values, early, STEP), NearestPoints().predict(values, early, STEP)
    )


def test_points_behind_others_have_little_say():
    measured = np.zeros(SHAPE, dtype=bool)
    measured[20, 17:20] = True  # three in a row on one side of (20, 14)
    measured[20, 11] = True  # one on the other, as far
    measured[[2, 2, 2, 37, 37, 37], [1, 14, 28, 1, 14, 28]] = True
    values = np.zeros((measured.size, 1), dtype=np.float32)
    values.reshape(SHAPE)[20, 17:20] = 1.0
    values.reshape(SHAPE)[20, 11] = -1.0
    between = NearestPoints().predict(values, measured, STEP).reshape(SHAPE)[20, 14]
    assert abs(between) < 0.15  # a mean by distance is 0.3 or more


def test_a_point_does_not_vouch_for_itself():
    values = np.random.default_rng(1).standard_normal((1200, 1)).astype(np.float32)
    measured = strewn(0.2)
    point = np.flatnonzero(measured)[50]
    louder = values.copy()
    louder[point] += 3.0
    before, after = (NearestPoints().predict(v, measured, STEP) for v in (values, louder))
    # Only through the mean of all.
    assert abs(after[point] - before[point]) < 3.0 / measured.sum()


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_gaps_are_labelled_by_what_lies_around_them(share):
    truth, logit = disc()
    measured = strewn(share)
    logit[~measured] = 99.0  # must not matter
    word = MapGaps().weigh(logit, measured, STEP)
    right = ((word > 0) == truth)[~measured].mean()
    print(f"\n{share:.0%} of the points measured: {right:.3f} of the labels elsewhere are right")
    assert right > 0.93
    logit[~measured] = -99.0
    np.testing.assert_array_equal(word, MapGaps().weigh(logit, measured, STEP))


def test_measured_points_keep_their_own_evidence():
    truth, logit = disc()
    logit *= 3.0  # sure of itself
    measured = strewn(0.2)
    word = MapGaps().weigh(logit, measured, STEP)
    np.testing.assert_array_equal((word > 0)[measured], truth[measured])


def test_without_any_point_nothing_is_claimed():
    _, logit = disc()
    assert not MapGaps().weigh(logit, np.zeros(SHAPE, dtype=bool), STEP).any()


def test_the_first_point_goes_into_the_largest_hole_when_nothing_is_known_of_it():
    known = np.zeros(SHAPE, dtype=bool)
    known[::3, ::3] = True
    known[10:28, 8:24] = False
    [point] = most_gain(np.full(SHAPE, 0.02), known, STEP, 1)
    row, column = divmod(point, SHAPE[1])
    assert 12 <= row < 26
    assert 10 <= column < 22


def test_points_of_a_batch_keep_their_distance_and_still_find_the_doubt():
    chance = np.zeros(SHAPE)
    chance[:, 14:17] = 0.4  # a boundary
    known = strewn(0.1)
    points = most_gain(chance, known, STEP, 10)
    rows, columns = np.divmod(points, SHAPE[1])
    assert not known[rows, columns].any()
    apart = np.hypot(rows[:, None] - rows, columns[:, None] - columns) + 99 * np.eye(10)
    assert apart.min() >= 2.0
    assert (abs(columns - 15) <= 2).mean() >= 0.8


def test_every_unknown_point_can_be_had_once():
    known = strewn(0.5)
    points = most_gain(np.full(SHAPE, 0.1), known, STEP, known.size)
    assert sorted(points) == np.flatnonzero(~known).tolist()
