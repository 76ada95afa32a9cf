"""The next frames by what they tell and cost."""

import numpy as np
import pytest

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_design import DesignConfig, FrameDesign
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_information import (
    expected_sd,
    frame_information,
    predicted_areas,
    targeted_gain,
)
from operando.agents.kinetics_waiting import Cadence, Outlook, expected_log_sd, frames_before
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

NOISE = AreaNoise(np.eye(2), np.array([np.diag([1.0, 0.15]), np.diag([0.15, 1.0])]))
FLUX, PERIOD, T0, RATE = 10_260.0, 1.0 / 3.0, 7.4461, 0.6192
EXPOSURE = PERIOD - 0.001


@pytest.fixture(scope="module")
def watched():
    """Make engines that have seen the first frames of a record, first order alone."""
    random = np.random.default_rng(1)
    start = PERIOD * np.arange(51)
    alpha = mean_extent(LAWS["first_order"], start, start + EXPOSURE, T0, RATE)
    areas, dose = np.stack([1.0 - alpha, alpha], axis=1), np.full(51, FLUX * EXPOSURE)
    root = np.linalg.cholesky(NOISE.of(areas) / dose[:, None, None])
    areas += np.einsum("nij,nj->ni", root, random.standard_normal(areas.shape))

    def make(frames):
        config = KineticsConfig(laws=("first_order",), t0_prior=(0.0, 17.0))
        engine = KineticsEngine(config, NOISE)
        part = slice(0, frames)
        engine.add(start[part], start[part] + EXPOSURE, areas[part], dose[part])
        return engine

    return make


def propose(engine, config, **changes):
    now = len(engine) * PERIOD
    settings = {"now": now, "flux": FLUX, "spent": len(engine) * EXPOSURE, "latest": 17.0}
    return FrameDesign(config, NOISE).propose(engine, engine.summary(), **{**settings, **changes})


def test_information_of_frames_foretells_the_widths_that_the_engine_finds(watched):
    start = PERIOD * np.arange(51)
    for frames in (29, 51):
        answer = watched(frames).summary()
        begin = start[:frames]
        each = frame_information(
            LAWS["first_order"], (T0, RATE, 1.0), (1.0, 1.0), begin, begin + EXPOSURE, NOISE, FLUX
        )
        sd = expected_sd(each.sum(axis=0), (1e-4, 0.25, 0.25, 1.0, 1.0))
        assert answer.t0.sd == pytest.approx(sd[0], rel=0.15)
        assert answer.k.sd == pytest.approx(RATE * sd[1], rel=0.15)


def test_expected_gain_is_the_gain_that_comes(watched):
    before, after = watched(26), watched(32)
    draws = before.samples(2000, 0)
    start = PERIOD * np.arange(26, 32)
    areas = predicted_areas(draws, {"first_order": LAWS["first_order"]}, start, start + EXPOSURE)
    wanted = np.stack([draws.t0, np.log(draws.rate)], axis=1)
    gain = targeted_gain(wanted, areas, NOISE, np.full(6, FLUX * EXPOSURE))
    volumes = []
    for engine in (before, after):
        draws = engine.samples(4000, 0)
        volumes.append(np.linalg.slogdet(np.cov(draws.t0, np.log(draws.rate)))[1] / 2.0)
    # The mean over what may come; one record differs a little.
    assert gain == pytest.approx(volumes[0] - volumes[1], abs=0.35)
    assert gain > 0.3


def test_the_shutter_closes_where_nothing_is_to_be_learnt(watched):
    config = DesignConfig(exposures=(EXPOSURE,), frame_cost=0.0)
    early, late = propose(watched(27), config), propose(watched(51), config)
    assert early.open
    assert early.num >= 3
    assert early.per_frame > 0.03
    assert not late.open
    assert late.per_frame < 0.5 * early.per_frame
    assert late.interval == config.horizon
    cheap = propose(watched(51), DesignConfig(exposure_cost=1e-4, frame_cost=1e-5))
    assert cheap.open


def test_nothing_but_frames_without_a_gap_while_the_engine_locks_on(watched):
    engine = watched(23)
    assert 0.05 < engine.summary().p_begun < 0.99 or engine.summary().locking_on
    found = propose(engine, DesignConfig())
    assert found.open
    assert found.interval == pytest.approx(found.exposure + DesignConfig().dead_time)
    assert found.per_frame is None


def test_the_dose_limit_holds(watched):
    engine = watched(27)
    closed = propose(engine, DesignConfig(dose_limit=27 * EXPOSURE + 0.01))
    assert not closed.open
    assert "dose limit" in closed.reason
    left = propose(engine, DesignConfig(dose_limit=27 * EXPOSURE + 0.2, horizon=1.0))
    assert 0.0 < left.num * left.exposure <= 0.2 + 1e-9


def test_waiting_keeps_a_share_of_the_dose_for_the_process(watched):
    engine = watched(18)
    spent = 18 * EXPOSURE
    plenty = propose(engine, DesignConfig(dose_limit=10.0 * spent))
    short = propose(engine, DesignConfig(dose_limit=1.5 * spent))
    assert plenty.num == short.num == 1
    assert short.exposure / short.interval < plenty.exposure / plenty.interval
    assert "kept" in short.reason
    last = propose(engine, DesignConfig(dose_limit=spent + 0.05))
    assert last.exposure <= 0.05


def test_waiting_with_gaps_makes_the_onset_less_sharp_and_costs_decide():
    def width(exposure, period):
        return expected_log_sd(Cadence(exposure, period), Outlook(), NOISE, FLUX, 2.0, 8.0)

    assert width(0.33, 0.66) > width(0.33, 0.331) + 0.1
    assert width(1.0, 1.001) > width(0.33, 0.331)
    dear = FrameDesign(DesignConfig(exposure_cost=5.0), NOISE).waiting(2.0, FLUX, 8.0)
    cheap = FrameDesign(DesignConfig(exposure_cost=1e-4), NOISE).waiting(2.0, FLUX, 8.0)
    assert dear.exposure / dear.period < cheap.exposure / cheap.period


def test_few_frames_are_worth_taking_before_the_valve_opens():
    dear, cheap = (
        frames_before(Outlook(), NOISE, FLUX, exposure=EXPOSURE, least_gain=cost)
        for cost in (0.01, 0.001)
    )
    assert 1 <= dear < cheap < 25


def test_senseless_settings_are_refused_and_sensible_ones_survive_json():
    for wrong in ({"exposures": ()}, {"horizon": 0.0}, {"wanted": ("n",)}, {"draws": 3}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            DesignConfig(**wrong)
    with pytest.raises(BadInput, match="speed"):
        DesignConfig.from_mapping({"speed": 1})
    with pytest.raises(BadInput, match="no law"):
        Outlook(law="none")
    config = DesignConfig(wanted=("t0",), outlook=Outlook(rates=(0.5,)))
    assert DesignConfig.from_mapping(config.to_mapping()) == config
