"""Onset, rate and law from any scalar signal: a peak area, a voltage, a pressure.

The signal is a baseline plus an amplitude times α; both are integrated out, and so is the noise
level when nobody states it. The prior of the two is as wide as the data, so that evidence compares
laws on one record, not records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_history import History
from operando.agents.kinetics_noise import UnknownNoise
from operando.agents.kinetics_observation import Prior, SignalObservation
from operando.agents.kinetics_posterior import LatticePosterior
from operando.agents.kinetics_stream import Answer, LawsStream
from operando.agents.kinetics_summary import KineticsSummary
from operando.agents.kinetics_summing import summarise
from operando.errors import BadInput
from operando.physics.kinetic_laws import KineticLaw

Floats = NDArray[np.float64]
Onset = Literal["inside", "none", "unsure", "before", "wrong sign"]

LEAST_POINTS = 7
"""Baseline, amplitude, onset, rate, shape and noise are six unknowns."""

_SURE = 0.95
_MISFIT = 1.7  # residuals over the noise of second differences


@dataclass(frozen=True)
class SignalFit:
    """What a scalar signal says.

    Parameters
    ----------
    summary : KineticsSummary
        Believe its onsets and rates only when `onset` is "inside".
    onset : str
        "inside": the process begins inside the record. "none": it does not. "unsure": the data do
        not tell. "before": it had begun at the first point, so t0 is no more than an upper bound.
        "wrong sign": the signal goes the other way than was said.
    statements : tuple of str
        What a reader must know, in sentences.
    baseline, amplitude, noise : float
        Posterior means under the most probable law, in the signal's unit.
    rate_bounds : tuple of float
        Prior of k that was used, 1/s.
    """

    summary: KineticsSummary
    onset: Onset
    statements: tuple[str, ...]
    baseline: float
    amplitude: float
    noise: float
    rate_bounds: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Give the object that ``operando kinetics --json`` prints; no t0 unless it is known."""
        known = self.onset == "inside"
        result = self.summary.as_dict()
        if not known:
            unknown = {"mean": None, "sd": None, "quantiles": None}
            result |= {"best": None, "t0": unknown, "k": unknown}
            for model in result["models"].values():
                model |= {"t0": unknown, "k": unknown, "shape": None}
        return {
            **result,
            "onset": self.onset,
            "statements": list(self.statements),
            "baseline": self.baseline,
            "amplitude": self.amplitude if known else None,
            "noise": self.noise,
            "rate_bounds": list(self.rate_bounds),
        }


def fit_signal(
    time: ArrayLike,
    value: ArrayLike,
    sigma: ArrayLike | None = None,
    config: KineticsConfig | None = None,
    *,
    exposure: float = 0.0,
    direction: str = "either",
    own_laws: tuple[KineticLaw, ...] = (),
) -> SignalFit:
    """Find onset, rate and law in a scalar signal.

    Parameters
    ----------
    time : array_like, (n,)
        Middle of each exposure, s, rising.
    value : array_like, (n,)
        In any unit.
    sigma : array_like, (n,), optional
        Standard deviation of each value; without it one level for all is integrated out.
    config : KineticsConfig, optional
        Its amplitudes are not used. Without one, the rate's bounds are widened to what a record of
        this length and spacing can show.
    exposure : float
        Length over which each value is an average, s; 0 for readings of an instant.
    direction : {"either", "rise", "fall"}
        Which way the signal must go.
    own_laws : tuple of KineticLaw

    Returns
    -------
    SignalFit

    Raises
    ------
    BadInput
        When the direction is none of the three, there are too few points, times do not rise,
        something is not finite, a sigma is not above 0, or all values are the same.

    Examples
    --------
    >>> t = np.arange(0.0, 20.0, 0.5)
    >>> wiggle = 0.01 * np.sin(37.0 * t)
    >>> fit = fit_signal(t, 3.0 - 2.0 * (1 - np.exp(-0.5 * np.maximum(t - 8.0, 0.0))) + wiggle)
    >>> fit.onset, abs(fit.summary.models["first_order"].t0.mean - 8.0) < 0.05
    ('inside', True)
    """
    if direction not in ("either", "rise", "fall"):
        raise BadInput(f"direction is {direction!r}; rise, fall or either is needed")
    when, values = np.asarray(time, dtype=np.float64), np.asarray(value, dtype=np.float64)
    spread = None if sigma is None else np.asarray(sigma, dtype=np.float64)
    _check(when, values, spread, exposure)
    config = config or KineticsConfig(rate_bounds=natural_rates(when))
    middle, scale = float(np.median(values)), float(np.ptp(values))
    scaled = (values - middle) / scale
    weight = np.ones(len(when)) if spread is None else (scale / spread) ** 2
    prior = _prior(spread is None)
    stream = LawsStream(config.resolve(own_laws), config, SignalObservation(), prior, whole=True)
    history = _history(when, scaled, weight, exposure)
    answer = stream.take(history.frames(), history)
    constant = stream.observation.constant(history.whole()) - len(when) * np.log(scale)
    summary = summarise(answer, stream.past(history), constant, len(when), config.valve_time)
    best = answer.posteriors[int(np.argmax(answer.weighing.each))]
    one, two = best.weights @ best.amplitudes.mean
    noise = float(np.median(spread)) if spread is not None else scale * _level(prior, answer)
    fit = SignalFit(
        summary,
        "inside",
        (),
        baseline=middle + scale * float(one),
        amplitude=scale * float(two),
        noise=noise,
        rate_bounds=config.rate_bounds,
    )
    return _stated(fit, answer, when, values, direction, history)


def natural_rates(time: Floats) -> tuple[float, float]:
    """Bounds of k, 1/s: 0.02 to 20, and whatever else times (n,) in s can show."""
    steps = np.diff(time)
    steps = steps[steps > 0.0]
    if not len(steps):
        return 0.02, 20.0
    return min(0.02, 1.0 / float(np.ptp(time))), max(20.0, 2.0 / float(np.median(steps)))


def _prior(unknown: bool) -> Prior:
    """Priors in units of the values' range, counted from their median."""
    if unknown:
        return UnknownNoise((0.0, 0.0), (1.0, 2.0), (1e-4, 2.0))
    return Prior((0.0, 0.0), (1.0, 2.0))


def _history(time: Floats, value: Floats, weight: Floats, exposure: float) -> History:
    # A reading of an instant is an exposure too short to matter.
    half = 0.5 * (exposure or 1e-4 * float(np.diff(time).min()))
    history = History()
    history.add(time - half, time + half, np.stack([value, np.zeros(len(value))], axis=1), weight)
    return history


def _level(prior: Prior, answer: Answer) -> float:
    """Noise level at the most probable point of the most probable law."""
    best = answer.posteriors[int(np.argmax(answer.weighing.each))]
    assert isinstance(prior, UnknownNoise)
    assert isinstance(best, LatticePosterior)
    return float(prior.level(best.lattice.sums[[int(np.argmax(best.weights))]])[0])


def _stated(
    fit: SignalFit, answer: Answer, time: Floats, value: Floats, direction: str, history: History
) -> SignalFit:
    """Say what the answer is worth."""
    begun, t0 = fit.summary.p_begun, fit.summary.t0
    onset: Onset = "inside"
    statements = []
    up = _p_rise(answer)
    edge = t0.quantiles[0] - history.first < max(0.1 * t0.sd, float(time[1] - time[0]))
    against = {"either": 0.0, "rise": 1.0 - up, "fall": up}[direction]
    if begun < 0.5:
        onset = "none"
        statements.append(
            f"no onset inside the record: that nothing began is the likelier (P = {1 - begun:.2f})"
        )
    elif begun < _SURE:
        onset = "unsure"
        statements.append(f"the data do not tell whether anything began (P = {begun:.2f})")
    elif against > _SURE:
        onset = "wrong sign"
        way = "falls" if direction == "rise" else "rises"
        statements.append(f"the signal {way} where a {direction} was said: no such process here")
    elif edge:
        onset = "before"
        statements.append(
            f"the onset lies before the record or at its first points: t0 is known only to be at "
            f"most {t0.quantiles[-1]:.4g} s"
        )
    low, high = fit.rate_bounds
    if onset == "inside" and not 1.2 * low < fit.summary.k.quantiles[2] < high / 1.2:
        statements.append(f"k lies at an end of its prior, {low:.3g} to {high:.3g} 1/s")
    rough = float(np.median(np.abs(np.diff(value, 2)))) / (0.6745 * np.sqrt(6.0))
    if onset == "inside" and len(time) > 20 and fit.noise > _MISFIT * rough > 0.0:
        statements.append(
            f"no law fits well: the residuals ({fit.noise:.2g}) are {fit.noise / rough:.1f} times "
            "what neighbouring points differ by"
        )
    if onset == "inside" and max(m.probability for m in fit.summary.models.values()) < 0.9:
        statements.append("the record does not tell the laws apart")
    return replace(fit, onset=onset, statements=tuple(statements))


def _p_rise(answer: Answer) -> float:
    """Probability that the amplitude is above 0."""
    total = 0.0
    for posterior, share in zip(answer.posteriors, answer.weighing.share, strict=True):
        amplitudes = posterior.amplitudes
        z = amplitudes.mean[:, 1] / np.sqrt(amplitudes.covariance[:, 2])
        total += float(share * (posterior.weights @ ndtr(z)))
    return total


def _check(time: Floats, value: Floats, sigma: Floats | None, exposure: float) -> None:
    shapes = {column.shape for column in (time, value, sigma) if column is not None}
    if time.ndim != 1 or len(shapes) > 1:
        raise BadInput("time, value and sigma must be rows of the same length")
    if len(time) < LEAST_POINTS:
        raise BadInput(
            f"{len(time)} points; at least {LEAST_POINTS} are needed for a baseline, an amplitude, "
            "an onset, a rate, a shape and the noise"
        )
    for name, column in (("time", time), ("value", value), ("sigma", sigma)):
        if column is not None and not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column))) + 1
            raise BadInput(f"{name} of point {row} is {column[row - 1]}; a finite number is needed")
    step = np.diff(time)
    if not (step > 0.0).all():
        row = int(np.argmax(step <= 0.0)) + 2
        what = "repeats" if step[row - 2] == 0.0 else "is earlier than"
        raise BadInput(f"time of point {row}, {time[row - 1]:g} s, {what} the one before")
    if sigma is not None and not (sigma > 0.0).all():
        raise BadInput(f"sigma of point {int(np.argmax(sigma <= 0.0)) + 1} is not above 0")
    if np.ptp(value) == 0.0:
        raise BadInput(f"all values are {value[0]:g}: no onset can be seen in a constant")
    if not 0.0 <= exposure <= float(step.min()) * (1.0 + 1e-9):
        raise BadInput(f"exposure is {exposure:g} s; from 0 to the shortest step of time is needed")
