import math
import runpy
from pathlib import Path

import pytest

from operando.devices import simulated_mapping_station
from operando.simulations.clock import Clock

ECHO = runpy.run_path(str(Path(__file__).with_name("echo_source.py")))


@pytest.fixture
def source():
    return ECHO["EchoSource"]()


@pytest.fixture
def make_station(source, tmp_path):
    """Build a station at some speed; its frames tell what they were asked for."""

    def make(speed=math.inf):
        return simulated_mapping_station(source, Clock(speed), tmp_path, ECHO["Geometry"]())

    return make


@pytest.fixture
def station(make_station):
    return make_station()
