"""Plateaus known before they are reached."""

import numpy as np
import pytest

from operando.agents.relaxation import RelaxationConfig, RestRule, fit_relaxation
from operando.errors import BadInput

SIGMA, PLATEAU = 1e-4, 3.7


def rest(curve, duration, seed, change=0.02):
    """Voltage once a second for so many seconds."""
    time = np.arange(1.0, duration)
    noise = SIGMA * np.random.default_rng(seed).standard_normal(time.size)
    return time, PLATEAU + change * curve(time) + noise


def root(time):
    return np.sqrt(1.0 + time / 40.0) - np.sqrt(time / 40.0)


def two(time):
    return 0.5 * np.exp(-time / 40.0) + 0.5 * np.exp(-time / 240.0)


@pytest.mark.parametrize("curve", [root, two], ids=["square root", "two rates"])
def test_the_plateau_lies_where_its_uncertainty_says(curve):
    apart = []
    for seed in range(8):
        known = fit_relaxation(*rest(curve, 600, seed))
        apart.append((known.plateau - PLATEAU) / known.plateau_sd)
    # Eight draws of about a normal deviate.
    assert np.max(np.abs(apart)) < 3.5
    assert np.sqrt(np.mean(np.square(apart))) < 1.7


def test_more_rest_makes_the_plateau_better_known():
    widths = [
        fit_relaxation(*rest(lambda t: np.exp(-t / 60.0), duration, 1)).plateau_sd
        for duration in (60, 200, 600)
    ]
    assert widths[0] > 5.0 * widths[1] > 25.0 * widths[2]


def test_a_rest_ends_when_the_plateau_is_known_and_not_before():
    rule = RestRule(RelaxationConfig(target=3e-4))
    time, value = rest(root, 1200, 3)
    decisions = {n: rule.decide(time[:n], value[:n]) for n in (20, 60, 1199)}
    assert not decisions[20][0]
    assert "too early" in decisions[20][1]
    assert not decisions[60][0]
    assert "wanted" in decisions[60][1]
    stop, why = decisions[1199]
    assert stop
    assert "is known" in why
    # What is left of the change is more than the target: nothing but the fit could know.
    assert abs(value[-1] - PLATEAU) > 1e-3


def test_a_drift_that_no_law_describes_does_not_end_a_rest():
    time, value = rest(lambda t: np.exp(-t / 30.0), 600, 5)
    wavy = value + 5e-4 * np.sin(time / 50.0)
    stop, why = RestRule(RelaxationConfig(target=1.0)).decide(time, wavy)
    assert not stop
    assert "no law fits" in why


def test_a_reflection_that_moves_the_other_way_in_another_unit():
    time, value = rest(lambda t: np.exp(-t / 60.0), 600, 7, change=-0.02)
    known = fit_relaxation(time, 18.0 + 100.0 * (value - PLATEAU), RelaxationConfig(reach=10.0))
    assert abs(known.plateau - 18.0) < 4.0 * known.plateau_sd < 0.02


def test_what_is_no_relaxation_is_refused():
    time, value = rest(root, 100, 0)
    with pytest.raises(BadInput, match="rise"):
        fit_relaxation(time[::-1], value)
    with pytest.raises(BadInput, match="finite"):
        fit_relaxation(time, value * np.nan)
    with pytest.raises(BadInput, match="16 times"):
        fit_relaxation(time[:5], value[:5])
    with pytest.raises(BadInput, match="target"):
        RelaxationConfig(target=0.0)
