"""When a record is long enough, and what the reason is."""

import numpy as np
import pytest

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_stopping import StopConfig, StopRule
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

PERIOD = 1.0 / 3.0


@pytest.fixture(scope="module")
def summaries():
    """Answers after 20 frames, of which none shows anything, and after each from 23 to 40."""
    noise = AreaNoise(np.eye(2), np.array([np.diag([1.0, 0.15]), np.diag([0.15, 1.0])]))
    random = np.random.default_rng(5)
    start = PERIOD * np.arange(40)
    stop = start + PERIOD - 0.001
    alpha = mean_extent(LAWS["first_order"], start, stop, 7.4461, 0.6192)
    areas, dose = np.stack([1.0 - alpha, alpha], axis=1), 10_260.0 * (stop - start)
    root = np.linalg.cholesky(noise.of(areas) / dose[:, None, None])
    areas += np.einsum("nij,nj->ni", root, random.standard_normal(areas.shape))
    laws = ("first_order", "pseudo_second_order")
    engine = KineticsEngine(KineticsConfig(laws=laws, t0_prior=(0.0, 14.0)), noise)
    answers = []
    for part in (slice(0, 20), slice(20, 23), *(slice(n, n + 1) for n in range(23, 40))):
        engine.add(start[part], stop[part], areas[part], dose[part])
        answers.append(engine.summary())
    return answers


def ended(config, summaries):
    """Frames at which a rule ends the record, and its reason."""
    rule = StopRule(config)
    for index, summary in enumerate(summaries):
        stop, why = rule.decide(summary, earlier=summaries[:index])
        if stop:
            return summary.frames, why
    return None, why


def test_it_stops_at_the_first_frame_at_which_both_widths_are_reached(summaries):
    config = StopConfig(sd_t0=0.03, sd_k=0.024, law="first_order")
    frames, why = ended(config, summaries)
    model = {one.frames: one.models["first_order"] for one in summaries}
    assert model[frames].t0.sd <= 0.03
    assert model[frames].k.sd <= 0.024
    assert model[frames - 1].t0.sd > 0.03 or model[frames - 1].k.sd > 0.024
    assert why.startswith("targets met: sd_t0")


def test_what_is_missing_is_said(summaries):
    frames, why = ended(StopConfig(sd_t0=0.1, sd_k=1e-4), summaries)
    assert frames is None
    assert "sd_k" in why
    assert "sd_t0" not in why


def test_nothing_stops_a_record_in_which_nothing_has_begun(summaries):
    # Whatever the targets and however little the next frame would tell.
    rule = StopRule(StopConfig(sd_t0=1e3, sd_k=1e3, least_gain=10.0))
    stop, why = rule.decide(summaries[0], gain=0.0)
    assert not stop
    assert "begun" in why


def test_a_frame_that_costs_more_than_it_tells_ends_the_record(summaries):
    rule = StopRule(StopConfig(least_gain=0.01))
    assert not rule.decide(summaries[-1], gain=0.02)[0]
    assert not rule.decide(summaries[-1])[0]
    stop, why = rule.decide(summaries[-1], gain=0.002)
    assert stop
    assert "0.002 nat" in why


def test_odds_and_widths_each_end_a_record_or_only_together(summaries):
    last = summaries[-1]
    best, rival = (
        last.models[name].log_evidence for name in ("first_order", "pseudo_second_order")
    )
    reached, missed = np.exp(best - rival) * 0.9, np.exp(best - rival) * 1.1
    either = StopRule(StopConfig(sd_k=1e-4, odds=reached))
    assert either.decide(last)[0]
    both = StopRule(StopConfig(sd_k=1e-4, odds=reached, every=True))
    assert not both.decide(last)[0]
    assert not StopRule(StopConfig(odds=missed)).decide(last)[0]


def test_targets_must_hold_for_as_many_updates_as_asked(summaries):
    once = StopConfig(sd_k=0.024, law="first_order")
    frames, _ = ended(once, summaries)
    later, _ = ended(StopConfig(sd_k=0.024, law="first_order", settled=3), summaries)
    assert later == frames + 2
    alone, why = StopRule(StopConfig(sd_k=0.5, settled=3)).decide(summaries[-1])
    assert not alone
    assert "3 updates" in why


def test_senseless_settings_and_unknown_laws_are_refused(summaries):
    with pytest.raises(BadInput, match="sd_t0"):
        StopConfig(sd_t0=-1.0)
    with pytest.raises(BadInput, match="patience"):
        StopConfig.from_mapping({"patience": 3})
    with pytest.raises(BadInput, match="jander"):
        StopRule(StopConfig(sd_t0=1.0, law="jander")).decide(summaries[-1])
    with pytest.raises(BadInput, match="jander"):
        StopRule(StopConfig(odds=3.0, rivals=("jander",))).decide(summaries[-1])


def test_settings_survive_json():
    config = StopConfig(sd_t0=0.03, rivals=("jander",), every=True, settled=2)
    assert StopConfig.from_mapping(config.to_mapping()) == config
