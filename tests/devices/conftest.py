import math

import pytest

from operando.devices import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.clock import Clock
from support.echo_source import EchoSource


@pytest.fixture
def source():
    return EchoSource()


@pytest.fixture
def make_station(source, tmp_path):
    """Build a station at some speed; its frames tell what they were asked for."""

    def make(speed=math.inf):
        return simulated_mapping_station(source, Clock(speed), tmp_path, DetectorGeometry())

    return make


@pytest.fixture
def station(make_station):
    return make_station()
