import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyFAI.detectors import Detector
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from operando.errors import BadInput
from operando.physics.geometry import DetectorGeometry


def pyfai(geometry):
    """The same detector as pyFAI sees it."""
    detector = Detector(geometry.pixel_size, geometry.pixel_size, max_shape=geometry.shape)
    return AzimuthalIntegrator(*geometry.poni(), detector=detector)


geometries = st.builds(
    DetectorGeometry,
    distance=st.floats(0.05, 2.0),
    two_theta_arm=st.floats(0.0, 120.0),
    pixel_size=st.sampled_from([55e-6, 75e-6, 172e-6]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 60)),
)


def test_two_theta_of_the_station_equals_pyfai():
    geometry = DetectorGeometry()
    theirs = np.degrees(pyfai(geometry).center_array(geometry.shape, unit="2th_rad"))
    np.testing.assert_allclose(geometry.two_theta(), theirs, atol=1e-6, rtol=0)


@given(geometries)
@settings(max_examples=50, deadline=None)
def test_two_theta_equals_pyfai_wherever_the_detector_stands(geometry):
    theirs = np.degrees(pyfai(geometry).center_array(geometry.shape, unit="2th_rad"))
    np.testing.assert_allclose(geometry.two_theta(), theirs, atol=1e-6, rtol=0)


@given(geometries)
@settings(max_examples=25, deadline=None)
def test_solid_angle_equals_pyfai(geometry):
    theirs = pyfai(geometry).solidAngleArray(geometry.shape)
    np.testing.assert_allclose(geometry.solid_angle(), theirs, rtol=1e-6)


def test_azimuth_equals_pyfai():
    geometry = DetectorGeometry()
    theirs = np.degrees(pyfai(geometry).center_array(geometry.shape, unit="chi_rad"))
    np.testing.assert_allclose(geometry.azimuth(), theirs, atol=1e-6)


def test_the_station_sees_what_the_design_says():
    """Two-theta from 9.72° to 40.28° along the middle row, 0.060-0.064° a pixel."""
    two_theta = DetectorGeometry().two_theta()
    middle = two_theta[97]
    assert two_theta.shape == (195, 487)
    assert middle[0] == pytest.approx(9.72, abs=0.04)
    assert middle[-1] == pytest.approx(40.28, abs=0.04)
    assert middle[243] == pytest.approx(25.0, abs=1e-9)
    step = np.diff(middle)
    assert 0.059 < step.min() < step.max() < 0.065
    # A ring bends: off the middle row a column sees a larger angle.
    assert two_theta[0, 0] > middle[0] + 0.5


@pytest.mark.parametrize(
    "options",
    [
        {"distance": 0.0},
        {"distance": float("nan")},
        {"pixel_size": -1e-6},
        {"shape": (0, 487)},
        {"two_theta_arm": -1.0},
        {"two_theta_arm": 181.0},
        {"two_theta_arm": float("nan")},
    ],
)
def test_impossible_detectors_are_refused(options):
    with pytest.raises(BadInput):
        DetectorGeometry(**options)
