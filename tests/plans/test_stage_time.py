"""Times that are promised, beside times that a station takes."""

import pytest

from operando.errors import BadInput
from operando.plans import StageTime, map_adaptive, map_fly, map_raster, stage_time
from operando.plans.grid import MapGrid
from support.countdown_agent import CountdownAgent


def times_of(engine, station):
    found = []

    def read():
        found.append((yield from stage_time(station)))

    engine(read())
    return found[0]


def test_a_station_says_how_fast_it_is(station, engine):
    usual = times_of(engine, station)
    assert (usual.velocity, usual.acceleration, usual.settle) == (1000.0, 20000.0, 0.01)
    assert usual.readout == pytest.approx(0.95e-3)
    station.stage.y.velocity.put(50.0)
    station.stage.x.settle.put(0.2)
    slow = times_of(engine, station)
    assert (slow.velocity, slow.settle) == (50.0, 0.2)


@pytest.mark.parametrize("plan", [map_raster, map_fly])
@pytest.mark.parametrize("exposure", [0.01, 0.2])
def test_a_map_takes_as_long_as_promised(plan, exposure, station, engine):
    times, grid = times_of(engine, station), MapGrid((8, 12), 5.0)
    began = station.clock.now()
    engine(plan(station, shape=grid.shape, step=grid.step, exposure=exposure))
    took = station.clock.now() - began
    promised = (times.raster if plan is map_raster else times.fly)(grid, exposure)
    assert took == pytest.approx(promised, rel=0.05)


def test_scattered_points_take_about_as_long_as_promised(station, engine):
    class Anywhere(CountdownAgent):
        def suggest(self, num_points=None):
            return []  # the plan's even cover

    times, grid = times_of(engine, station), MapGrid((40, 40), 5.0)
    began = station.clock.now()
    engine(
        map_adaptive(
            station, Anywhere(), shape=grid.shape, step=5.0, exposure=0.05, n_points=200, batch=50
        )
    )
    took = station.clock.now() - began
    assert took == pytest.approx(times.scattered(grid, 200, 0.05, batch=50), rel=0.15)


def test_break_even_is_where_both_ways_take_as_long():
    times, grid = StageTime(), MapGrid((95, 80), 2.0)
    for share in (0.14, 0.5):
        even = times.break_even_exposure(grid, share)
        points = round(share * grid.size)
        assert times.scattered(grid, points, even) == pytest.approx(times.fly(grid, even), rel=0.03)
        assert times.scattered(grid, points, 2 * even) < times.fly(grid, 2 * even)
        assert times.scattered(grid, points, even / 2) > times.fly(grid, even / 2)
    assert times.break_even_exposure(grid, 0.14) < times.break_even_exposure(grid, 0.5)


@pytest.mark.parametrize("values", [{"velocity": 0}, {"acceleration": -1}, {"settle": -0.1}])
def test_a_stage_that_cannot_be(values):
    with pytest.raises(BadInput):
        StageTime(**values)
