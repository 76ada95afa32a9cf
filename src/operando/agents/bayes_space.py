"""Settings of knobs: what has been measured there, where they can go, and the unit cube."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.bayes_config import BayesOptConfig
from operando.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """What has been measured.

    Parameters
    ----------
    settings : ndarray of float64, (n, d)
        Of the knobs, in their own units.
    values : ndarray of float64, (n,)
        The objective.
    sd : ndarray of float64, (n,)
        Its standard deviation; NaN where nobody knows.
    times : ndarray of float64, (n,)
        When, s.
    """

    settings: Floats
    values: Floats
    sd: Floats
    times: Floats

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(
        cls, rows: Sequence[tuple[tuple[float, ...], float, float, float]], knobs: int
    ) -> Points:
        """Make them of rows: setting, value, standard deviation and time."""
        settings = np.array([row[0] for row in rows], dtype=np.float64).reshape(-1, knobs)
        values, sd, times = (np.array([row[i] for row in rows], dtype=float) for i in (1, 2, 3))
        return cls(settings, values, sd, times)

    def joined(self, later: Points) -> Points:
        """Give these and later ones."""
        return Points(
            np.vstack([self.settings, later.settings]),
            np.concatenate([self.values, later.values]),
            np.concatenate([self.sd, later.sd]),
            np.concatenate([self.times, later.times]),
        )


def feasible(config: BayesOptConfig, inputs: Floats, here: tuple[float, ...] | None) -> Floats:
    """From the unit cube to settings that can be reached, and whose moves are worth making."""
    settings = from_unit(config, inputs)
    if here is None:
        return settings
    stand = np.asarray(here, dtype=np.float64)
    reach = np.array([knob.reach for knob in config.knobs])
    smallest = np.array([knob.smallest for knob in config.knobs])
    moved = stand + np.clip(settings - stand, -reach, reach)
    return clipped(config, np.where(np.abs(moved - stand) < smallest, stand, moved))


def clipped(config: BayesOptConfig, settings: Floats) -> Floats:
    """Keep settings within the range."""
    low, high = _limits(config)
    return np.asarray(np.clip(settings, low, high), dtype=np.float64)


def _limits(config: BayesOptConfig) -> tuple[Floats, Floats]:
    return (
        np.array([knob.low for knob in config.knobs]),
        np.array([knob.high for knob in config.knobs]),
    )


def to_unit(config: BayesOptConfig, settings: Floats) -> Floats:
    """Go from settings to the unit cube."""
    low, high = _limits(config)
    return np.asarray(np.clip((settings - low) / (high - low), 0.0, 1.0))


def from_unit(config: BayesOptConfig, inputs: Floats) -> Floats:
    """Go from the unit cube to settings."""
    low, high = _limits(config)
    return np.asarray(low + inputs * (high - low))


@dataclass(frozen=True)
class Scaled:
    """What has been measured, as the model takes it.

    Parameters
    ----------
    values : ndarray of float64, (n,)
        To be made small.
    sd : ndarray of float64, (n,)
        Their standard deviations; NaN: unknown.
    drift : ndarray of float64, (n,)
        By how much each may have changed since.
    plane : ndarray of float64, (n,)
        By how much the steepest part of the function may have, since each was measured.
    """

    values: Floats
    sd: Floats
    drift: Floats
    plane: Floats

    @classmethod
    def of(cls, config: BayesOptConfig, points: Points, now: float | None) -> Scaled:
        """Scale what has been measured.

        Raises
        ------
        BadInput
            If a logarithm is asked for of what has none.
        """
        values = points.values
        unknown = math.nan if config.noise is None else config.noise
        sd = np.where(np.isnan(points.sd), unknown, points.sd)
        since = (points.times.max() if now is None else now) - points.times
        drift = plane = config.drift_per_hour * np.abs(since) / 3600.0
        if config.scale == "log":
            if not (values > 0).all():
                raise BadInput(f"{config.objective} has no logarithm where it is not positive")
            values, sd, drift = np.log(values), sd / values, drift / values
        elif config.scale == "square":
            plane = 2.0 * float(np.abs(values).max()) * drift + drift**2
            drift = 2.0 * np.abs(values) * drift + drift**2
            values, sd = values**2, 2.0 * np.abs(values) * sd + sd**2
        sd = np.hypot(sd, config.misfit * np.abs(values)) if config.misfit else sd
        return cls(-values if config.goal == "maximize" else values, sd, drift, plane)

    def normal(self) -> tuple[Scaled, float, float]:
        """Give it with mean 0 and standard deviation 1, and what both were."""
        middle = float(self.values.mean())
        unit = max(float(self.values.std()), 1e-9 * max(abs(middle), 1e-300))
        small = Scaled(
            (self.values - middle) / unit, self.sd / unit, self.drift / unit, self.plane / unit
        )
        return small, middle, unit
