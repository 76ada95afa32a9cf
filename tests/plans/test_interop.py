"""Our agent driven by bluesky-adaptive's plan, and other packages' optimisers by ours."""

import math

import numpy as np
import pytest

from operando.agents.interop import GuestOptimiser, Positions, uncertainty
from operando.agents.mapping_config import MappingConfig
from operando.agents.optimiser_adapters import AskTell, GpCam, adapted
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.devices import simulated_mapping_station
from operando.errors import BadInput
from operando.physics.geometry import DetectorGeometry
from operando.plans import map_adaptive, map_fly, with_beam
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from support.run_documents import measured, validate

MAP = {"shape": (10, 8), "step": 10.0, "exposure": 0.05}


@pytest.fixture
def station(tmp_path):
    geometry = DetectorGeometry()
    source = MapBeamline(CorrodedSteel(4, (10, 8), 10.0), geometry, 4)
    return simulated_mapping_station(source, Clock(math.inf), tmp_path, geometry)


@pytest.fixture
def agent(tmp_path):
    made = PhaseMappingAgent(checkpoint_path=tmp_path / "agent.npz")
    yield made
    made.close()


@pytest.fixture
def mapped(station, engine, agent):
    """An agent that has seen a map of every point, and hears what comes next."""
    engine.subscribe(agent)
    engine(map_fly(station, **MAP, agent=agent))
    return agent


def adaptive():
    return pytest.importorskip("bluesky_adaptive", reason="the extra [adaptive] is not installed")


@pytest.mark.parametrize(
    "name", ["Optimizer", "SupportsStoppingCriteria", "Checkpointable", "TrialFaultAware"]
)
def test_the_mapping_agent_satisfies_the_protocol(name, agent):
    adaptive()
    from bluesky_adaptive import protocols

    assert isinstance(agent, getattr(protocols, name))
    assert isinstance(Positions(agent), getattr(protocols, name))


def problem(station, optimizer):
    from bluesky_adaptive.protocols import OptimizationProblem

    return OptimizationProblem(
        optimizer=optimizer,
        actuators=[station.stage.x, station.stage.y],
        sensors=[station.detector, station.monitor],
        # The agent hears of frames by documents: there is nothing to work out here.
        evaluation_function=lambda uid, suggestions: [
            {"_id": suggestion["_id"], "done": 1.0} for suggestion in suggestions
        ],
    )


def test_bluesky_adaptive_s_plan_drives_the_mapping_agent(station, engine, mapped, tmp_path):
    adaptive()
    from bluesky_adaptive.plans import optimize

    station.detector.exposure.put(0.5)
    before = mapped.answer()
    least = np.argsort(-before.uncertainty().ravel(), kind="stable")[:12]
    plan = optimize(
        problem(station, Positions(mapped)), iterations=3, n_points=4, checkpoint_interval=1
    )
    engine(with_beam(station.shutter, plan))

    memory = mapped.memory()
    twice = set(np.flatnonzero(memory.visits == 2).tolist())
    assert len(twice) == 12
    assert set(least[:4].tolist()) <= twice
    assert memory.exposure_s.sum() == pytest.approx(80 * 0.05 + 12 * 0.5)
    assert mapped.error is None
    after = mapped.answer()
    assert after.uncertainty().ravel()[least].mean() < before.uncertainty().ravel()[least].mean()
    restored = PhaseMappingAgent.from_checkpoint(tmp_path / "agent.npz")
    np.testing.assert_array_equal(restored.memory().visits, memory.visits)
    restored.close()


def test_its_plan_stops_when_the_agent_has_seen_enough(station, engine, tmp_path):
    adaptive()
    from bluesky_adaptive.plans import optimize

    agent = PhaseMappingAgent(MappingConfig(target=0.5))
    engine.subscribe(agent)
    engine(map_fly(station, **MAP, agent=agent))
    engine(with_beam(station.shutter, optimize(problem(station, agent), iterations=None)))
    assert agent.memory().visits.sum() == 81  # one step, then it looks
    agent.close()


def test_failures_are_not_suggested_again(mapped):
    first = mapped.suggest(3)
    mapped.register_failures([{"stage_x": 0.0, "stage_y": 0.0}, {"_id": 99}, *first[:1]])
    rest = [s["point"] for s in mapped.suggest(80)]
    assert 0 not in rest
    assert len(rest) == 80 - 3 - (0 not in {s["point"] for s in first})


def test_outcomes_come_by_position_or_by_id(mapped):
    (suggestion,) = mapped.suggest(1)
    memory = mapped.memory()
    pattern = {
        "intensity": memory.intensity[5].copy(),
        "sigma": np.sqrt(memory.variance[5]),
        "exposure": 0.3,
    }
    mapped.ingest([{"_id": suggestion["_id"], **pattern}, {"stage_x": 0.0, "stage_y": 0.0}])
    assert memory.visits[suggestion["point"]] == 2
    assert memory.visits.sum() == 81
    ((point, position, outcome),) = mapped.get_best_points()
    assert outcome["uncertainty"] == pytest.approx(mapped.answer().uncertainty().max())
    assert memory.grid.index([position["stage_x"]], [position["stage_y"]])[0] == point


def guest_map(station, engine, optimizer, **options):
    guest = GuestOptimiser(optimizer, PhaseMappingAgent(), **options)
    engine.subscribe(guest)
    engine(map_adaptive(station, guest, **MAP, n_points=40, first=20, batch=5, seed=1))
    validate(engine.documents)
    decisions = [row for row, _ in measured(engine.documents)["decisions"]]
    report = guest.report()
    guest.close()
    assert report["visits"] == 40
    assert engine.documents[0][1]["agent"]["config"]["labels"]["class"].endswith("Agent")
    return decisions, report


class Raster:
    """As little as a bluesky-adaptive optimiser can be: points in order, outcomes kept."""

    def __init__(self):
        self.told, self.given = [], 0

    def suggest(self, num_points=None):
        new = range(self.given, self.given + num_points)
        self.given += num_points
        return [{"_id": f"r{k}", "stage_x": 10.0 * (k % 8) + 1, "stage_y": 10.0} for k in new]

    def ingest(self, points):
        self.told += points

    def should_stop(self):
        return self.given >= 15, "fifteen are enough"


def test_an_optimiser_that_suggests_and_ingests_chooses_the_points(station, engine):
    optimizer = Raster()
    guest = GuestOptimiser(optimizer, PhaseMappingAgent())
    engine.subscribe(guest)
    engine(map_adaptive(station, guest, **MAP, n_points=60, first=20, batch=5, lookahead=0))
    assert engine.documents[-1][1]["reason"] == "fifteen are enough"
    decisions = [row for row, _ in measured(engine.documents)["decisions"]]
    chosen = [d for d in decisions if d["decision_reason"] == "agent"]
    assert len(chosen) == 15
    assert {d["decision_y"] for d in chosen} == {10.0}
    # What labels the map is the classifier and the network that weighs neighbours.
    assert {d["decision_model_version"] for d in chosen} == {guest.labels.version}
    assert engine.documents[0][1]["agent"]["model_version"] == guest.labels.version
    assert len(optimizer.told) >= 20
    assert all(point["outcome"] > 0 for point in optimizer.told)
    guest.close()


def test_scikit_optimize_chooses_the_points(station, engine):
    from skopt import Optimizer
    from skopt.learning import ExtraTreesRegressor

    trees = ExtraTreesRegressor(n_estimators=10, min_variance=0.01, random_state=1)
    axes = [(0.0, 70.0), (0.0, 90.0)]
    optimizer = Optimizer(axes, trees, n_initial_points=5, random_state=1)
    decisions, _ = guest_map(station, engine, AskTell(optimizer), outcome=uncertainty)
    assert [d["decision_reason"] for d in decisions] == ["start"] * 20 + ["agent"] * 20
    assert len(optimizer.Xi) >= 20


@pytest.mark.filterwarnings("ignore::UserWarning")  # its own, about what it does not know yet
def test_gpcam_chooses_the_points(station, engine):
    gpcam = pytest.importorskip("gpcam", reason="gpCAM is not installed")
    candidates = np.array([(10.0 * ix, 10.0 * iy) for iy in range(10) for ix in range(8)])
    start = np.array([1e4, 20.0, 20.0])
    optimizer = GpCam(gpcam.GPOptimizer(init_hyperparameters=start), candidates, train_at=(25,))
    decisions, _ = guest_map(station, engine, optimizer)
    chosen = [d["decision_point"] for d in decisions if d["decision_reason"] == "agent"]
    assert len(chosen) == len(set(chosen)) == 20


def test_what_is_no_optimiser_is_refused():
    with pytest.raises(BadInput, match="list can neither suggest"):
        adapted([])
