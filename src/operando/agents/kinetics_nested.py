"""The same posterior by nested sampling (dynesty, extra ``[nested]``): slow, independent, a check.

Onset, log rate, log shape and both amplitudes are sampled; nothing is integrated out and nothing
is merged, so that what agrees with it agrees with the model as it is written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.errors import OperandoError
from operando.physics.kinetic_laws import KineticLaw, mean_extent

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames as :meth:`KineticsEngine.add` takes them, and their noise.

    Parameters
    ----------
    start, stop : ndarray of float64, (n,)
        s.
    areas : ndarray of float64, (n, 2)
    dose : ndarray of float64, (n,)
    noise : AreaNoise
    plateau : tuple of float
        Areas that covariances are predicted with.
    """

    start: Floats
    stop: Floats
    areas: Floats
    dose: Floats
    noise: AreaNoise
    plateau: tuple[float, float]

    @cached_property
    def empty(self) -> Floats:
        """Covariance of a unit dose at α = 0, (2, 2)."""
        return self.noise.of(np.array([self.plateau[0], 0.0]))

    @cached_property
    def loaded(self) -> Floats:
        """Covariance of a unit dose at α = 1, (2, 2)."""
        return self.noise.of(np.array([0.0, self.plateau[1]]))


@dataclass(frozen=True)
class NestedLaw:
    """What nested sampling says of one law.

    Parameters
    ----------
    log_evidence, log_evidence_sd : float
    t0, k : tuple of float
        Mean and standard deviation, s and 1/s.
    calls : int
        Times the likelihood was computed.
    """

    log_evidence: float
    log_evidence_sd: float
    t0: tuple[float, float]
    k: tuple[float, float]
    calls: int


def nested(
    law: KineticLaw, frames: Frames, config: KineticsConfig, seed: int, points: int = 400
) -> NestedLaw:
    """Sample one law's posterior.

    Parameters
    ----------
    law : KineticLaw
    frames : Frames
    config : KineticsConfig
        Priors; the onset's is the record when none is given.
    seed : int
    points : int
        Live points.

    Raises
    ------
    OperandoError
        When dynesty is not installed.
    """
    try:
        from dynesty import NestedSampler
    except ImportError:
        message = 'nested sampling needs the extra: pip install "operando[nested]"'
        raise OperandoError(message) from None

    def log_likelihood(theta: Floats) -> float:
        return float(log_likelihoods(law, frames, theta[None])[0])

    sampler = NestedSampler(
        log_likelihood,
        prior_transform(law, frames, config),
        dimensions(law),
        nlive=points,
        sample="rwalk",
        rstate=np.random.default_rng(seed),
    )
    sampler.run_nested(print_progress=False)
    result = sampler.results
    weight = np.exp(result.logwt - result.logz[-1])
    weight /= weight.sum()
    mean = weight @ result.samples[:, :2]
    sd = np.sqrt(weight @ (result.samples[:, :2] - mean) ** 2)
    return NestedLaw(
        log_evidence=float(result.logz[-1]),
        log_evidence_sd=float(result.logzerr[-1]),
        t0=(float(mean[0]), float(sd[0])),
        k=(float(mean[1]), float(sd[1])),
        calls=int(np.sum(result.ncall)),
    )


def dimensions(law: KineticLaw) -> int:
    """Count onset, rate, both amplitudes and the shape, if there is one."""
    return 4 if law.shape is None else 5


def prior_transform(
    law: KineticLaw, frames: Frames, config: KineticsConfig
) -> Callable[[Floats], Floats]:
    """From the unit cube (..., d) to t0 (s), k (1/s), both amplitudes and, if any, the shape."""
    low, high = config.t0_prior or (float(frames.start[0]), float(frames.stop[-1]))
    slow, fast = np.log(config.rate_bounds)

    def transform(u: Floats) -> Floats:
        theta = np.empty(u.shape)
        theta[..., 0] = low + (high - low) * u[..., 0]
        theta[..., 1] = np.exp(slow + (fast - slow) * u[..., 1])
        theta[..., 2:4] = config.amplitude_mean + config.amplitude_sd * ndtri(u[..., 2:4])
        if law.shape is not None:
            one, two = np.log(law.shape.low), np.log(law.shape.high)
            theta[..., 4] = np.exp(one + (two - one) * u[..., 4])
        return theta

    return transform


def log_likelihoods(law: KineticLaw, frames: Frames, theta: Floats) -> Floats:
    """Log likelihood (n,) of parameters (n, d) as `prior_transform` gives them."""
    t0, rate, empty, loaded, *rest = theta.T[:, :, None]
    alpha = mean_extent(law, frames.start, frames.stop, t0, rate, rest[0] if rest else 1.0)
    left = 1.0 - alpha
    one, two = frames.empty, frames.loaded
    a, b, d = (left * one[i] + alpha * two[i] for i in ((0, 0), (0, 1), (1, 1)))
    x, y = frames.areas[:, 0] - empty * left, frames.areas[:, 1] - loaded * alpha
    det = a * d - b * b
    square = frames.dose * (d * x * x - 2.0 * b * x * y + a * y * y) / det
    constant = np.log(2.0 * np.pi * frames.dose**-1.0).sum()
    return np.asarray(-0.5 * (square + np.log(det)).sum(axis=1) - constant)
