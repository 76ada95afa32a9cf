"""The next condition of a series of runs."""

from dataclasses import replace

import numpy as np
import pytest

from operando.agents.arrhenius import (
    GAS_CONSTANT,
    ArrheniusPrior,
    Condition,
    RunRate,
    fit_arrhenius,
)
from operando.agents.kinetics_conditions import (
    RunFrames,
    next_for_law,
    next_for_slope,
    separation,
)
from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

NOISE = AreaNoise(np.eye(2), np.array([np.diag([1.0, 0.15]), np.diag([0.15, 1.0])]))
FRAMES = RunFrames.fixed(NOISE, 10_260.0, exposure=1.0 / 3.0, before=4.0, after=12.0)
ENERGY, ORDER = 35e3, 0.7


def rate_at(condition):
    apart = 1.0 / condition.temperature - 1.0 / 273.0
    return 0.6 * np.exp(-ENERGY / GAS_CONSTANT * apart) * condition.pressure**ORDER


def runs(conditions, seed, share=0.02):
    random = np.random.default_rng(seed)
    return [
        RunRate(
            one,
            rate_at(one) * np.exp(share * random.standard_normal()),
            share * rate_at(one),
        )
        for one in conditions
    ]


def test_energy_and_order_are_found_with_an_honest_uncertainty():
    conditions = [Condition(t, p) for t in (253.0, 273.0, 293.0) for p in (0.5, 2.0)]
    apart = []
    for seed in range(40):
        fit = fit_arrhenius(runs(conditions, seed))
        assert fit.chi_square < 25.0
        apart.append([(fit.energy[0] - ENERGY) / fit.energy[1]])
        apart[-1].append((fit.order[0] - ORDER) / fit.order[1])
    # Standard deviations of 40 normal deviates: 1 within three standard errors.
    np.testing.assert_allclose(np.std(apart, axis=0), 1.0, atol=0.34)


def test_runs_that_scatter_more_than_they_say_show_in_chi_square():
    conditions = [Condition(t) for t in np.linspace(240.0, 310.0, 8)]
    told = [replace(run, sd=run.sd / 10.0) for run in runs(conditions, 3)]
    assert fit_arrhenius(told).chi_square > 100.0
    scattered = fit_arrhenius(told, ArrheniusPrior(scatter=0.02))
    assert scattered.chi_square < 30.0
    assert scattered.energy[1] > 3.0 * fit_arrhenius(told).energy[1]


def test_the_next_run_goes_far_off_but_not_where_it_is_over_within_a_frame():
    fit = fit_arrhenius(runs([Condition(273.0), Condition(283.0)], 1))
    candidates = [Condition(t) for t in (213.0, 233.0, 253.0, 273.0, 293.0, 353.0, 413.0)]
    found = next_for_slope(fit, candidates, FRAMES)
    assert abs(found.best.temperature - 278.0) >= 25.0
    # At 413 K, 139 K from the runs, the process takes less than a frame.
    assert found.worth[-1] < max(found.worth) - 0.5
    assert found.worth[3] < 0.5
    # The promise is kept: the run there brings the width that was foretold.
    rate = rate_at(found.best)
    width = FRAMES.log_rate_sd(LAWS["first_order"], rate) * rate
    again = fit_arrhenius(
        [*runs([Condition(273.0), Condition(283.0)], 1), RunRate(found.best, rate, width)]
    )
    foretold = fit.energy[1] * np.exp(-max(found.worth))
    assert again.energy[1] == pytest.approx(foretold, rel=0.3)


def test_separation_is_none_from_a_law_that_contains_the_true_one():
    true = LAWS["first_order"]
    assert separation(true, 0.6, 1.0, LAWS["avrami"], FRAMES) < 1e-3
    assert separation(true, 0.6, 1.0, LAWS["pseudo_second_order"], FRAMES) > 20.0


def test_laws_are_told_apart_where_the_curve_fits_the_frames():
    start = np.arange(-4.0, 1.5, 1.0 / 3.0)
    stop = start + 1.0 / 3.0
    alpha = mean_extent(LAWS["first_order"], start, stop, 0.0, 0.6)
    laws = ("first_order", "pseudo_second_order")
    engine = KineticsEngine(KineticsConfig(laws=laws), NOISE)
    engine.add(start, stop, np.stack([1 - alpha, alpha], axis=1), 10_260.0 * (stop - start))
    summary = engine.summary()
    at = Condition(273.0)
    fit = fit_arrhenius(runs([at, Condition(293.0)], 2))
    candidates = [Condition(t) for t in (223.0, 263.0, 373.0)]
    found = next_for_law(summary, at, fit, candidates, FRAMES)
    assert found.best == candidates[1]
    assert min(found.worth) >= 0.0
    alone = replace(summary, models={"first_order": summary.models["first_order"]})
    with pytest.raises(BadInput, match="nothing to tell apart"):
        next_for_law(alone, at, fit, candidates, FRAMES)


def test_senseless_conditions_are_refused():
    with pytest.raises(BadInput, match="temperature"):
        Condition(-3.0)
    with pytest.raises(BadInput, match="rate"):
        RunRate(Condition(273.0), 0.0, 1.0)
    with pytest.raises(BadInput, match="one run"):
        fit_arrhenius([])
    with pytest.raises(BadInput, match="frames"):
        RunFrames.fixed(NOISE, 1.0, exposure=10.0, before=4.0, after=12.0)
