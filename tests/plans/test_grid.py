import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.errors import BadInput
from operando.plans.grid import MapGrid, route

grids = st.builds(
    MapGrid,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.floats(0.1, 50.0),
    st.tuples(st.floats(-500.0, 500.0), st.floats(-500.0, 500.0)),
)


def travel(x, y, start):
    way = itertools.pairwise([start, *zip(x, y, strict=True)])
    return sum(max(abs(b[0] - a[0]), abs(b[1] - a[1])) for a, b in way)


@given(grids)
def test_every_order_visits_every_point_once(grid):
    everything = set(range(grid.size))
    assert sorted(grid.serpentine()) == sorted(everything)
    assert set(grid.space_filling(3)) == everything
    assert len(list(grid.space_filling(3))) == grid.size


@given(grids)
def test_a_position_finds_its_point_again(grid):
    for index in range(grid.size):
        assert grid.nearest(*grid.position(index)) == index
    x, y = grid.position(grid.size - 1)
    assert grid.nearest(x + 0.51 * grid.step, y) == -1
    assert grid.nearest(float("nan"), y) == -1


@given(grids)
def test_lines_are_the_serpentine(grid):
    flown = []
    for line in grid.lines():
        for x in np.linspace(line["x_start"], line["x_stop"], line["num"]):
            flown.append(grid.nearest(x, line["y"]))
    assert flown == grid.serpentine().tolist()


def test_a_few_points_of_the_space_filling_order_cover_the_map():
    grid = MapGrid((40, 50), 2.0)
    few = [grid.position(k) for k in itertools.islice(grid.space_filling(1), 50)]
    furthest = max(
        min(max(abs(px - x), abs(py - y)) for x, y in few)
        for px, py in (grid.position(k) for k in range(grid.size))
    )
    assert furthest < 2.5 * np.sqrt(grid.size / 50)  # step 2 um: a little over the ideal spacing


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_a_route_visits_everything_and_is_no_longer_than_the_order_given(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 100, (2, n))
    order = route(x, y, (0.0, 0.0))
    assert sorted(order) == list(range(n))
    if n > 10:
        assert travel(x[order], y[order], (0.0, 0.0)) < travel(x, y, (0.0, 0.0))


def test_a_route_through_a_line_does_not_turn_back():
    x = np.array([9.0, 1.0, 5.0, 3.0, 7.0])
    order = route(x, np.zeros(5), (0.0, 0.0))
    assert x[order].tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]


@pytest.mark.parametrize("shape", [(0, 5), (5, -1), (5,)])
def test_maps_that_are_none_are_refused(shape):
    with pytest.raises(BadInput, match="at least one row"):
        MapGrid(shape, 2.0)
    with pytest.raises(BadInput, match="step of a map must be positive"):
        MapGrid((5, 5), 0.0)
