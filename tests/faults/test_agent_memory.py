"""An agent that follows run after run does not grow, and one that is stuck is bounded."""

import gc
import logging
import math
import os
import threading
import tracemalloc
from collections import Counter
from contextlib import nullcontext

import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus

from operando.agents.base import DocumentWorker
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.physics.geometry import DetectorGeometry
from operando.plans import map_two_pass
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from support.faulty_devices import Fault, faulty_station

SHAPE = (3, 4)
MAP = {"shape": SHAPE, "step": 8.0, "exposure": 0.05, "revisit_exposure": 0.1, "n_revisits": 3}


def kept():
    """What is alive of the agent's own objects, by type; open files; threads."""
    gc.collect()
    own = Counter(
        type(thing).__qualname__
        for thing in gc.get_objects()
        if str(type(thing).__module__).startswith("operando.agents")
    )
    return own, len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="files are counted in /proc")
def test_run_after_run_leaves_nothing_behind(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "bluesky")  # what is logged of a failure keeps its frames
    source = MapBeamline(CorrodedSteel(7, SHAPE, 8.0), DetectorGeometry(), 7)
    agent = PhaseMappingAgent()
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    engine.subscribe(agent)
    before, found = kept()[0], []
    for k in range(9):
        # A run in three fails half-way, and the agent must let go of it as well.
        fault = Fault("one less", at=3 if k % 3 == 0 else ())
        station = faulty_station(source, Clock(math.inf), tmp_path, detector=fault)
        with pytest.raises(FailedStatus) if k % 3 == 0 else nullcontext():
            engine(map_two_pass(station, agent, **MAP))
        agent.drain()
        if k in (2, 8):
            found.append(kept())
    agent.close()
    (own, files, threads), (more, more_files, more_threads) = found
    assert own["MapMemory"] - before["MapMemory"] == 1
    assert more == own
    assert more_files <= files
    assert more_threads <= threads


def test_documents_for_a_stuck_agent_are_dropped_when_there_are_too_many(caplog):
    gate = threading.Event()
    worker = DocumentWorker(lambda *_: gate.wait(30), "stuck", size=50)
    tracemalloc.start()
    try:
        for n in range(60):
            worker.put("event", {"n": n})
        before = tracemalloc.get_traced_memory()[0]
        for n in range(20_000):
            worker.put("event", {"n": n})
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gate.set()
        worker.close()
    assert "documents behind" in caplog.text
    assert grown < 1_000_000  # all of them would take five times that
