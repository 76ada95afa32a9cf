"""Onset, rate and law of a process from pattern areas, frame by frame.

The two areas are linear in two amplitudes, which are integrated out in closed form; onset, rate
and at most one shape parameter remain, on a lattice for each law whose points hold running sums.
The priors are a reconstruction: the list of laws, priors and sampler settings of the published
work (Sci. Rep. 2023, 10.1038/s41598-023-40573-z) could not be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from operando.agents.kinetics_check import CheckedLaw, check_law
from operando.agents.kinetics_config import AreaNoise, KineticsConfig
from operando.agents.kinetics_doubts import doubt
from operando.agents.kinetics_history import History, check_frames
from operando.agents.kinetics_observation import AreaObservation
from operando.agents.kinetics_posterior import LatticePosterior, LawPosterior, Samples
from operando.agents.kinetics_stream import Answer, LawsStream
from operando.agents.kinetics_summary import KineticsSummary
from operando.agents.kinetics_summing import summarise
from operando.errors import BadInput
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]

LEAST = 0.03
"""Frames are taken into the lattices in batches of at least this length, s."""

LONGEST = 0.3
"""However much there is to do, batches need not be longer than this, s."""


class KineticsEngine:
    """Streaming inference of onset, rate and law.

    Parameters
    ----------
    config : KineticsConfig
    noise : AreaNoise
        Covariance of areas as the model predicts it.
    own_laws : sequence of KineticLaw
        Laws beside those shipped, to be named in ``config.laws``.
    whole : bool
        True when all frames come in one call to :meth:`add`: finer lattices, for the end of a run.

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
        self,
        config: KineticsConfig,
        noise: AreaNoise,
        own_laws: Sequence[KineticLaw] = (),
        *,
        whole: bool = False,
    ) -> None:
        self.config = config
        self.laws = config.resolve(own_laws)
        self._history = History()
        observation = AreaObservation(noise, config.amplitude_mean)
        self._stream = LawsStream(self.laws, config, observation, whole=whole)
        self._taken = 0
        self._answer: Answer | None = None

    def __len__(self) -> int:
        return len(self._history)

    def add(self, start: ArrayLike, stop: ArrayLike, areas: ArrayLike, dose: ArrayLike) -> None:
        """Take frames in; as many at a time as there are.

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
            if self._history.length_since(self._taken) >= self.pace:
                self._take()

    @property
    def pace(self) -> float:
        """Length of frames worth gathering before they are taken in, s.

        Longer after lattices had to be built anew, as about the onset, so that frames that come
        fast do not queue up behind the answers. It follows from the frames alone: a replay has
        the same batches.
        """
        return min(LEAST + self._stream.effort, LONGEST)

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
        answer = self._current()
        past = self._stream.past(self._history)
        constant = self._stream.observation.constant(self._history.whole())
        ts = self.config.valve_time if ts is None else ts
        summary = summarise(answer, past, constant, len(self), ts)
        return replace(summary, doubt=doubt(answer, self._history))

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
        answer = self._current()
        random = np.random.default_rng(seed)
        share = answer.weighing.share
        law = random.choice(len(self.laws), count, p=share / share.sum())
        points, theta = np.empty((count, 3)), np.empty((count, 2))
        for index, posterior in enumerate(answer.posteriors):
            rows = law == index
            points[rows], theta[rows] = posterior.draw(int(rows.sum()), random)
        names = tuple(law.name for law in self.laws)
        return Samples(law, names, points[:, 0], points[:, 1], points[:, 2], theta)

    def check(self) -> dict[str, CheckedLaw]:
        """Integrate again by Gauss-Hermite quadrature from every single frame.

        The lattices say only where to look; sums, bins and weights are made anew. Costs about
        100 points times the number of frames for a law without a shape, ten times that with one.
        """
        answer = self._current()
        past = self._stream.past(self._history)
        constant = self._stream.observation.constant(self._history.whole())
        return {
            p.law.name: check_law(self._stream.task(p.law, self._history), p, past, constant)
            for p in answer.posteriors
            if isinstance(p, LatticePosterior)
        }

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Give what a fresh engine with the same configuration needs to go on, as arrays."""
        kept = {"origin": np.array(self._history.origin), "taken": np.array(float(self._taken))}
        kept["effort"] = np.array(self._stream.effort)
        return {**kept, "rows": self._history.rows.copy(), **self._stream.state()}

    def restore(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on from :meth:`state` of an engine with the same configuration."""
        self._history.restore(float(state["origin"]), state["rows"])
        self._stream.restore(state, self._history)
        self._taken = int(state["taken"])
        self._stream.effort = float(state["effort"])
        self._answer = self._stream.answer(self._history) if self._taken else None

    def _take(self) -> None:
        new = self._history.frames(self._taken, LEAST)
        self._taken = len(self._history)
        self._answer = self._stream.take(new, self._history)

    def _current(self) -> Answer:
        if not len(self):
            raise BadInput("no frames yet")
        if self._taken < len(self):
            self._take()
        assert self._answer is not None
        return self._answer

    def _of(self, model: str) -> LawPosterior:
        for posterior in self._current().posteriors:
            if posterior.law.name == model:
                return posterior
        raise BadInput(f"no law {model!r}; there are {', '.join(self.config.laws)}")
