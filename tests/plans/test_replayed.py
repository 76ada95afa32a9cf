"""What an agent decided while it measured, it decides again from the documents alone."""

import math
import threading

import pytest
from bluesky.utils import RunEngineInterrupted

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.devices import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.plans import Progress, lineage, map_adaptive, map_two_pass
from operando.replaying import rebuild, replay_run
from operando.replaying.comparing import compare
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel

SHAPE, STEP = (12, 10), 8.0
TWO_PASS = {"exposure": 0.02, "revisit_exposure": 0.1, "n_revisits": 40, "batch": 10}


@pytest.fixture
def make(tmp_path):
    """Build a station of some speed."""

    def make(speed=math.inf):
        geometry = DetectorGeometry()
        source = MapBeamline(CorrodedSteel(6, SHAPE, STEP), geometry, 6)
        return simulated_mapping_station(source, Clock(speed), tmp_path, geometry)

    return make


@pytest.fixture
def agents():
    made = []

    def new(spec=None):
        made.append(PhaseMappingAgent() if spec is None else rebuild(spec))
        return made[-1]

    yield new
    for agent in made:
        agent.close()


def replayed(agents, documents, earlier=()):
    agent = agents(documents[0][1]["agent"])
    for name, doc in earlier:
        agent(name, doc)
    return replay_run(documents, agent)


@pytest.mark.parametrize("lookahead", [0, 3])
@pytest.mark.parametrize("speed", [20.0, math.inf])
def test_a_sparse_map(lookahead, speed, make, agents, engine, documents):
    agent = agents()
    engine.subscribe(agent)
    plan = map_adaptive(
        make(speed),
        agent,
        shape=SHAPE,
        step=STEP,
        exposure=0.1,
        n_points=70,
        first=48,
        batch=8,
        lookahead=lookahead,
    )
    engine(plan)
    result = replayed(agents, list(documents))
    assert (result.compared, result.first_difference) == (22, None)


def test_a_map_that_was_aborted_and_its_completion(make, agents, engine, documents):
    agent = agents()
    common = {"shape": SHAPE, "step": STEP, "lookahead": 4, **TWO_PASS}
    seen = []

    def stop(name, doc):
        if name != "event" or "decision_point" not in doc["data"]:
            return
        seen.append(doc)
        if len(seen) == 17:
            threading.Thread(target=engine.request_pause).start()

    tokens = [engine.subscribe(agent), engine.subscribe(stop)]
    with pytest.raises(RunEngineInterrupted):
        engine(map_two_pass(make(10.0), agent, **common))
    engine.abort("enough")
    first = list(documents)
    documents.clear()
    for token in tokens:
        engine.unsubscribe(token)
    progress = Progress.of(first)
    assert 10 < progress.revisits < 40

    other = agents()
    for name, doc in first:
        other(name, doc)
    engine.subscribe(other)
    engine(map_two_pass(make(), other, **common, resume=progress))
    second = list(documents)
    assert Progress.of([*first, *second]).revisits == 40
    visits = other.memory().visits
    assert (visits.sum(), visits.max()) == (160, 2)

    runs = {run[0][1]["uid"]: run for run in (first, second)}
    assert lineage(runs.__getitem__, second[0][1]["uid"]) == [first, second]
    for documents_of, earlier in ((first, []), (second, first)):
        result = replayed(agents, documents_of, earlier)
        assert result.compared > 10
        assert result.first_difference is None


def test_rounding_is_no_other_decision_but_another_point_is():
    row = {"x": 2.0, "y": 4.0, "probability": [0.25, 0.75], "model_version": "a"}
    suggestion = {"stage_x": 2.0, "stage_y": 4.0, "probability": [0.25, 0.75], "model_version": "a"}
    assert compare([row], [suggestion]) == []
    (rounded,) = compare([row], [suggestion | {"probability": [0.25, 0.75000001]}])
    assert rounded.rounding
    for other in (
        {"probability": [0.25, 0.751]},
        {"probability": [0.25]},
        {"model_version": "b"},
        {"stage_x": 2.0000001},
    ):
        (found,) = compare([row], [suggestion | other])
        assert not found.rounding
