"""Before the onset: what a cadence of frames leads to when all is over, and what a prior saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise
from operando.agents.kinetics_information import T0, expected_sd, frame_information
from operando.agents.known_settings import known_settings
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

Floats = NDArray[np.float64]

#: Signal to noise, squared, at which an onset counts as noticed.
_NOTICED = 25.0
#: Precision of the priors of onset, log rate, log shape and the amplitudes.
_PRIOR = (1e-4, 0.25, 0.25, 1.0, 1.0)


@dataclass(frozen=True)
class Cadence:
    """Frames of one kind.

    Parameters
    ----------
    exposure : float
        s.
    period : float
        From the beginning of a frame to that of the next, s.
    """

    exposure: float
    period: float

    def frames(self, duration: float) -> int:
        """Frames that fit best into a time, s; at least 1."""
        return max(1, round(duration / self.period))


@dataclass(frozen=True)
class Outlook:
    """What is expected of a process that has not begun.

    Parameters
    ----------
    law : str
    rates : tuple of float
        Values of k that are all as likely, 1/s.
    after : float
        How long the record goes on after the onset, s.
    exposure : float
        Of the frames then, s.
    patience : float
        Longest wait for the onset where nothing else is known, s.

    Raises
    ------
    BadInput
        When a law is not known or a number is not above 0.
    """

    law: str = "first_order"
    rates: tuple[float, ...] = (0.3, 0.6, 1.2)
    after: float = 9.0
    exposure: float = 0.33
    patience: float = 10.0

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise BadInput(f"no law {self.law!r}; there are {', '.join(LAWS)}")
        numbers = (*self.rates, self.after, self.exposure, self.patience)
        if not self.rates or not min(numbers) > 0.0:
            raise BadInput("outlook: rates, after, exposure and patience must be above 0")

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them."""
        return {**vars(self), "rates": list(self.rates)}

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Outlook:
        """Make it from names and values."""
        values = known_settings(cls, settings)
        return cls(**{**values, "rates": tuple(values.get("rates", cls.rates))})


def expected_log_sd(
    cadence: Cadence,
    outlook: Outlook,
    noise: AreaNoise,
    flux: float,
    spent: float,
    wait: float,
) -> float:
    """Logarithm of the final sd of t0 when the onset is waited for in one cadence.

    Parameters
    ----------
    cadence : Cadence
        Kept until the onset is noticed; then frames follow without a gap.
    outlook : Outlook
    noise : AreaNoise
    flux : float
        Dose in a second.
    spent : float
        Exposure so far, all before the onset, s.
    wait : float
        The onset lies anywhere between now and `wait` seconds from now.

    Returns
    -------
    float
        Mean over onsets and rates; t0 in s.

    Examples
    --------
    Short frames gain next to nothing; gaps make the onset noticed late and cost a third:

    >>> noise = AreaNoise(np.eye(2), np.zeros((2, 2, 2)))
    >>> short, usual, gaps = (
    ...     expected_log_sd(Cadence(*c), Outlook(), noise, 1e4, 0.0, 8.0)
    ...     for c in ((0.033, 0.034), (0.33, 0.331), (0.33, 0.661))
    ... )
    >>> round(usual - short, 1), round(gaps - short, 1)
    (0.0, 0.3)
    """
    values = []
    empty = _before(noise, flux)
    # An irrational step spreads onsets over the wait and over phases of the cadence alike.
    for index in range(8):
        t0 = 1e-6 + wait * ((0.5 + index * 0.6180339887) % 1.0)
        for rate in outlook.rates:
            information = _after(cadence, outlook, noise, flux, t0, rate)
            open_share = cadence.exposure / cadence.period
            information += empty * (spent + open_share * t0)
            values.append(np.log(expected_sd(information, _PRIOR)[T0]))
    return float(np.mean(values))


def frames_before(
    outlook: Outlook,
    noise: AreaNoise,
    flux: float,
    *,
    exposure: float,
    least_gain: float,
    most: int = 100,
) -> int:
    """Frames worth taking while the process cannot have begun, as before a valve opens.

    They only tell how much there is of the empty phase. The number is where one more would make
    the final sd of t0 narrower by less than a share of `least_gain`.

    Parameters
    ----------
    outlook, noise, flux
        As in `expected_log_sd`.
    exposure : float
        Of a frame, s.
    least_gain : float
        What a frame costs, nats.
    most : int
        Never more than this.

    Returns
    -------
    int

    Examples
    --------
    >>> noise = AreaNoise(np.eye(2), np.zeros((2, 2, 2)))
    >>> frames_before(Outlook(), noise, 1e4, exposure=0.33, least_gain=0.01) < 10
    True
    """
    after = [
        _after(Cadence(exposure, exposure), outlook, noise, flux, phase * exposure, rate)
        for phase in (0.17, 0.5, 0.83)
        for rate in outlook.rates
    ]
    one_more = _before(noise, flux * exposure)
    last = np.inf
    for count in range(most + 1):
        informed = [one + count * one_more for one in after]
        value = float(np.mean([np.log(expected_sd(one, _PRIOR)[T0]) for one in informed]))
        if last - value < least_gain:
            return count - 1
        last = value
    return most


def _before(noise: AreaNoise, dose: float) -> Floats:
    """Information of a dose given before the onset, where all frames are alike."""
    point, amplitudes = (1.0, 1.0, 1.0), (1.0, 1.0)
    one = frame_information(LAWS["first_order"], point, amplitudes, [-1.0], [0.0], noise, dose)
    return np.asarray(one[0])


def _after(
    cadence: Cadence, outlook: Outlook, noise: AreaNoise, flux: float, t0: float, rate: float
) -> Floats:
    """Information of all frames that end after the onset."""
    law = LAWS[outlook.law]
    first = np.floor(t0 / cadence.period)
    start = cadence.period * (first + np.arange(np.ceil(outlook.after / cadence.period)))
    stop = start + cadence.exposure
    extent = mean_extent(law, start, stop, t0, rate)
    variance = noise.of(np.array([1.0, 0.0])) / (flux * cadence.exposure)
    change = np.array([-1.0, 1.0])
    strength = float(change @ np.linalg.solve(variance, change))
    noticed = int(np.searchsorted(np.cumsum(extent**2) * strength, _NOTICED)) + 1
    start, stop = start[:noticed], stop[:noticed]
    later = np.arange(start[-1] + cadence.period, t0 + outlook.after, outlook.exposure)
    start, stop = np.append(start, later), np.append(stop, later + outlook.exposure)
    point = (t0, rate, 1.0)
    return np.asarray(
        frame_information(law, point, (1.0, 1.0), start, stop, noise, flux).sum(axis=0)
    )
