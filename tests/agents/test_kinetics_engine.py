"""The kinetic engine on frames with known onset and rate."""

import numpy as np
import pytest

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

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
