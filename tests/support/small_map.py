"""A small map of a simulated section, measured by real devices under a real RunEngine."""

import math

from bluesky import RunEngine

from operando.devices.station import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel

SHAPE, STEP = (12, 10), 8.0


class SmallMap:
    """A station with a small section in its beam, and a RunEngine for it."""

    def __init__(self, folder, seed=7, shape=SHAPE, step=STEP):
        self.steel = CorrodedSteel(seed, shape, step)
        geometry = DetectorGeometry()
        source = MapBeamline(self.steel, geometry, seed)
        self.station = simulated_mapping_station(source, Clock(math.inf), folder, geometry)
        self.engine = RunEngine({}, context_managers=[], call_returns_result=False)

    def run(self, plan, *callbacks):
        """Run a plan; return its documents as they were emitted."""
        documents = []
        keep = self.engine.subscribe(lambda name, doc: documents.append((name, doc)))
        tokens = [self.engine.subscribe(callback) for callback in callbacks]
        try:
            self.engine(plan)
        finally:
            for token in (keep, *tokens):
                self.engine.unsubscribe(token)
        return documents
