"""What is chosen for a time, and whether the station then takes that time."""

import math
from dataclasses import replace

import pytest

from operando.errors import BadInput
from operando.plans import StageTime, map_adaptive, map_fly, map_raster, map_two_pass
from operando.plans.budget import choose_plan, usual_choice
from operando.plans.grid import MapGrid
from support.countdown_agent import CountdownAgent

GRID = MapGrid((95, 80), 2.0)


@pytest.mark.parametrize(
    ("seconds", "can_fly", "plan"),
    [
        (20, True, "sparse"),
        (60, True, "sparse"),
        (180, True, "fly"),
        (1200, True, "two-pass"),
        (300, False, "sparse"),
        (3600, False, "raster"),
    ],
)
def test_more_time_buys_more_looks(seconds, can_fly, plan):
    choice = choose_plan(GRID, seconds, StageTime(), can_fly=can_fly)
    assert choice.plan == plan
    assert choice.seconds == pytest.approx(seconds, rel=0.02)
    assert choice.reasons


def test_the_reasons_name_what_sparse_would_have_been():
    text = " ".join(choose_plan(GRID, 1200, StageTime()).reasons)
    assert "sparse is not worth it" in text
    assert "break-even" in text
    assert "two passes" in text


def test_a_slow_stage_makes_sparse_worth_less_and_flying_impossible():
    slow = StageTime(velocity=20.0)
    assert slow.shortest_fly_exposure(GRID) == pytest.approx(0.099, abs=1e-3)
    assert choose_plan(GRID, 600, slow).plan == "sparse"
    quick, lazy = (choose_plan(GRID, 60, StageTime(settle=settle)) for settle in (0.0, 0.5))
    assert quick.n_points > 3 * lazy.n_points


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, 0.01])
def test_no_time_for_anything(seconds):
    with pytest.raises(BadInput):
        choose_plan(GRID, seconds, StageTime())


@pytest.mark.parametrize("plan", ["two-pass", "sparse", "fly", "raster"])
def test_every_plan_spends_the_dose_it_is_given(plan):
    assert usual_choice(plan, 400, 0.05).dose_s == pytest.approx(20.0)


@pytest.mark.parametrize(("seconds", "can_fly"), [(12, True), (35, True), (70, True), (90, False)])
def test_the_station_takes_the_time_that_was_given(seconds, can_fly, station, engine):
    grid = MapGrid((30, 30), 2.0)
    choice = choose_plan(grid, seconds, StageTime(), can_fly=can_fly)
    agent = CountdownAgent()
    agent.suggest = lambda num_points=None: []  # the plan's even cover takes longest
    common = {"shape": grid.shape, "step": grid.step, "exposure": choice.exposure}
    if choice.plan == "two-pass":
        plan = map_two_pass(
            station,
            agent,
            **common,
            revisit_exposure=choice.revisit_exposure,
            n_revisits=choice.n_revisits,
            batch=choice.n_revisits // 4,
        )
    elif choice.plan == "sparse":
        plan = map_adaptive(station, agent, **common, n_points=choice.n_points, seconds=seconds)
    else:
        plan = (map_fly if choice.plan == "fly" else map_raster)(station, **common)
    began = station.clock.now()
    engine(plan)
    took = station.clock.now() - began
    assert took == pytest.approx(seconds, rel=0.08)
    if choice.plan == "sparse":
        assert took <= seconds


def test_what_is_complete_needs_no_other_run():
    choice = replace(usual_choice("two-pass", 10, 0.1), n_revisits=2)
    assert not choice.complete(range(9), 2)
    assert not choice.complete(range(10), 1)
    assert choice.complete(range(10), 2)
