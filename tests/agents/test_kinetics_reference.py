"""The engine beside dense quadrature and, where it is installed, nested sampling."""

import numpy as np
import pytest
from scipy.special import logsumexp

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_nested import Frames, log_likelihoods, nested
from operando.agents.kinetics_replica import ReplicaConfig, exchange_replicas, sample_law
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

NOISE = AreaNoise(1e-4 * np.eye(2), 3e-4 * np.array([np.diag([1.0, 0.2]), np.diag([0.2, 1.0])]))


def record(law="first_order", shape=1.0, seed=0):
    start = np.arange(0.0, 12.0, 0.5)
    stop = start + 0.45
    alpha = mean_extent(LAWS[law], start, stop, 5.2, 0.7, shape)
    areas = np.stack([1.0 - alpha, alpha], axis=1)
    root = np.linalg.cholesky(NOISE.of(areas) / 0.45)
    areas += np.einsum("nij,nj->ni", root, np.random.default_rng(seed).standard_normal((24, 2)))
    return start, stop, areas, np.full(24, 0.45)


def engine_for(law, frames):
    engine = KineticsEngine(KineticsConfig(laws=(law,)), NOISE, whole=True)
    engine.add(*frames)
    plateau = engine.state()["plateau"]
    return engine.summary().models[law], Frames(*frames, NOISE, tuple(plateau))


def dense(law, frames, t0, rate, shape, log_prior_cell):
    """Evidence by brute force: amplitudes by Gauss-Hermite around their least squares."""
    node, weight = np.polynomial.hermite_e.hermegauss(6)
    one, two = np.meshgrid(node, node, indexing="ij")
    values = []
    for a, b, c in zip(t0, rate, shape, strict=True):
        alpha = mean_extent(LAWS[law], frames.start, frames.stop, a, b, c)
        both = np.stack([1.0 - alpha, alpha], axis=1)
        inverse = np.linalg.inv(frames.noise.of(both * frames.plateau) / frames.dose[:, None, None])
        normal = np.einsum("na,nab,nb->ab", both, inverse, both) + np.eye(2)
        right = np.einsum("na,nab,nb->a", both, inverse, frames.areas) + 1.0
        spread = np.linalg.cholesky(np.linalg.inv(normal))
        theta = np.linalg.solve(normal, right) + np.stack([one, two], axis=-1) @ spread.T
        pairs = theta.reshape(-1, 2)
        given = np.broadcast_to([a, b, 0.0, 0.0, c], (len(pairs), 5)).copy()
        given[:, 2:4] = pairs
        inner = log_likelihoods(LAWS[law], frames, given)
        inner -= 0.5 * ((pairs - 1.0) ** 2).sum(axis=1)
        inner += 0.5 * (one**2 + two**2).ravel() + np.log(np.outer(weight, weight).ravel())
        values.append(logsumexp(inner) + np.log(np.linalg.det(spread)) - np.log(2.0 * np.pi))
    return logsumexp(values) + log_prior_cell


def test_evidence_is_that_of_dense_quadrature():
    frames = record()
    model, given = engine_for("first_order", frames)
    t0 = np.linspace(model.t0.mean - 6 * model.t0.sd, model.t0.mean + 6 * model.t0.sd, 17)
    middle, sd = np.log(model.k.mean), model.k.sd / model.k.mean
    log_rate = np.linspace(middle - 6 * sd, middle + 6 * sd, 17)
    grid = [axis.ravel() for axis in np.meshgrid(t0, np.exp(log_rate), indexing="ij")]
    cell = (t0[1] - t0[0]) / (frames[1][-1] - frames[0][0])
    cell *= (log_rate[1] - log_rate[0]) / np.log(20.0 / 0.02)
    wanted = dense("first_order", given, *grid, np.ones(len(grid[0])), np.log(cell))
    assert model.log_evidence == pytest.approx(wanted, abs=0.02)


def test_nested_sampling_agrees():
    pytest.importorskip("dynesty")
    law = "avrami"
    model, given = engine_for(law, record(law, 1.6))
    told = nested(LAWS[law], given, KineticsConfig(laws=(law,)), seed=1, points=60)
    assert abs(model.log_evidence - told.log_evidence) < 3.0 * told.log_evidence_sd
    assert abs(model.t0.mean - told.t0[0]) < 0.2 * told.t0[1]
    assert abs(model.k.mean - told.k[0]) < 0.2 * told.k[1]
    assert model.t0.sd == pytest.approx(told.t0[1], rel=0.2)


def test_replicas_agree_with_the_lattice():
    """Evidence of first order within its own error, which is small; onset and rate as well."""
    model, given = engine_for("first_order", record())
    told, points = sample_law(
        LAWS["first_order"], given, KineticsConfig(), ReplicaConfig(walkers=32, steps=800)
    )
    assert told.log_evidence_sd < 0.3
    assert abs(told.log_evidence - model.log_evidence) < 4.0 * told.log_evidence_sd
    assert told.exchanged > 0.1
    for column, estimate in ((0, model.t0), (1, model.k)):
        assert points[:, column].mean() == pytest.approx(estimate.mean, abs=0.2 * estimate.sd)
        assert points[:, column].std() == pytest.approx(estimate.sd, rel=0.15)


def test_replicas_cross_between_two_hills_in_eight_dimensions():
    """Hills 20 widths apart, the second twice as heavy: what a single walker never finds."""

    def two_hills(u):
        one, two = (-0.5 * (((u - place) / 0.02) ** 2).sum(axis=1) for place in (0.3, 0.6))
        return np.logaddexp(one, np.log(2.0) + two)

    told = exchange_replicas(two_hills, 8, ReplicaConfig(seed=1))
    truth = 4.0 * np.log(2.0 * np.pi * 0.02**2) + np.log(3.0)
    assert told.log_evidence_sd < 0.4
    assert abs(told.log_evidence - truth) < 4.0 * told.log_evidence_sd
    assert (told.points[:, 0] > 0.45).mean() == pytest.approx(2.0 / 3.0, abs=0.15)


def test_too_few_replicas_are_refused():
    for wrong in ({"temperatures": 2}, {"walkers": 3}, {"steps": 10}):
        with pytest.raises(BadInput, match="replicas"):
            ReplicaConfig(**wrong)
