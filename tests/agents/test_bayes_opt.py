"""The wrapper of scikit-optimize: it finds minima, keeps to its limits, and can be put away."""

import itertools
import math

import numpy as np
import pytest

from operando.agents.bayes_config import ACQUISITIONS
from operando.agents.bayes_opt import BayesOptAgent, BayesOptConfig, Knob
from operando.agents.bayes_search import Model, propose
from operando.agents.bayes_space import Points
from operando.errors import AgentError, BadInput

KNOBS = (Knob("a", -1.0, 1.0), Knob("b", 0.0, 10.0))


def bowl(point):
    return 1.0 + (2.0 * (point["a"] - 0.4)) ** 2 + (0.3 * (point["b"] - 7.0)) ** 2


def drive(agent, steps, function=bowl, rng=None):
    """Let an agent choose; return what it was told."""
    values = []
    for _ in range(steps):
        (point,) = agent.suggest()
        noise = 0.0 if rng is None else 0.01 * rng.standard_normal()
        values.append(function(point) + noise)
        agent.ingest([{"_id": point["_id"], agent.config.objective: values[-1]}])
    return values


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_every_acquisition_finds_the_bottom_of_a_bowl(acquisition):
    config = BayesOptConfig(KNOBS, acquisition=acquisition, noise=0.01, seed=2)
    agent = BayesOptAgent(config)
    drive(agent, 18, rng=np.random.default_rng(1))
    ((_, best, outcome),) = agent.get_best_points()
    assert bowl(best) < 1.1
    assert outcome["objective"] == pytest.approx(bowl(best), abs=0.1)


def test_the_noise_is_fitted_when_nobody_knows_it():
    agent = BayesOptAgent(BayesOptConfig(KNOBS, seed=3))
    drive(agent, 16, rng=np.random.default_rng(2))
    assert bowl(agent.get_best_points()[0][1]) < 1.2


def test_a_bowl_that_is_known_to_be_one_is_found_sooner():
    found = {}
    for surrogate in ("matern", "quadratic"):
        config = BayesOptConfig(KNOBS, surrogate=surrogate, noise=0.01, initial=6, seed=4)
        agent = BayesOptAgent(config)
        drive(agent, 8, rng=np.random.default_rng(3))
        found[surrogate] = bowl(agent.get_best_points()[0][1])
    assert found["quadratic"] < 1.01
    assert found["quadratic"] < found["matern"]


def test_what_is_to_be_large_gets_large():
    agent = BayesOptAgent(BayesOptConfig(KNOBS, goal="maximize", noise=0.01, seed=5))
    drive(agent, 16, lambda point: -bowl(point))
    ((_, best, outcome),) = agent.get_best_points()
    assert bowl(best) < 1.1
    assert outcome["objective"] == pytest.approx(-bowl(best), abs=0.1)


def test_moves_stay_within_reach_and_are_not_lost_in_backlash():
    knobs = (Knob("a", -1.0, 1.0, reach=0.3, smallest=0.05), Knob("b", 0.0, 10.0, reach=2.0))
    agent = BayesOptAgent(BayesOptConfig(knobs, noise=0.01, seed=6))
    agent.ingest([{"a": -0.9, "b": 1.0, "objective": bowl({"a": -0.9, "b": 1.0})}])
    drive(agent, 14)
    moves = np.abs(np.diff(agent.points().settings, axis=0))
    assert moves[:, 0].max() <= 0.3 + 1e-12
    assert moves[:, 1].max() <= 2.0 + 1e-12
    assert ((moves[:, 0] == 0.0) | (moves[:, 0] >= 0.05)).all()
    assert bowl(agent.get_best_points()[0][1]) < 1.3


def test_a_dear_move_is_avoided_where_it_gains_little():
    def way(speed):
        knobs = (Knob("a", -1.0, 1.0, speed=speed), Knob("b", 0.0, 10.0, speed=speed))
        config = BayesOptConfig(knobs, noise=0.3, tolerance=0.5, seed=7)
        agent = BayesOptAgent(config)
        drive(agent, 12)
        settings = agent.points().settings[config.first :] / [2.0, 10.0]
        return np.abs(np.diff(settings, axis=0)).sum()

    assert way(0.1) < way(math.inf)


def test_several_points_at_a_time_are_different_ones():
    agent = BayesOptAgent(BayesOptConfig(KNOBS, noise=0.01, seed=8))
    drive(agent, 6)
    points = agent.suggest(3)
    assert len({point["_id"] for point in points}) == 3
    for one, other in itertools.combinations(points, 2):
        assert abs(one["a"] - other["a"]) + abs(one["b"] - other["b"]) > 0.05


def test_failed_points_are_not_asked_for_again():
    agent = BayesOptAgent(BayesOptConfig(KNOBS, surrogate="quadratic", noise=0.01, seed=9))
    drive(agent, 8)
    (first,) = agent.suggest()
    agent.register_failures([first])
    (second,) = agent.suggest()
    assert abs(second["a"] - first["a"]) / 2.0 >= 0.02 or abs(second["b"] - first["b"]) / 10 >= 0.02


def test_it_stops_when_the_target_is_reached_or_the_points_are_used_up():
    config = BayesOptConfig(KNOBS, surrogate="quadratic", noise=0.01, target=1.05, seed=10)
    agent = BayesOptAgent(config)
    while not agent.should_stop()[0]:
        drive(agent, 1, rng=np.random.default_rng(len(agent.points())))
    assert "reaches 1.05" in agent.should_stop()[1]
    assert len(agent.points()) < 15
    assert bowl(agent.get_best_points()[0][1]) < 1.05
    spent = BayesOptAgent(BayesOptConfig(KNOBS, most=2))
    drive(spent, 2)
    assert spent.should_stop() == (True, "2 points have been measured")


@pytest.mark.parametrize("acquisition", ["EI", "gp_hedge"])
def test_an_agent_from_a_checkpoint_goes_on_with_the_same_choices(tmp_path, acquisition):
    path = tmp_path / "agent.npz"
    config = BayesOptConfig(KNOBS, acquisition=acquisition, noise=0.01, seed=11)
    agent = BayesOptAgent(config, checkpoint_path=path)
    drive(agent, 8)
    agent.checkpoint()
    restored = BayesOptAgent.from_checkpoint(path)
    assert [dict(restored.suggest()[0]) for _ in range(2)] == [
        dict(agent.suggest()[0]) for _ in range(2)
    ]
    assert restored.report() == agent.report()
    path.write_bytes(b"not an npz")
    with pytest.raises(BadInput, match="not a checkpoint"):
        BayesOptAgent.from_checkpoint(path)


def test_old_points_are_worth_less_when_there_is_drift():
    rng = np.random.default_rng(12)
    settings = np.column_stack([rng.uniform(-1, 1, 12), rng.uniform(0, 10, 12)])
    values = np.array([bowl({"a": a, "b": b}) for a, b in settings])
    points = Points(settings, values, np.full(12, 0.01), np.zeros(12))
    drifting = BayesOptConfig(KNOBS, surrogate="quadratic", drift_per_hour=0.5)
    for now, least, most in ((0.0, 0.0, 0.1), (4 * 3600.0, 0.3, 5.0)):
        _, sd = Model(drifting, points, now).predict(np.array([[0.4, 7.0]]))
        assert least <= sd[0] <= most


def test_a_bowl_that_has_moved_is_found_again_with_few_points():
    def moved(point):
        return bowl({"a": point["a"] - 0.15, "b": point["b"]})

    rng = np.random.default_rng(13)
    settings = np.column_stack([rng.uniform(-1, 1, 12), rng.uniform(0, 10, 12)])
    names = ("a", "b")
    old = [bowl(dict(zip(names, s, strict=True))) for s in settings]
    config = BayesOptConfig(KNOBS, surrogate="quadratic", noise=0.01, drift_per_hour=0.3)
    points = Points(settings, np.array(old), np.full(12, 0.01), np.zeros(12))
    for _ in range(4):
        setting = propose(config, points, (0.4, 7.0), now=2 * 3600.0).setting
        value = moved(dict(zip(names, setting, strict=True)))
        new = Points(np.array([setting]), np.array([value]), np.full(1, 0.01), np.array([7200.0]))
        points = points.joined(new)
    assert min(points.values[12:]) < 1.02


def test_points_without_a_place_and_numbers_that_are_none_are_refused():
    agent = BayesOptAgent(BayesOptConfig(KNOBS))
    with pytest.raises(AgentError, match="without knobs"):
        agent.ingest([{"objective": 1.0}])
    with pytest.raises(AgentError, match="a finite number is needed"):
        agent.ingest([{"a": 0.0, "b": 1.0, "objective": math.nan}])
    with pytest.raises(AgentError, match="not seen a point"):
        agent.report()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"acquisition": "UCB"}, "UCB"),
        ({"knobs": ()}, "a knob"),
        ({"goal": "maximize", "scale": "square"}, "square"),
        ({"noise": -1.0}, "noise"),
        ({"spread": 0.0}, "spread"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, message):
    with pytest.raises(BadInput, match=message):
        BayesOptConfig(**{"knobs": KNOBS, **settings})


def test_a_knob_needs_a_range():
    with pytest.raises(BadInput, match="no range"):
        Knob("a", 1.0, 1.0)
    with pytest.raises(BadInput, match="rech"):
        BayesOptConfig.from_mapping({"knobs": [{"name": "a", "low": 0, "high": 1, "rech": 2}]})


@pytest.mark.parametrize(
    "name", ["Optimizer", "SupportsStoppingCriteria", "Checkpointable", "TrialFaultAware"]
)
def test_it_satisfies_the_protocols_of_bluesky_adaptive(name):
    adaptive = pytest.importorskip("bluesky_adaptive.protocols", reason="needs [adaptive]")
    assert isinstance(BayesOptAgent(BayesOptConfig(KNOBS)), getattr(adaptive, name))
