"""Lattices of all laws, kept up with a stream of frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_history import Bins, History
from operando.agents.kinetics_lattice import FINE, LIVE, Box, Lattice, Slices
from operando.agents.kinetics_observation import AreaObservation, Observation, Prior
from operando.agents.kinetics_posterior import LatticePosterior, LawPosterior
from operando.agents.kinetics_scout import scout
from operando.agents.kinetics_search import Task, find
from operando.agents.kinetics_weighing import Past, Weighing, weigh
from operando.physics.kinetic_laws import Floats, KineticLaw

_LOCK, _UNLOCK = 0.9, 0.5  # probability of having begun
_MOVES = 3  # times the plateau is looked at after a whole record
_EFFORT = (0.03, 0.15)  # of a lattice built anew, without and with a shape parameter, s
_NEGLIGIBLE = 1e-4
_PLATEAU = 0.03  # change of a covariance (1.5 % of a width) that calls for all sums anew


@dataclass(frozen=True, eq=False)
class Answer:
    """Posteriors of all laws and their weighing.

    Parameters
    ----------
    posteriors : list of LawPosterior
    weighing : Weighing
    settled : bool
        Whether an onset in the latest frames is out of the question.
    """

    posteriors: Sequence[LawPosterior]
    weighing: Weighing
    settled: bool

    def amplitude_sd(self) -> Floats:
        """Give the linear parameters' sds under the most probable law, (2,)."""
        best = self.posteriors[int(np.argmax(self.weighing.begun))]
        theta, spread = best.amplitudes.mean, best.amplitudes.covariance[:, [0, 2]]
        mean = best.weights @ theta
        return np.asarray(np.sqrt(best.weights @ (spread + (theta - mean) ** 2)))


class LawsStream:
    """All laws' posteriors, from a scout before the onset and from lattices after it.

    Parameters
    ----------
    laws : tuple of KineticLaw
    config : KineticsConfig
    observation : Observation
    prior : Prior, optional
        Of the linear parameters; the configuration's unless given.
    whole : bool
        True for records that are complete: finer lattices, and never the scout's answer.
    """

    def __init__(
        self,
        laws: tuple[KineticLaw, ...],
        config: KineticsConfig,
        observation: Observation,
        prior: Prior | None = None,
        whole: bool = False,
    ) -> None:
        self.laws, self.config, self.observation = laws, config, observation
        self.grid = FINE if whole else LIVE
        self.prior = prior or Prior(config.amplitude_mean, config.amplitude_sd)
        self._lock, self._unlock = (-1.0, -1.0) if whole else (_LOCK, _UNLOCK)
        self._plateau = 0.005 if whole else _PLATEAU
        self.lattices: list[LatticePosterior] = []
        self.rebuilt = 0
        self.effort = 0.0

    def past(self, history: History) -> Past:
        """Tell which part of the onset's prior data can speak about."""
        low, high = self.config.t0_prior or (history.first, history.last)
        if self.config.valve_prior and self.config.valve_time is not None:
            low = max(low, self.config.valve_time)
        return Past(low, max(high, low + history.last_exposure), history.last)

    def task(self, law: KineticLaw, history: History) -> Task:
        """Give one law's problem as it stands now."""
        past = self.past(history)
        slow, fast = np.log(self.config.rate_bounds)
        shape = law.shape
        bounds = None if shape is None else (float(np.log(shape.low)), float(np.log(shape.high)))
        top = past.top if past.open else past.low + history.last_exposure
        box = Box((past.low, top), (float(slow), float(fast)), bounds)
        return Task(law, box, history, self.observation, self.prior)

    def take(self, new: Bins, history: History) -> Answer:
        """Take frames in, which are in `history` already.

        Afterwards `effort` says about how long that took beyond the usual, s; it depends on the
        data alone, not on the processor.
        """
        self.effort = 0.0
        if self.lattices:
            self._follow(new, history)
        else:
            answer = self._answer(self._scouts(history), history)
            if answer.weighing.p_begun < self._lock:
                return answer
            self._refit(history)
        answer = self._answer(self.lattices, history)
        if answer.weighing.p_begun < self._unlock:
            self.lattices = []
            return answer
        for _ in range(1 if self.grid is LIVE else _MOVES):
            # In the frames of the onset the plateau is anybody's guess, and anew at each of them.
            if (self.grid is LIVE and not answer.settled) or not self._move_plateau(answer):
                break
            self._refit(history)
            answer = self._answer(self.lattices, history)
        return answer

    def answer(self, history: History) -> Answer:
        """Answer again without new frames, as after :meth:`restore`."""
        return self._answer(self.lattices or self._scouts(history), history)

    def state(self) -> dict[str, Floats]:
        """Give the lattices as arrays."""
        arrays: dict[str, Floats] = {}
        if isinstance(self.observation, AreaObservation):
            arrays["plateau"] = np.array(self.observation.plateau)
        for posterior in self.lattices:
            lattice, name = posterior.lattice, posterior.law.name
            for key in ("nodes", "mean", "covariance"):
                arrays[f"{name}.{key}"] = getattr(lattice.slices, key).copy()
            arrays[f"{name}.sums"] = lattice.sums.copy()
            arrays[f"{name}.box"] = np.array([*lattice.box.t0, lattice.spacing, lattice.radius])
        return arrays

    def restore(self, arrays: Mapping[str, Floats], history: History) -> None:
        """Take the lattices of :meth:`state` back."""
        if isinstance(self.observation, AreaObservation):
            one, two = (float(value) for value in arrays["plateau"])
            self.observation = replace(self.observation, plateau=(one, two))
        self.lattices = []
        for law in self.laws if f"{self.laws[0].name}.sums" in arrays else ():
            low, top, spacing, radius = (float(value) for value in arrays[f"{law.name}.box"])
            box = replace(self.task(law, history).box, t0=(low, top))
            places = (arrays[f"{law.name}.{key}"] for key in ("nodes", "mean", "covariance"))
            grid = replace(self.grid, spacing=spacing, radius=radius)
            lattice = Lattice.over(law, box, Slices(*places), grid)
            lattice.sums = np.array(arrays[f"{law.name}.sums"])
            self.lattices.append(LatticePosterior.of(lattice, self.prior))

    def _scouts(self, history: History) -> list[LawPosterior]:
        return [scout(self.task(law, history)) for law in self.laws]

    def _answer(self, posteriors: Sequence[LawPosterior], history: History) -> Answer:
        past = self.past(history)
        tops = [
            p.lattice.box.t0[1] if isinstance(p, LatticePosterior) else past.top for p in posteriors
        ]
        sums = self.observation.sums(history.whole(), np.zeros((1, 1)))
        null = self.prior.integrate(sums).log_likelihood[0]
        evidence = [p.log_evidence for p in posteriors]
        weighing = weigh(evidence, tops, float(null), past, self.config.never_prior)
        late = [self._late(p, history) for p in posteriors]
        early = float(weighing.share @ np.array(late)) < _NEGLIGIBLE
        settled = bool(self.lattices) and early and weighing.null_odds < _NEGLIGIBLE
        return Answer(posteriors, weighing, settled)

    def _follow(self, new: Bins, history: History) -> None:
        """Add frames to every lattice; rebuild those that no longer fit."""
        for index, old in enumerate(self.lattices):
            old.lattice.add(new, self.observation)
            posterior = LatticePosterior.of(old.lattice, self.prior)
            early = self._late(posterior, history) < _NEGLIGIBLE
            if not (early and self._fits(posterior)):
                posterior = self._warm(posterior, history)
            self.lattices[index] = posterior

    def _late(self, posterior: LawPosterior, history: History) -> float:
        """Probability of an onset in the last frames that the posterior was made for."""
        past = self.past(history)
        lattice = posterior.lattice if isinstance(posterior, LatticePosterior) else None
        top = past.top if lattice is None else lattice.box.t0[1]
        if past.top <= top < history.last - history.last_exposure:
            return 0.0  # it ends where the prior does, not with the data
        return posterior.late(top - history.last_exposure)

    def _fits(self, posterior: LatticePosterior) -> bool:
        return posterior.moments.resolves(self.grid) and posterior.moments.covers(self.grid)

    def _warm(self, posterior: LatticePosterior, history: History) -> LatticePosterior:
        """Build one law's lattice anew from where it was."""
        self.rebuilt += 1
        self.effort += _EFFORT[posterior.law.shape is not None]
        task, old = self.task(posterior.law, history), posterior.lattice.box
        moments = posterior.moments
        slices = moments.at(moments.nodes(self.grid)).moved(old, task.box)
        found = LatticePosterior.of(find(task, self.grid, slices), self.prior)
        lost = found.moments.effective < 4.0 or found.moments.outside > 0.05
        return self._cold(task) if lost else found

    def _cold(self, task: Task) -> LatticePosterior:
        self.effort += 2.0 * _EFFORT[task.law.shape is not None]
        return LatticePosterior.of(find(task, self.grid), self.prior)

    def _refit(self, history: History) -> None:
        """Build every lattice anew, in its place where it still fits."""
        if not self.lattices:
            self.lattices = [self._cold(self.task(law, history)) for law in self.laws]
            return
        for index, old in enumerate(self.lattices):
            self.effort += 0.3 * _EFFORT[old.law.shape is not None]
            lattice = self.task(old.law, history).refill(old.lattice)
            posterior = LatticePosterior.of(lattice, self.prior)
            if not self._fits(posterior):
                posterior = self._warm(posterior, history)
            self.lattices[index] = posterior

    def _move_plateau(self, answer: Answer) -> bool:
        """Predict covariances with the areas found; False when that changes next to nothing."""
        old = self.observation
        if not isinstance(old, AreaObservation):
            return False
        share = answer.weighing.share
        means = [p.weights @ p.amplitudes.mean for p in answer.posteriors]
        mean = np.maximum(share @ np.stack(means), 0.02 * np.abs(self.prior.mean))
        if self.grid is LIVE and np.all(np.abs(mean - old.plateau) < 0.5 * answer.amplitude_sd()):
            return False
        noise = old.noise
        before, after = (
            np.stack([noise.of(np.array([a, 0.0])), noise.of(np.array([0.0, b]))])
            for a, b in (old.plateau, mean)
        )
        if np.abs(after - before).max() < self._plateau * np.abs(before).max():
            return False
        self.observation = replace(old, plateau=(float(mean[0]), float(mean[1])))
        return True
