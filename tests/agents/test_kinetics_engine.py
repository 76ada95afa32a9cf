"""The kinetic engine on frames with known onset and rate."""

import numpy as np
import pytest

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_engine import LEAST, LONGEST, KineticsEngine
from operando.agents.kinetics_history import History
from operando.agents.kinetics_lattice import accumulate
from operando.agents.kinetics_marginal import Marginal
from operando.agents.kinetics_observation import AreaObservation, Prior
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, KineticLaw, mean_extent

NOISE = AreaNoise(4e-5 * np.eye(2), 1e-4 * np.array([np.diag([3.0, 0.5]), np.diag([0.5, 3.0])]))


def frames(seed, law="first_order", t0=7.4461, k=0.6192, shape=1.0, end=17.0, period=1 / 3):
    """Frames with the noise that the model predicts: start, stop, areas, dose."""
    random = np.random.default_rng(seed)
    start = np.arange(0.0, end - period + 1e-9, period)
    stop = start + 0.99 * period
    alpha = mean_extent(LAWS[law], start, stop, t0, k, shape)
    dose = stop - start
    areas = np.stack([1.0 - alpha, alpha], axis=1)
    root = np.linalg.cholesky(NOISE.of(areas) / dose[:, None, None])
    areas += np.einsum("nij,nj->ni", root, random.standard_normal(areas.shape))
    return start, stop, areas, dose


def test_onset_rate_and_law_of_a_whole_record():
    engine = KineticsEngine(KineticsConfig(valve_time=5.0), NOISE)
    engine.add(*frames(3))
    answer = engine.summary()
    assert abs(answer.t0.mean - 7.4461) < 3.0 * answer.t0.sd < 0.3
    assert abs(answer.k.mean - 0.6192) < 3.0 * answer.k.sd < 0.2
    assert answer.p_begun > 0.999
    assert answer.p_t0_before < 1e-6
    assert answer.p_t0_at_ts < 1e-6
    assert sum(m.probability for m in answer.models.values()) == pytest.approx(1.0)
    assert answer.models["pseudo_second_order"].probability < 0.01
    assert answer.models["jander"].probability < 0.01


def test_frames_that_make_no_sense_are_refused():
    engine = KineticsEngine(KineticsConfig(), NOISE)
    start, stop, areas, dose = frames(0)
    with pytest.raises(BadInput, match="no frames yet"):
        engine.summary()
    with pytest.raises(BadInput, match="order of time"):
        engine.add(start[::-1], stop[::-1], areas, dose)
    with pytest.raises(BadInput, match="not a finite"):
        engine.add(start, stop, areas * np.nan, dose)
    assert len(engine) == 0


@pytest.fixture(scope="module")
def streamed():
    """One record taken in frame by frame, with the answer after each frame."""
    engine = KineticsEngine(KineticsConfig(), NOISE)
    data = frames(3)
    answers = []
    for index in range(len(data[0])):
        engine.add(*(column[index : index + 1] for column in data))
        answers.append(engine.summary())
    return engine, data, answers


def test_stream_and_whole_record_agree(streamed):
    _, data, answers = streamed
    whole = KineticsEngine(KineticsConfig(), NOISE, whole=True)
    whole.add(*data)
    one, two = answers[-1], whole.summary()
    for name, model in one.models.items():
        other = two.models[name]
        assert abs(model.t0.mean - other.t0.mean) < 0.1 * other.t0.sd
        assert abs(model.k.mean - other.k.mean) < 0.1 * other.k.sd
        assert model.t0.sd == pytest.approx(other.t0.sd, rel=0.1)
        assert model.probability == pytest.approx(other.probability, abs=0.03)


def test_every_frame_recomputed_by_another_quadrature_agrees(streamed):
    engine, _, answers = streamed
    for name, check in engine.check().items():
        model = answers[-1].models[name]
        assert model.log_evidence == pytest.approx(check.log_evidence, abs=0.02)
        assert abs(model.t0.mean - check.t0[0]) < 0.02 * check.t0[1]
        assert model.k.sd == pytest.approx(check.k[1], rel=0.02)


def test_nothing_is_claimed_before_the_onset(streamed):
    _, (_, stop, _, _), answers = streamed
    before = [answer for answer, end in zip(answers, stop, strict=True) if end < 7.4]
    assert max(answer.p_begun for answer in before) < 0.99
    assert answers[-1].p_begun > 0.9999
    assert not answers[-1].locking_on
    assert any(answer.locking_on for answer in answers)


def test_a_checkpoint_goes_on_as_if_nothing_had_happened(streamed):
    _, data, _ = streamed
    first = KineticsEngine(KineticsConfig(), NOISE)
    for index in range(36):
        first.add(*(column[index : index + 1] for column in data))
    second = KineticsEngine(KineticsConfig(), NOISE)
    second.restore(first.state())
    assert second.summary() == first.summary()
    for engine in (first, second):
        engine.add(*(column[36:40] for column in data))
    assert second.summary() == first.summary()


def test_noise_without_process_is_no_onset():
    start, stop, areas, dose = frames(5, t0=40.0)
    engine = KineticsEngine(KineticsConfig(laws=("first_order",)), NOISE)
    engine.add(start, stop, areas, dose)
    assert engine.summary().p_begun < 0.5


def test_valve_as_prior_keeps_the_onset_after_it():
    config = KineticsConfig(laws=("first_order",), valve_time=7.6, valve_prior=True)
    engine = KineticsEngine(config, NOISE)
    data = frames(3)
    engine.add(*(column[:9] for column in data))
    assert engine.summary().p_begun == 0.0  # the valve has not opened yet
    engine.add(*(column[9:] for column in data))
    assert engine.summary().t0.quantiles[0] >= 7.6


def test_long_frames_average_over_their_exposure():
    """Frames of 1 s: the onset is right; with α at mid-frame it is many sds off."""
    config = KineticsConfig(laws=("first_order",))
    for seed in range(2):
        start, stop, areas, dose = frames(seed, t0=7.7, k=1.5, period=1.0)
        middle = (start + stop) / 2.0
        off = []
        for begin, end in ((start, stop), (middle - 1e-3, middle + 1e-3)):
            engine = KineticsEngine(config, NOISE)
            engine.add(begin, end, areas, dose)
            t0 = engine.summary().t0
            off.append(abs(t0.mean - 7.7) / t0.sd)
        assert off[0] < 3.0
        assert off[1] > 10.0


def test_a_law_of_ones_own():
    stretched = KineticLaw(
        "half_order",
        "half order",
        "dα/dt = k (1 - α)^1/2",
        None,
        lambda x, _: 1.0 - (1.0 - np.minimum(x, 2.0) / 2.0) ** 2,
        lambda x, _: x - 2.0 / 3.0 * (1.0 - (1.0 - np.minimum(x, 2.0) / 2.0) ** 3),
    )
    config = KineticsConfig(laws=("first_order", "half_order"))
    engine = KineticsEngine(config, NOISE, own_laws=[stretched], whole=True)
    engine.add(*frames(1))
    answer = engine.summary()
    assert answer.best == "first_order"
    assert answer.models["half_order"].probability < 0.01


def test_mass_in_one_point_is_still_an_estimate():
    estimate = Marginal.of(np.full(5, 1234.5), np.full(5, 0.2)).estimate()
    assert estimate.mean == pytest.approx(1234.5)
    assert estimate.quantiles == pytest.approx([1234.5] * 5)


def test_quantiles_of_a_skewed_parameter_keep_its_long_tail():
    """Gamma of shape 4 in v on a lattice as coarse as a stream's: skewness 1."""
    x = np.arange(0.05, 20.0, 0.95 * 2.0)
    told = Marginal.of(x, x**3 * np.exp(-x), 0.95).estimate().quantiles
    assert told == pytest.approx((1.090, 2.093, 3.672, 5.904, 8.767), abs=0.15)


def test_a_mixture_has_the_moments_and_quantiles_of_its_parts():
    x = np.arange(-5.0, 5.1, 0.5)
    weights = np.exp(-0.5 * x**2)
    one, two = Marginal.of(x, weights, 0.5), Marginal.of(6.0 + 0.1 * x, weights, 0.5)
    both = Marginal.mixed([one, two], np.array([0.4, 0.6])).estimate()
    assert both.mean == pytest.approx(3.6, abs=0.01)
    assert both.sd == pytest.approx(np.sqrt(0.4 + 0.006 + 0.24 * 36.0), rel=0.01)
    assert both.quantiles[1] == pytest.approx(-0.253, abs=0.02)
    assert both.quantiles[3] == pytest.approx(6.062, abs=0.01)


def test_merged_frames_say_of_every_curve_what_single_ones_say():
    """300 Hz, a thousand frames after the onset: log likelihoods, which noise must not scatter."""
    start, stop, areas, dose = frames(7, period=1.0 / 300.0, t0=5.0, end=9.0)
    history = History()
    history.add(start, stop, areas, dose)
    merged = history.bins(4.9, 5.1, 0.03)
    assert len(merged.count) < 0.2 * len(start)
    assert merged.frames == len(start)
    points = np.array([[t0, k, 1.0] for t0 in (4.9, 5.0, 5.1) for k in (0.55, 0.62, 0.7)])
    observation = AreaObservation(NOISE)
    values = [
        Prior((1.0, 1.0), (1.0, 1.0)).integrate(
            accumulate(LAWS["first_order"], points, bins, observation)
        )
        for bins in (merged, history.frames())
    ]
    assert values[0].log_likelihood == pytest.approx(values[1].log_likelihood, abs=0.05)


def test_frames_are_gathered_for_longer_while_much_is_built_anew():
    engine = KineticsEngine(KineticsConfig(laws=("first_order", "jander")), NOISE)
    data = frames(3, period=0.01, end=9.0)
    paces = []
    for first in range(0, len(data[0]), 10):
        engine.add(*(column[first : first + 10] for column in data))
        paces.append(engine.pace)
    assert set(paces[:70]) == {LEAST}
    assert LEAST < max(paces) <= LONGEST
    assert np.mean(paces[-10:]) < 0.5 * LONGEST


def mirrored(areas):
    return np.stack([areas[:, 0], -areas[:, 1]], axis=1)


BELIEVED_WRONGLY = {
    "empty and loaded exchanged": ({}, lambda areas: areas[:, ::-1], "wrong sign"),
    "loaded area falls": ({}, mirrored, "wrong sign"),
    "long before the record": ({"t0": -30.0, "k": 0.3}, lambda areas: areas, "first frame"),
    "neither empty nor loaded": ({}, lambda areas: 0.0 * areas + 0.5, "no law describes"),
    "drift of both": ({}, lambda areas: areas + np.linspace(0, 1, len(areas))[:, None], "no law"),
}


@pytest.mark.parametrize("case", BELIEVED_WRONGLY)
def test_an_onset_that_means_nothing_is_doubted_in_words(case):
    """Each would otherwise give an onset that is sharp and wrong."""
    settings, change, words = BELIEVED_WRONGLY[case]
    start, stop, areas, dose = frames(3, **settings)
    engine = KineticsEngine(KineticsConfig(laws=("first_order", "jander")), NOISE)
    engine.add(start, stop, change(areas), dose)
    answer = engine.summary()
    assert answer.p_begun > 0.9
    assert words in answer.doubt


def test_an_onset_that_is_right_is_not_doubted(streamed):
    _, _, answers = streamed
    assert not any(answer.doubt for answer in answers)


def test_three_frames_and_records_without_onset_claim_nothing():
    for data in (tuple(column[:3] for column in frames(3)), frames(3, t0=30.0)):
        engine = KineticsEngine(KineticsConfig(laws=("first_order", "jander")), NOISE)
        engine.add(*data)
        assert engine.summary().p_begun < 0.5
