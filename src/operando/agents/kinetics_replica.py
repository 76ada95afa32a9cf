"""The same posterior by replica-exchange Monte Carlo, its evidence by stepping stones.

Walkers at several temperatures, from the prior to the posterior, exchange places, so that a
posterior with several hills is crossed. It needs no shape of the posterior and no number of
parameters at which it would become useless, and is the reference for models with many of them.
The evidence is the product of the ratios between neighbouring temperatures (stepping stones:
Xie et al., Syst. Biol. 60, 150 (2011), 10.1093/sysbio/syq085), which has no error from the
spacing of temperatures, as an integral over them would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_nested import Frames, dimensions, log_likelihoods, prior_transform
from operando.errors import BadInput
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]
LogLikelihood = Callable[[Floats], Floats]

_ACCEPT = 0.3  # share of moves that are accepted once their length has been learnt
_BLOCKS = 8  # of the record, whose scatter tells the error of the evidence


@dataclass(frozen=True)
class ReplicaConfig:
    """Temperatures and steps.

    Parameters
    ----------
    temperatures : int
        Inverse temperatures from 0 (the prior) to 1 (the posterior), both included.
    crowding : float
        They are ``(i / n) ** crowding``: the larger, the more lie near the prior.
    walkers : int
        At each temperature; they also tell each other directions and lengths of moves.
    steps, burn : int
        Of each walker, kept and before that.
    seed : int

    Raises
    ------
    BadInput
        When a number is too small to work.
    """

    temperatures: int = 24
    crowding: float = 4.0
    walkers: int = 24
    steps: int = 600
    burn: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperatures < 3 or self.walkers < 4 or self.crowding < 1.0:
            raise BadInput("replicas: 3 temperatures, 4 walkers and a crowding of 1 are the least")
        if self.steps < 10 * _BLOCKS or self.burn < 1:
            raise BadInput(f"replicas: {10 * _BLOCKS} steps and 1 before them are the least")

    @property
    def inverse(self) -> Floats:
        """Inverse temperatures, rising from 0 to 1."""
        return np.asarray(np.linspace(0.0, 1.0, self.temperatures) ** self.crowding)


@dataclass(frozen=True, eq=False)
class Replicas:
    """What the replicas say.

    Parameters
    ----------
    log_evidence, log_evidence_sd : float
        Natural logarithm, and its error from the scatter between parts of the record.
    points : ndarray of float64, (n, d)
        Draws from the posterior, in the unit cube of the prior.
    exchanged : float
        Least share of exchanges accepted between two neighbouring temperatures.
    calls : int
        Times the likelihood was computed.
    """

    log_evidence: float
    log_evidence_sd: float
    points: Floats
    exchanged: float
    calls: int


def exchange_replicas(
    log_likelihood: LogLikelihood, size: int, config: ReplicaConfig | None = None
) -> Replicas:
    """Sample a posterior whose prior is uniform in the unit cube.

    Parameters
    ----------
    log_likelihood : callable
        From points (n, d), each coordinate between 0 and 1, to n values; a prior of another form
        goes into it as the inverse of its distribution function.
    size : int
        Number of parameters, d.
    config : ReplicaConfig, optional

    Returns
    -------
    Replicas

    Examples
    --------
    A normal hill of width 0.05 in a square; its evidence is its volume:

    >>> def hill(u):
    ...     return -0.5 * (((u - 0.4) / 0.05) ** 2).sum(axis=1)
    >>> told = exchange_replicas(hill, 2, ReplicaConfig(12, walkers=12, steps=400))
    >>> abs(told.log_evidence - np.log(2 * np.pi * 0.05**2)) < 4 * told.log_evidence_sd < 0.4
    True
    """
    settings = config or ReplicaConfig()
    random = np.random.default_rng(settings.seed)
    beta = settings.inverse
    walk = _Walk(log_likelihood, size, settings, random)
    for step in range(settings.burn):
        walk.step(learn=True)
        walk.exchange(step % 2)
    walk.forget()
    values = np.empty((settings.steps, len(beta), settings.walkers))
    kept = []
    for step in range(settings.steps):
        walk.step(learn=False)
        walk.exchange(step % 2)
        values[step] = walk.values
        kept.append(walk.places[-1].copy())
    evidence, error = _stones(values, beta)
    return Replicas(evidence, error, np.concatenate(kept), walk.least_exchanged(), walk.calls)


class _Walk:
    """Walkers (temperature, walker, dimension), their likelihoods, the lengths of their moves."""

    def __init__(
        self,
        log_likelihood: LogLikelihood,
        size: int,
        config: ReplicaConfig,
        random: np.random.Generator,
    ) -> None:
        self._likelihood, self._random, self._beta = log_likelihood, random, config.inverse
        shape = (config.temperatures, config.walkers, size)
        self.places = random.uniform(size=shape)
        self.calls = 0
        self.values = self._of(self.places)
        self._length = np.full(config.temperatures, 2.4 / np.sqrt(2.0 * size))
        self.forget()

    def _of(self, places: Floats) -> Floats:
        flat = places.reshape(-1, places.shape[-1])
        self.calls += len(flat)
        return np.asarray(self._likelihood(flat), dtype=np.float64).reshape(places.shape[:2])

    def forget(self) -> None:
        """Count exchanges from here on."""
        self._tried = np.zeros(len(self._beta) - 1)
        self._made = np.zeros(len(self._beta) - 1)

    def step(self, *, learn: bool) -> None:
        """Move every walker once, along the difference of two others of its temperature.

        Half of the walkers move while the other half, which lends the differences, stands still.
        """
        count, half = self.places.shape[1], self.places.shape[1] // 2
        order = self._random.permutation(count)
        for moving, still in ((order[:half], order[half:]), (order[half:], order[:half])):
            self._move(moving, still, learn=learn)

    def _move(self, moving: NDArray[np.intp], still: NDArray[np.intp], *, learn: bool) -> None:
        heat, size = len(self._beta), len(moving)
        one = self._random.integers(len(still), size=(heat, size))
        two = (one + self._random.integers(1, len(still), size=(heat, size))) % len(still)
        rows = np.arange(heat)[:, None]
        along = self.places[rows, still[one]] - self.places[rows, still[two]]
        along = along * self._length[:, None, None]
        jitter = 1e-5 * self._random.standard_normal(along.shape)
        # The cube closes upon itself: at the prior's own temperature every move is accepted.
        new = (self.places[:, moving] + along + jitter) % 1.0
        values = self._of(new)
        gain = self._beta[:, None] * (values - self.values[:, moving])
        accepted = np.log(self._random.uniform(size=gain.shape)) < gain
        self.places[:, moving] = np.where(accepted[:, :, None], new, self.places[:, moving])
        self.values[:, moving] = np.where(accepted, values, self.values[:, moving])
        if learn:
            share = accepted.mean(axis=1)
            self._length = np.clip(self._length * np.exp(0.1 * (share - _ACCEPT)), 1e-3, 3.0)

    def exchange(self, first: int) -> None:
        """Offer places between neighbouring temperatures, beginning with the pair `first`."""
        low = np.arange(first, len(self._beta) - 1, 2)
        # Partners are met at random, so that all walkers mix.
        self.places[low + 1], self.values[low + 1] = self._shuffled(low + 1)
        gap = (self._beta[low + 1] - self._beta[low])[:, None]
        chance = gap * (self.values[low] - self.values[low + 1])
        swap = np.log(self._random.uniform(size=chance.shape)) < chance
        for array in (self.places, self.values):
            mask = swap[..., None] if array.ndim == 3 else swap
            below, above = array[low].copy(), array[low + 1].copy()
            array[low] = np.where(mask, above, below)
            array[low + 1] = np.where(mask, below, above)
        self._tried[low] += 1.0
        self._made[low] += swap.mean(axis=1)

    def _shuffled(self, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        order = self._random.permutation(self.places.shape[1])
        return self.places[rows][:, order], self.values[rows][:, order]

    def least_exchanged(self) -> float:
        """Least share of exchanges made."""
        return float((self._made / np.maximum(self._tried, 1.0)).min())


def _stones(values: Floats, beta: Floats) -> tuple[float, float]:
    """Log evidence from likelihoods (step, temperature, walker), and its error."""
    whole = _product(values, beta)
    parts = [_product(part, beta) for part in np.array_split(values, _BLOCKS)]
    return whole, float(np.std(parts, ddof=1) / np.sqrt(_BLOCKS))


def _product(values: Floats, beta: Floats) -> float:
    total = 0.0
    for index, step in enumerate(np.diff(beta)):
        weight = step * values[:, index]
        top = weight.max()
        total += float(top + np.log(np.mean(np.exp(weight - top))))
    return total


def sample_law(
    law: KineticLaw, frames: Frames, config: KineticsConfig, replicas: ReplicaConfig | None = None
) -> tuple[Replicas, Floats]:
    """Sample one law of pattern areas, nothing integrated out and nothing merged.

    Returns
    -------
    replicas : Replicas
    parameters : ndarray of float64, (n, d)
        Its points as t0 (s), k (1/s), both amplitudes and, if there is one, the shape.
    """
    transform = prior_transform(law, frames, config)
    inside = 1e-12

    def log_likelihood(u: Floats) -> Floats:
        return log_likelihoods(law, frames, transform(np.clip(u, inside, 1.0 - inside)))

    told = exchange_replicas(log_likelihood, dimensions(law), replicas)
    return told, transform(np.clip(told.points, inside, 1.0 - inside))
