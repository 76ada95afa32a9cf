"""Kinetic laws: integrals beside quadrature, limits, averages over exposures."""

import numpy as np
import pytest
from scipy.integrate import quad

from operando.physics.kinetic_laws import LAWS, mean_extent

SHAPES = {"n": (0.3, 0.7, 1.0, 2.5, 4.0), "ε": (1e-3, 0.3, 100.0)}
CASES = [
    (law, shape)
    for law in LAWS.values()
    for shape in (SHAPES[law.shape.name] if law.shape else (1.0,))
]


@pytest.mark.parametrize(("law", "shape"), CASES, ids=lambda v: getattr(v, "name", v))
def test_integral_is_that_of_the_curve(law, shape):
    for x in (0.003, 0.4, 0.999, 1.7, 6.0, 15.0):
        wanted, _ = quad(
            lambda u: float(law.extent(u, shape)), 0.0, x, points=[min(1.0, x)], limit=200
        )
        assert float(law.integral(x, shape)) == pytest.approx(wanted, abs=1e-7, rel=1e-6)


@pytest.mark.parametrize(("law", "shape"), CASES, ids=lambda v: getattr(v, "name", v))
def test_extent_rises_from_nothing_to_everything(law, shape):
    x = np.concatenate([[-3.0, 0.0], np.geomspace(1e-6, 1e12, 400)])
    extent = law.extent(x, shape)
    assert (extent[:2] == 0.0).all()
    assert (np.diff(extent) >= -1e-12).all()
    assert extent[-1] == pytest.approx(1.0, abs=1e-9)


def test_autocatalytic_becomes_first_order():
    x = np.linspace(0.0, 8.0, 50)
    wanted = LAWS["first_order"].extent(x)
    assert np.abs(LAWS["autocatalytic"].extent(x, 1e6) - wanted).max() < 1e-5


def test_average_over_a_frame_is_the_average_of_its_parts():
    edges = np.linspace(0.0, 3.0, 7)
    for law, shape in CASES:
        parts = mean_extent(law, edges[:-1], edges[1:], t0=1.2, rate=0.7, shape=shape)
        assert mean_extent(law, 0.0, 3.0, 1.2, 0.7, shape) == pytest.approx(parts.mean(), rel=1e-9)
