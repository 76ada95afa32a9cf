import math

import pytest
from bluesky import RunEngine

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
def engine():
    """A RunEngine that keeps its documents and leaves Ctrl-C to pytest."""
    run_engine = RunEngine({}, context_managers=[], call_returns_result=False)
    run_engine.documents = []
    run_engine.subscribe(lambda name, doc: run_engine.documents.append((name, dict(doc))))
    yield run_engine
    if run_engine.state != "idle":
        run_engine.halt()


@pytest.fixture
def documents(engine):
    return engine.documents
