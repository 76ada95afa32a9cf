"""The plan for any number: it measures, moves, gives up in time and ends at the best point."""

import threading

import pytest
from ophyd.sim import SynAxis

from operando.agents.bayes_opt import BayesOptAgent, BayesOptConfig, Knob
from operando.errors import BadInput
from operando.plans import optimise
from operando.replaying import replay_run
from support.run_documents import measured, validate

CONFIG = BayesOptConfig((Knob("a", -1.0, 1.0), Knob("b", -1.0, 1.0)), noise=0.01, seed=2)


def height(data):
    return (data["a"] - 0.3) ** 2 + (data["b"] + 0.2) ** 2


@pytest.fixture
def motors():
    return [SynAxis(name="a"), SynAxis(name="b")]


def test_the_motors_end_at_the_best_point(engine, motors):
    agent = BayesOptAgent(CONFIG, objective=height)
    engine.subscribe(agent)
    engine(optimise(motors, [], agent, num=15))
    validate(engine.documents)
    streams = measured(engine.documents)
    assert len(streams["primary"]) == 15
    assert len(streams["decisions"]) == 14
    assert streams["primary"][0][0] == {"a": 0.0, "a_setpoint": 0.0, "b": 0.0, "b_setpoint": 0.0}
    assert streams["decisions"][-1][0]["decision_reason"] == "agent: EI"
    assert height({"a": motors[0].position, "b": motors[1].position}) < 0.02
    again = replay_run(engine.documents, BayesOptAgent(CONFIG, objective=height))
    assert again.identical, again.first_difference
    agent.close()


def test_it_ends_when_the_agent_has_seen_enough(engine, motors):
    agent = BayesOptAgent(
        BayesOptConfig(CONFIG.knobs, noise=0.001, target=0.05, seed=1), objective=height
    )
    engine.subscribe(agent)
    engine(optimise(motors, [], agent, num=40))
    assert "reaches 0.05" in engine.documents[-1][1]["reason"]
    assert len(measured(engine.documents)["primary"]) < 40
    agent.close()


def test_an_agent_that_fails_ends_the_run_where_it_stands(engine, motors):
    class Broken:
        def suggest(self, num_points=None):
            raise RuntimeError("no idea")

    engine(optimise(motors, [], Broken(), num=9))
    rows = [row for row, _ in measured(engine.documents)["decisions"]]
    assert [row["decision_reason"][:8] for row in rows] == ["fallback"] * 3
    assert "no idea" in engine.documents[-1][1]["reason"]
    assert motors[0].position == 0.0


def test_a_late_answer_is_not_waited_for_for_ever(engine, motors):
    asked = threading.Event()

    class Silent:
        def suggest(self, num_points=None):
            asked.wait(30.0)
            return []

    engine(optimise(motors, [], Silent(), num=9, timeout=0.05))
    asked.set()
    assert "no answer within" in engine.documents[-1][1]["reason"]


def test_nothing_to_move_is_refused(motors):
    with pytest.raises(BadInput):
        list(optimise([], [], None))
    with pytest.raises(BadInput):
        list(optimise(motors, [], None, finish="worst"))


def test_bluesky_adaptive_s_plan_drives_the_agent(engine, motors, tmp_path):
    pytest.importorskip("bluesky_adaptive", reason="the extra [adaptive] is not installed")
    from bluesky_adaptive.plans import optimize
    from bluesky_adaptive.protocols import OptimizationProblem

    agent = BayesOptAgent(CONFIG, checkpoint_path=tmp_path / "agent.npz")
    problem = OptimizationProblem(
        optimizer=agent,
        actuators=motors,
        sensors=[],
        evaluation_function=lambda uid, suggestions: [
            {"_id": one["_id"], "objective": height(one)} for one in suggestions
        ],
    )
    engine(optimize(problem, iterations=6, n_points=2, checkpoint_interval=3))
    assert len(agent.points()) == 12
    ((_, best, _),) = agent.get_best_points()
    assert height(best) < 0.05
    restored = BayesOptAgent.from_checkpoint(tmp_path / "agent.npz")
    assert len(restored.points()) == 12
