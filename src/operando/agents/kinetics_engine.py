"""Onset, rate and law of a process from pattern areas, frame by frame.

The two areas are linear in two amplitudes, which are integrated out in closed form; onset, rate
and at most one shape parameter remain, on a lattice for each law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_history import History, check_frames
from operando.agents.kinetics_lattice import Box
from operando.agents.kinetics_observation import (
    AreaObservation,
    integrate_amplitudes,
)
from operando.agents.kinetics_posterior import LawPosterior, Samples
from operando.agents.kinetics_search import Prior, Task, find
from operando.agents.kinetics_summary import KineticsSummary, Marginal, ModelSummary
from operando.errors import BadInput
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]


class KineticsEngine:
    """Streaming inference of onset, rate and law.

    Parameters
    ----------
    config : KineticsConfig
    noise : AreaNoise
        Covariance of areas as the model predicts it.
    own_laws : sequence of KineticLaw
        Laws beside those shipped, to be named in ``config.laws``.

    Examples
    --------
    >>> import numpy as np
    >>> from operando.physics.kinetic_laws import LAWS, mean_extent
    >>> start = np.arange(0.0, 10.0, 1 / 3)
    >>> stop = start + 0.3
    >>> alpha = mean_extent(LAWS["first_order"], start, stop, t0=4.0, rate=0.6)
    >>> noise = AreaNoise(1e-5 * np.eye(2), np.zeros((2, 2, 2)))
    >>> engine = KineticsEngine(KineticsConfig(laws=("first_order",)), noise)
    >>> engine.add(start, stop, np.stack([1 - alpha, alpha], axis=1), np.ones(30))
    >>> answer = engine.summary()
    >>> abs(answer.t0.mean - 4.0) < 0.01, answer.p_begun > 0.999
    (True, True)
    """

    def __init__(
        self, config: KineticsConfig, noise: AreaNoise, own_laws: Sequence[KineticLaw] = ()
    ) -> None:
        self.config = config
        self.laws = config.resolve(own_laws)
        self._prior = Prior(config.amplitude_mean, config.amplitude_sd)
        self._observation = AreaObservation(noise, config.amplitude_mean)
        self._history = History()
        self._posteriors: list[LawPosterior] | None = None

    def __len__(self) -> int:
        return len(self._history)

    def add(self, start: ArrayLike, stop: ArrayLike, areas: ArrayLike, dose: ArrayLike) -> None:
        """Take frames in.

        Parameters
        ----------
        start, stop : array_like, (n,)
            True begin and end of each exposure, s on the record's clock, in order.
        areas : array_like, (n, 2)
            Of the empty and the loaded phase, for one unit of dose.
        dose : array_like, (n,)
            Flux times exposure, in the unit of the noise model.

        Raises
        ------
        BadInput
            When shapes disagree, a value is not finite, an exposure or dose is not above 0, or
            frames overlap or are out of order. Nothing is taken in then.
        """
        begin, end, values, weight = (
            np.asarray(a, dtype=np.float64) for a in (start, stop, areas, dose)
        )
        last = self._history.last if len(self) else -np.inf
        check_frames(begin, end, values, weight, last)
        if len(begin):
            self._history.add(begin, end, values, weight)
            self._posteriors = None

    def summary(self, ts: float | None = None) -> KineticsSummary:
        """Answer from all frames so far.

        Parameters
        ----------
        ts : float, optional
            Time to compare the onset with, s; the configuration's `valve_time` unless given.

        Raises
        ------
        BadInput
            Before the first frame.
        """
        posteriors = self._solved()
        ts = self.config.valve_time if ts is None else ts
        low, top, high = self._range()
        begun = np.array([p.log_evidence for p in posteriors]) + np.log((top - low) / (high - low))
        null = self._log_null()
        later = null + np.log((high - top) / (high - low)) if high > top else -np.inf
        each = np.logaddexp(begun, later)
        never, total = np.log(self.config.never_prior) + null, logsumexp(each) - np.log(len(each))
        whole = np.logaddexp(np.log1p(-self.config.never_prior) + total, never)
        p_begun = np.exp(
            np.log1p(-self.config.never_prior) + logsumexp(begun) - np.log(len(each)) - whole
        )
        share = np.exp(begun - logsumexp(begun))
        constant = self._observation.constant(self._history.frames())
        probability = np.exp(each - logsumexp(each))
        t0_parts = [p.part(0, s) for p, s in zip(posteriors, share, strict=True)]
        k_parts = [p.part(1, s) for p, s in zip(posteriors, share, strict=True)]
        t0 = Marginal(t0_parts)
        before = at = None
        if ts is not None:
            before = t0.cdf(ts) * float(p_begun)
            ratio = t0.density_at(ts) * (high - low)
            at = ratio / (1.0 + ratio)
        return KineticsSummary(
            frames=len(self),
            models={
                p.lattice.law.name: _model(p, float(value + constant), float(chance))
                for p, value, chance in zip(posteriors, each, probability, strict=True)
            },
            best=posteriors[int(np.argmax(probability))].lattice.law.name,
            t0=t0.estimate(),
            k=Marginal(k_parts).estimate_of_log(k_parts),
            p_begun=float(min(p_begun, 1.0)),
            p_t0_before=before,
            p_t0_at_ts=at,
            locking_on=bool(0.01 < p_begun < 0.99),
        )

    def alpha_band(self, times: ArrayLike, seed: int = 0) -> tuple[Floats, Floats, Floats]:
        """Mean and central 95 % of α at `times` (t,), averaged over laws; three arrays (t,)."""
        draws = self.samples(800, seed)
        when = np.asarray(times, dtype=np.float64)
        alpha = np.empty((len(draws.t0), len(when)))
        for index, law in enumerate(self.laws):
            rows = draws.law == index
            x = draws.rate[rows, None] * (when - draws.t0[rows, None])
            alpha[rows] = law.extent(x, draws.shape[rows, None])
        low, high = np.quantile(alpha, [0.025, 0.975], axis=0)
        return alpha.mean(axis=0), low, high

    def joint(self, model: str, size: int = 80) -> tuple[Floats, Floats, Floats]:
        """Joint posterior of onset and rate under one law, for figures.

        Returns
        -------
        t0 : ndarray of float64, (size,)
            s.
        k : ndarray of float64, (size,)
            1/s.
        density : ndarray of float64, (size, size)
            Row for each k; sums to 1.
        """
        posterior = self._of(model)
        points, _ = posterior.draw(40_000, np.random.default_rng(0))
        counts, t0, k = np.histogram2d(points[:, 0], points[:, 1], bins=size)
        return (t0[1:] + t0[:-1]) / 2.0, (k[1:] + k[:-1]) / 2.0, counts.T / counts.sum()

    def samples(self, count: int, seed: int) -> Samples:
        """Draws from the posterior of all laws, given that the process began."""
        posteriors = self._solved()
        random = np.random.default_rng(seed)
        evidence = np.array([p.log_evidence for p in posteriors])
        share = np.exp(evidence - logsumexp(evidence))
        law = random.choice(len(self.laws), count, p=share / share.sum())
        points, theta = np.empty((count, 3)), np.empty((count, 2))
        for index, posterior in enumerate(posteriors):
            rows = law == index
            points[rows], theta[rows] = posterior.draw(int(rows.sum()), random)
        names = tuple(law.name for law in self.laws)
        return Samples(law, names, points[:, 0], points[:, 1], points[:, 2], theta)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Give what a fresh engine with the same configuration needs to go on, as arrays."""
        return {
            "origin": np.array(self._history.origin),
            "rows": self._history.rows.copy(),
            "plateau": np.array(self._observation.plateau),
        }

    def restore(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on from :meth:`state` of an engine with the same configuration."""
        self._history.restore(float(state["origin"]), state["rows"])
        one, two = (float(value) for value in state["plateau"])
        self._observation = replace(self._observation, plateau=(one, two))
        self._posteriors = None

    def _of(self, model: str) -> LawPosterior:
        for posterior in self._solved():
            if posterior.lattice.law.name == model:
                return posterior
        raise BadInput(f"no law {model!r}; there are {', '.join(self.config.laws)}")

    def _range(self) -> tuple[float, float, float]:
        """Begin of the onset's prior, end of what of it is in the past, its end; s."""
        low, high = self.config.t0_prior or (self._history.first, self._history.last)
        if self.config.valve_prior and self.config.valve_time is not None:
            low = max(low, self.config.valve_time)
        top = min(high, self._history.last)
        if not low < top:
            raise BadInput(f"no frame reaches the earliest onset allowed, {low:g} s")
        return low, top, high

    def _box(self, law: KineticLaw) -> Box:
        low, top, _ = self._range()
        slow, fast = np.log(self.config.rate_bounds)
        shape = law.shape
        bounds = None if shape is None else (float(np.log(shape.low)), float(np.log(shape.high)))
        return Box((low, top), (float(slow), float(fast)), bounds)

    def _log_null(self) -> float:
        """Evidence of nothing having begun, without the constant."""
        bins = self._history.bins(self._history.last, self._history.last, 1.0)
        sums = self._observation.sums(bins, np.zeros((1, len(bins.count))))
        return float(integrate_amplitudes(sums, self._prior.mean, self._prior.sd).log_likelihood[0])

    def _solved(self) -> list[LawPosterior]:
        if not len(self):
            raise BadInput("no frames yet")
        if self._posteriors is None:
            self._posteriors = self._solve()
        return self._posteriors

    def _solve(self) -> list[LawPosterior]:
        for _ in range(4):
            posteriors = [
                LawPosterior.of(
                    find(Task(law, self._box(law), self._history, self._observation, self._prior)),
                    self._prior.mean,
                    self._prior.sd,
                )
                for law in self.laws
            ]
            if not self._move_plateau(posteriors):
                break
        return posteriors

    def _move_plateau(self, posteriors: Sequence[LawPosterior]) -> bool:
        """Predict covariances with the areas found; False when that changes next to nothing."""
        evidence = np.array([p.log_evidence for p in posteriors])
        share = np.exp(evidence - logsumexp(evidence))
        mean = sum(
            (s * (p.weights @ p.amplitudes.mean) for s, p in zip(share, posteriors, strict=True)),
            np.zeros(2),
        )
        mean = np.clip(mean, 0.02 * np.abs(self._prior.mean), None)
        old, noise = self._observation, self._observation.noise
        before, after = (
            np.stack([noise.of(np.array([a, 0.0])), noise.of(np.array([0.0, b]))])
            for a, b in (old.plateau, mean)
        )
        if np.abs(after - before).max() < 0.02 * np.abs(before).max():
            return False
        self._observation = replace(old, plateau=(float(mean[0]), float(mean[1])))
        return True


def _model(posterior: LawPosterior, log_evidence: float, probability: float) -> ModelSummary:
    rate = [posterior.part(1)]
    shape = None
    if posterior.lattice.law.shape is not None:
        parts = [posterior.part(2)]
        shape = Marginal(parts).estimate_of_log(parts)
    return ModelSummary(
        t0=Marginal([posterior.part(0)]).estimate(),
        k=Marginal(rate).estimate_of_log(rate),
        shape=shape,
        log_evidence=log_evidence,
        probability=probability,
    )
