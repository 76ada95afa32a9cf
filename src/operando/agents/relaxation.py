"""Relaxation towards an unknown plateau: of a voltage or a reflection's position during a rest.

The same idea as for onsets: start and change of the signal are linear and integrated out in
closed form, rate and at most one shape parameter remain, on a grid that closes in on where the
posterior is. A rest may end as soon as the plateau is known, long before it is reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from operando.agents.kinetics_observation import log_sum
from operando.agents.relaxation_laws import RELAXATION_LAWS, LawGrid, Signal, close_in
from operando.errors import BadInput

Floats = NDArray[np.float64]

#: Beyond it squares of values are no numbers any more.
_LARGEST = 1e100
_BINS, _BLOCKS, _LEAST = 120, 16, 16


@dataclass(frozen=True)
class RelaxationConfig:
    """Priors of a relaxation, and when its plateau is known.

    Parameters
    ----------
    rate_bounds : tuple of float
        k, log-uniform between these two, 1/s.
    reach : float
        Standard deviation of the normal priors of the beginning (about the first value) and of
        the whole change (about 0), in the signal's unit. It only needs the right order.
    sigma : float, optional
        Noise of a value. Unless given it is found from the values.
    target : float
        Standard deviation of the plateau that is enough, in the signal's unit.
    least : float
        Shortest rest, s.
    misfit : float
        Residuals of blocks of more than so many times their noise mean that no law fits; the rest
        goes on.

    Raises
    ------
    BadInput
        When a number makes no sense.
    """

    rate_bounds: tuple[float, float] = (1e-4, 1.0)
    reach: float = 0.1
    sigma: float | None = None
    target: float = 1e-4
    least: float = 30.0
    misfit: float = 1.6

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_bounds[0] < self.rate_bounds[1]:
            raise BadInput(f"rate_bounds is {self.rate_bounds}; two rising rates are needed")
        for name in ("reach", "sigma", "target", "misfit"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise BadInput(f"{name} is {value}; it must be above 0")
        if not self.least >= 0.0:
            raise BadInput(f"least is {self.least} s; it cannot be below 0")


@dataclass(frozen=True)
class Relaxation:
    """What is known of a relaxation.

    Parameters
    ----------
    plateau, plateau_sd : float
        Where it goes to, averaged over the laws, in the signal's unit.
    remaining : float
        Plateau less what the laws say the signal is now.
    probabilities : dict
        Of the laws by name.
    sigma : float
        Noise of a value as used.
    misfit : float
        Residuals of the best law, averaged over each sixteenth of the rest, in units of what
        noise alone makes of them; about 1 if a law fits.
    duration : float
        Time that was seen, s.
    """

    plateau: float
    plateau_sd: float
    remaining: float
    probabilities: dict[str, float]
    sigma: float
    misfit: float
    duration: float


def fit_relaxation(
    time: ArrayLike, value: ArrayLike, config: RelaxationConfig | None = None
) -> Relaxation:
    """Find the plateau of a relaxation from its beginning.

    Parameters
    ----------
    time : array_like, (n,)
        Since the rest began, s, rising; the first not below 0.
    value : array_like, (n,)
        Voltage, position of a reflection, or whatever relaxes.
    config : RelaxationConfig, optional

    Raises
    ------
    BadInput
        When there are fewer than 16 values, one is no finite number, or times do not rise.

    Examples
    --------
    Where a relaxation goes to, and how sure that is with any of the laws:

    >>> t = np.arange(0.0, 600.0)
    >>> noise = 1e-4 * np.random.default_rng(0).standard_normal(t.size)
    >>> known = fit_relaxation(t, 3.7 + 0.02 * np.exp(-t / 100.0) + noise)
    >>> abs(known.plateau - 3.7) < 3.0 * known.plateau_sd < 0.001
    True
    """
    config = config or RelaxationConfig()
    t, y = _numbers(time, "times"), _numbers(value, "values")
    if t.ndim != 1 or t.shape != y.shape or len(t) < _LEAST:
        raise BadInput(f"a relaxation needs {_LEAST} times and as many values")
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise BadInput("a relaxation's times and values must be finite numbers")
    if max(float(np.abs(t).max()), float(np.abs(y).max())) > _LARGEST:
        raise BadInput(f"a relaxation's times and values must be below {_LARGEST:g}")
    if t[0] < 0.0 or np.any(np.diff(t) <= 0.0):
        raise BadInput("a relaxation's times must rise and begin at 0 or later")
    origin = float(y[0])
    signal = _merge(t, y - origin, config.sigma)
    fits = [
        close_in(law, signal, signal.noise, config.rate_bounds, config.reach)
        for law in RELAXATION_LAWS
    ]
    return _average(fits, signal, origin)


class RestRule:
    """Whether a rest may end.

    Parameters
    ----------
    config : RelaxationConfig

    Examples
    --------
    >>> t = np.arange(0.0, 300.0)
    >>> noise = 1e-5 * np.random.default_rng(0).standard_normal(t.size)
    >>> RestRule(RelaxationConfig()).decide(t, 3.7 + 0.02 * np.exp(-t / 50.0) + noise)[0]
    True
    """

    def __init__(self, config: RelaxationConfig) -> None:
        self.config = config

    def decide(self, time: ArrayLike, value: ArrayLike) -> tuple[bool, str]:
        """Say whether the rest may end, and why or why not; as `fit_relaxation` takes them."""
        times = _numbers(time, "times")
        if times.size < _LEAST or times[-1] < self.config.least:
            return False, f"too early: {self.config.least:g} s and {_LEAST} values are needed"
        known = fit_relaxation(times, value, self.config)
        if known.misfit > self.config.misfit:
            return False, f"no law fits: residuals are {known.misfit:.2g} times the noise"
        words = f"plateau {known.plateau:.6g} ± {known.plateau_sd:.2g}"
        if known.plateau_sd > self.config.target:
            return False, f"{words}, ± {self.config.target:.2g} is wanted"
        return True, f"{words} is known, {known.remaining:+.2g} from now"


def _numbers(values: ArrayLike, what: str) -> Floats:
    """Give numbers as an array of one dimension, or raise a BadInput."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"a relaxation's {what} must be numbers") from None
    if found.ndim != 1:
        raise BadInput(f"a relaxation's {what} are one row, not the shape {found.shape}")
    return found


def _merge(t: Floats, y: Floats, sigma: float | None) -> Signal:
    """Merge neighbours so that about 120 bins remain, narrow at first and wider later."""
    # Second differences take out whatever is smooth; a median does not mind the first bend.
    noise = float(np.median(np.abs(np.diff(y, 2))) / (0.6745 * np.sqrt(6.0)))
    # Values without any noise, as from a simulation, are known to their last digits at best.
    noise = sigma or max(noise, 1e-6 * float(np.ptp(y)), 1e-12)
    label = np.floor(_BINS * np.sqrt((t - t[0]) / (t[-1] - t[0])))
    edges = np.flatnonzero(np.diff(label, prepend=-1.0))
    count = np.diff(np.append(edges, len(t))).astype(np.float64)
    mean_t, mean_y = (np.add.reduceat(a, edges) / count for a in (t, y))
    return Signal(mean_t, mean_y, count, float(y @ y), noise)


def _misfit(one: LawGrid, signal: Signal) -> float:
    """Residuals of a law's best curve in blocks of bins, in units of their noise."""
    best = int(np.argmax(one.log_mass))
    apart = signal.count * (signal.value - one.curves(slice(best, best + 1), signal.time)[0])
    edges = np.unique(np.linspace(0, len(apart), _BLOCKS, endpoint=False).astype(np.intp))
    sums = np.add.reduceat(apart, edges)
    square = sums**2 / np.add.reduceat(signal.count, edges) / signal.noise**2
    free = max(len(edges) - one.amplitudes.shape[1] - 1, 1)
    return float(np.sqrt(square.sum() / free))


def _average(fits: Sequence[LawGrid], signal: Signal, origin: float) -> Relaxation:
    evidence = np.array([one.log_evidence for one in fits])
    share = np.exp(evidence - log_sum(evidence))
    now = signal.time[-1:]
    columns = zip(*_parts(fits, share, now), strict=True)
    weight, plateau, variance, present = (np.concatenate(column) for column in columns)
    mean = float(weight @ plateau)
    return Relaxation(
        plateau=origin + mean,
        plateau_sd=float(np.sqrt(weight @ (variance + (plateau - mean) ** 2))),
        remaining=mean - float(weight @ present),
        probabilities={one.law.name: float(value) for one, value in zip(fits, share, strict=True)},
        sigma=signal.noise,
        misfit=_misfit(fits[int(np.argmax(share))], signal),
        duration=float(now[0]),
    )


def _parts(
    fits: Sequence[LawGrid], share: Floats, now: Floats
) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
    """Weight of each point, mean and variance of its plateau, and its value now."""
    for one, probability in zip(fits, share, strict=True):
        yield (
            probability * np.exp(one.log_mass - one.log_evidence),
            one.amplitudes.sum(axis=1),
            one.plateau_variance,
            one.curves(slice(None), now)[:, 0],
        )
