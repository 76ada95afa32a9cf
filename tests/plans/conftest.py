import math

import pytest

from operando.devices import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.clock import Clock
from support.echo_source import EchoSource


@pytest.fixture
def make_station(tmp_path):
    """Build a station at some speed; its frames tell what they were asked for."""

    def make(speed=math.inf, data_dir=tmp_path):
        source, geometry = EchoSource(), DetectorGeometry()
        return simulated_mapping_station(source, Clock(speed), data_dir, geometry)

    return make


@pytest.fixture
def station(make_station):
    return make_station()


@pytest.fixture
def documents(engine):
    return engine.documents
