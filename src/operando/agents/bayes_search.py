"""Where to measure next, from what has been measured: one step of Bayesian optimisation.

A step is a function of settings and points alone, so a replay, a checkpoint and a warm start need
nothing but the points.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from operando.agents.bayes_config import BayesOptConfig
from operando.agents.bayes_proposal import Hedge, Proposal
from operando.agents.bayes_space import (
    Floats,
    Points,
    Scaled,
    clipped,
    feasible,
    from_unit,
    to_unit,
)
from operando.agents.bayes_surrogate import design_points, new_optimizer, new_surrogate

if TYPE_CHECKING:
    from skopt import Optimizer

_HEDGED = ("EI", "LCB", "PI")
#: Spread of the candidates about the best points, share of the range.
_NEAR = (0.1, 0.03, 0.01, 0.003)


def propose(
    config: BayesOptConfig,
    points: Points,
    here: tuple[float, ...] | None,
    hedge: Hedge | None = None,
    *,
    now: float | None = None,
    avoid: Sequence[tuple[float, ...]] = (),
) -> Proposal:
    """Propose the next point.

    Parameters
    ----------
    config : BayesOptConfig
    points : Points
        What has been measured, in this order.
    here : tuple of float, optional
        Where the knobs stand.
    hedge : Hedge, optional
        Of the last step.
    now : float, optional
        The time, s; that of the last point if not given. Earlier points are worth less by the
        drift since.
    avoid : sequence of tuple of float
        Settings that could not be measured; nothing near them is proposed by the model.

    Returns
    -------
    Proposal
        Within the range, within reach of `here`, no knob moved by less than its smallest move.
    """
    hedge = hedge or Hedge()
    if here is not None and not len(points):
        return Proposal(tuple(clipped(config, np.asarray(here)).tolist()), "start", hedge=hedge)
    if len(points) < config.first:
        return Proposal(_designed(config, points, here), "design", hedge=hedge)
    return Model(config, points, now, hedge).proposal(here, avoid)


def _designed(
    config: BayesOptConfig, points: Points, here: tuple[float, ...] | None
) -> tuple[float, ...]:
    """Next point of the design: about the first point measured, or over the whole range."""
    design = design_points(config.design, config.first, len(config.knobs), config.seed)
    middle = np.full(len(config.knobs), 0.5)
    if config.spread < 1.0 and len(points):
        middle = to_unit(config, points.settings[0])
    unit = np.clip(middle + config.spread * (design[len(points)] - 0.5), 0.0, 1.0)
    return tuple(feasible(config, unit[None], here)[0].tolist())


class Model:
    """What the points say about every other one.

    Parameters
    ----------
    config : BayesOptConfig
    points : Points
        As many as the model needs (``config.first``), or more.
    now : float, optional
        The time, s; that of the last point if not given.
    hedge : Hedge, optional
        Of the last step.

    Raises
    ------
    BadInput
        If the values cannot be what they are said to be (a logarithm of a negative number), or
        the noise of a quadratic model is not known.
    """

    def __init__(
        self,
        config: BayesOptConfig,
        points: Points,
        now: float | None = None,
        hedge: Hedge | None = None,
    ) -> None:
        self._config, self._points = config, points
        self._hedge = hedge or Hedge()
        self._rng = np.random.default_rng([config.seed, 1, len(points)])
        scaled, self._middle, self._unit = Scaled.of(config, points, now).normal()
        self._inputs = to_unit(config, points.settings)
        self._fitted(new_optimizer(config, new_surrogate(config, scaled)), scaled.values)

    def _fitted(self, optimizer: Optimizer, values: Floats) -> None:
        if self._config.acquisition == "gp_hedge" and self._hedge.proposed:
            optimizer.gains_ = np.array(self._hedge.gains)
            optimizer.next_xs_ = [np.array(one) for one in self._hedge.proposed]
        optimizer.tell(self._inputs.tolist(), values.tolist())
        self._surrogate = optimizer.models[-1]
        self._proposed = [np.asarray(one) for one in optimizer.next_xs_]
        if self._config.acquisition == "gp_hedge":
            gains = tuple(float(gain) for gain in optimizer.gains_)
            proposed = tuple(tuple(float(v) for v in one) for one in self._proposed)
            self._hedge = Hedge(gains, proposed)

    def predict(self, settings: Floats) -> tuple[Floats, Floats]:
        """Predict the objective at settings (m, d): mean and standard deviation, (m,) each."""
        mean, sd = self._predict(to_unit(self._config, np.atleast_2d(settings)))
        mean, sd = self._middle + self._unit * mean, self._unit * sd
        mean = -mean if self._config.goal == "maximize" else mean
        if self._config.scale == "log":
            return np.exp(mean), np.exp(mean) * sd
        if self._config.scale == "square":
            root = np.sqrt(np.maximum(mean, 0.0))
            return root, 0.5 * sd / np.maximum(root, np.sqrt(sd))
        return mean, sd

    def _predict(self, inputs: Floats) -> tuple[Floats, Floats]:
        with warnings.catch_warnings():
            # Rounding, at points that have been measured; it is set to 0, which is right.
            warnings.filterwarnings("ignore", "Predicted variances smaller than 0")
            mean, sd = self._surrogate.predict(inputs, return_std=True)
        return np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)

    def proposal(
        self, here: tuple[float, ...] | None, avoid: Sequence[tuple[float, ...]] = ()
    ) -> Proposal:
        """Propose the next point; see `propose`."""
        name = self._acquisition()
        inputs = self._rng.random((self._config.candidates, self._d))
        inputs = np.vstack([inputs, *self._proposed, self._inputs])
        settings = feasible(self._config, inputs, here)
        value = self._value(name, settings)
        mean = self._predict(to_unit(self._config, settings))[0]
        around = settings[[int(np.argmax(value)), int(np.argmin(mean))]]
        near = feasible(self._config, self._about(to_unit(self._config, around)), here)
        settings = np.vstack([settings, near])
        value = np.concatenate([value, self._value(name, near)])
        if not value.max() > value.min():  # nothing is expected of any: the best there is
            value = -self._predict(to_unit(self._config, settings))[0]
        value = np.where(_near(self._config, settings, avoid), value.min(), value)
        chosen = _nearest_good(self._config, settings, value, here)
        expected, sd = self.predict(settings[chosen][None])
        return Proposal(
            tuple(settings[chosen].tolist()),
            name,
            float(value[chosen]),
            float(expected[0]),
            float(sd[0]),
            self._hedge,
        )

    def best(self) -> tuple[float, ...]:
        """Give the setting of which the model expects most, within the range."""
        settings = from_unit(self._config, self._rng.random((self._config.candidates, self._d)))
        settings = np.vstack([settings, self._points.settings])
        for _ in range(2):
            mean = self._predict(to_unit(self._config, settings))[0]
            about = self._about(to_unit(self._config, settings[[int(np.argmin(mean))]]))
            settings = np.vstack([settings, feasible(self._config, about, None)])
        mean = self._predict(to_unit(self._config, settings))[0]
        return tuple(settings[int(np.argmin(mean))].tolist())

    @property
    def _d(self) -> int:
        return len(self._config.knobs)

    def _acquisition(self) -> str:
        if self._config.acquisition != "gp_hedge":
            return self._config.acquisition
        gains = np.array(self._hedge.gains)
        odds = np.exp(gains - gains.max())
        return _HEDGED[int(self._rng.choice(len(_HEDGED), p=odds / odds.sum()))]

    def _value(self, name: str, settings: Floats) -> Floats:
        from skopt.acquisition import gaussian_ei, gaussian_lcb, gaussian_pi

        inputs = to_unit(self._config, settings)
        # The best that the model believes in, not the luckiest number.
        best = float(self._predict(self._inputs)[0].min())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Predicted variances smaller than 0")
            if name == "LCB":
                value = -gaussian_lcb(inputs, self._surrogate, self._config.kappa)
            elif name == "PI":
                value = gaussian_pi(inputs, self._surrogate, best, self._config.xi)
            else:
                value = gaussian_ei(inputs, self._surrogate, best, self._config.xi)
        return np.asarray(value, dtype=np.float64)

    def _about(self, centres: Floats) -> Floats:
        """Candidates near centres, in the unit cube."""
        spread = np.repeat(_NEAR, 40)[:, None]
        clouds = [
            centre + spread * self._rng.standard_normal((len(spread), self._d))
            for centre in centres
        ]
        return np.asarray(np.clip(np.vstack([centres, *clouds]), 0.0, 1.0))


def _nearest_good(
    config: BayesOptConfig, settings: Floats, value: Floats, here: tuple[float, ...] | None
) -> int:
    """Index of the shortest move among candidates that are nearly as good as the best."""
    if here is None:
        return int(np.argmax(value))
    speed = np.array([knob.speed for knob in config.knobs])
    seconds = (np.abs(settings - np.asarray(here)) / speed).max(axis=1)
    best = value.max()
    good = value >= best - config.tolerance * (best - np.median(value))
    order = np.lexsort((-value, np.where(good, seconds, np.inf)))
    return int(order[0])


def _near(
    config: BayesOptConfig, settings: Floats, avoid: Sequence[tuple[float, ...]]
) -> NDArray[np.bool_]:
    """Which settings are within a fiftieth of the range of one that is to be avoided, (n,)."""
    near = np.zeros(len(settings), dtype=bool)
    for one in avoid:
        away = np.abs(to_unit(config, settings) - to_unit(config, np.array(one)))
        near |= (away < 0.02).all(axis=1)
    return near
