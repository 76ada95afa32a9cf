"""The next frames: how long, how often, or none, by what they are expected to tell and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_information import predicted_areas, targeted_gain
from operando.agents.kinetics_summary import KineticsSummary
from operando.agents.kinetics_waiting import Cadence, Outlook, expected_log_sd
from operando.agents.known_settings import known_settings
from operando.errors import BadInput

Floats = NDArray[np.float64]

#: Probabilities from which the onset is suspected, and certain.
_SUSPECTED, _CERTAIN = 0.05, 0.99


@dataclass(frozen=True)
class DesignConfig:
    """What frames may be taken and what they cost.

    Parameters
    ----------
    exposures : tuple of float
        Exposures to choose from, s.
    spacings : tuple of int
        From one frame's beginning to the next, in units of exposure and dead time; 1 is without
        a gap, and the shutter is closed in gaps.
    dead_time : float
        After each exposure, s.
    horizon : float
        How far one proposal reaches, s.
    exposure_cost : float
        Of a second of beam on the sample, in nats about what is wanted.
    frame_cost : float
        Of a frame whatever its exposure, nats.
    dose_limit : float
        Most exposure in all, s.
    reserve : float
        Share of the dose limit kept for what comes after the onset: when the rest is spent,
        waiting goes on in the cadence with the least beam.
    wanted : tuple of str
        What frames are to tell of: "t0", "k" or both.
    outlook : Outlook
        What is expected of a process that has not begun.
    draws, seed : int
        Draws from the posterior, and the seed of their random numbers.

    Raises
    ------
    BadInput
        When a number makes no sense; the message names it.
    """

    exposures: tuple[float, ...] = (0.033, 0.1, 0.33238)
    spacings: tuple[int, ...] = (1, 2, 3)
    dead_time: float = 0.00095
    horizon: float = 1.0
    exposure_cost: float = 0.1
    frame_cost: float = 0.0005
    dose_limit: float = math.inf
    reserve: float = 0.5
    wanted: tuple[str, ...] = ("t0", "k")
    outlook: Outlook = field(default_factory=Outlook)
    draws: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("exposures", "spacings"):
            values = getattr(self, name)
            if not values or not min(values) > 0:
                raise BadInput(f"{name} is {values}; at least one is needed, all above 0")
        for name in ("horizon", "dose_limit"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} is {getattr(self, name)} s; it must be above 0")
        for name in ("dead_time", "exposure_cost", "frame_cost"):
            if not getattr(self, name) >= 0:
                raise BadInput(f"{name} is {getattr(self, name)}; it cannot be below 0")
        if not self.wanted or not set(self.wanted) <= {"t0", "k"}:
            raise BadInput(f"wanted is {self.wanted}; t0, k or both are possible")
        if not 0.0 <= self.reserve < 1.0:
            raise BadInput(f"reserve is {self.reserve}; a share below 1 is needed")
        if self.draws < 50:
            raise BadInput(f"{self.draws} draws are too few; 50 or more are needed")

    def cadences(self) -> list[Cadence]:
        """Give everything that frames can be like."""
        return [
            Cadence(exposure, spacing * (exposure + self.dead_time))
            for exposure, spacing in product(self.exposures, self.spacings)
        ]

    def cost(self, cadence: Cadence) -> float:
        """Cost of one frame, nats."""
        return self.exposure_cost * cadence.exposure + self.frame_cost

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them; no dose limit is None."""
        limit = self.dose_limit if math.isfinite(self.dose_limit) else None
        return {
            **asdict(self),
            "exposures": list(self.exposures),
            "spacings": list(self.spacings),
            "dose_limit": limit,
            "wanted": list(self.wanted),
            "outlook": self.outlook.to_mapping(),
        }

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> DesignConfig:
        """Make a configuration from names and values; unknown names are refused."""
        values = known_settings(cls, settings)
        for name in ("exposures", "spacings", "wanted"):
            if name in values:
                values[name] = tuple(values[name])
        if values.get("dose_limit", 0.0) is None:
            values["dose_limit"] = math.inf
        if "outlook" in values:
            values["outlook"] = Outlook.from_mapping(values["outlook"])
        return cls(**values)


@dataclass(frozen=True)
class Proposal:
    """What to do next.

    Parameters
    ----------
    open : bool
        False: keep the shutter closed for `interval` seconds.
    exposure : float
        Of a frame, s; 0 if the shutter stays closed.
    interval : float
        From the beginning of a frame to that of the next, s.
    num : int
        Frames; 0 if the shutter stays closed.
    gain : float or None
        What these frames together are expected to tell of what is wanted, nats; None before the
        onset.
    per_frame : float or None
        The same for one frame, which a stop rule compares with the cost of a frame. With the
        shutter closed: of the frames that would have been worth most.
    reason : str
        In one line.
    """

    open: bool
    exposure: float
    interval: float
    num: int
    gain: float | None
    per_frame: float | None
    reason: str


class FrameDesign:
    """Proposes the next frames from what is known.

    Parameters
    ----------
    config : DesignConfig
    noise : AreaNoise
        As the engine has it.

    Notes
    -----
    Before the onset a frame's worth is that of having seen the onset when all is over, so the
    cadence is that which makes the logarithm of the final sd of t0, averaged over when the onset
    may be, and the cost of waiting together smallest (Fisher information). While the engine locks
    on, frames follow without a gap. After that, worth is what the frames of the next `horizon`
    are expected to tell of what is wanted (posterior draws), for each cadence; the one whose gain
    exceeds its cost by most is taken, none if none does.
    """

    def __init__(self, config: DesignConfig, noise: AreaNoise) -> None:
        self.config, self.noise = config, noise
        self._waiting: dict[tuple[int, ...], Cadence] = {}

    def propose(
        self,
        engine: KineticsEngine,
        summary: KineticsSummary,
        *,
        now: float,
        flux: float,
        spent: float,
        latest: float | None = None,
    ) -> Proposal:
        """Say what to do from `now` on.

        Parameters
        ----------
        engine : KineticsEngine
            Asked for draws, after the onset.
        summary : KineticsSummary
            Its last one.
        now : float
            s on the record's clock.
        flux : float
            Dose in a second, in the unit of the noise.
        spent : float
            Exposure so far, s.
        latest : float, optional
            When the onset has come at the latest, as far as anybody can say, s; the outlook's
            patience from now unless given.
        """
        left = self.config.dose_limit - spent
        if left < min(self.config.exposures):
            limit = f"the dose limit, {self.config.dose_limit:g} s, is reached"
            return self._closed(limit, 0.0)
        if summary.p_begun < _CERTAIN or summary.locking_on:
            patience = self.config.outlook.patience
            wait = patience if latest is None else max(latest - now, 0.0)
            cadence = self.waiting(spent, flux, wait)
            if cadence.exposure > left:
                shortest = min(self.config.exposures)
                cadence = Cadence(shortest, shortest + self.config.dead_time)
            if summary.p_begun > _SUSPECTED:
                cadence = Cadence(cadence.exposure, cadence.exposure + self.config.dead_time)
                return self._frames(cadence, left, "locking on: no gap")
            if left < self.config.reserve * self.config.dose_limit < math.inf:
                least = min(self.config.cadences(), key=lambda one: one.exposure / one.period)
                return self._frames(
                    least, left, "waiting; the rest of the dose is kept for the process", 1
                )
            return self._frames(cadence, left, "waiting for the onset", 1)
        return self._best(engine, now, flux, left)

    def waiting(self, spent: float, flux: float, wait: float) -> Cadence:
        """Give the cadence with which to wait `wait` seconds at most for the onset."""
        # It changes slowly with all three: coarse steps save the time of doing it again.
        key = tuple(round(4 * math.log2(value)) for value in (1.0 + spent, 1.0 + wait, flux))
        if key not in self._waiting:
            spent, wait, flux = (2.0 ** (step / 4) for step in key)
            spent, wait = spent - 1.0, wait - 1.0
            cadences, outlook = self.config.cadences(), self.config.outlook
            loss = [
                expected_log_sd(one, outlook, self.noise, flux, spent, wait)
                + self.config.cost(one) / one.period * wait / 2.0
                for one in cadences
            ]
            self._waiting[key] = cadences[int(np.argmin(loss))]
        return self._waiting[key]

    def _best(self, engine: KineticsEngine, now: float, flux: float, left: float) -> Proposal:
        config = self.config
        draws = engine.samples(config.draws, config.seed)
        columns = {"t0": draws.t0, "k": np.log(draws.rate)}
        wanted = np.stack([columns[name] for name in config.wanted], axis=1)
        laws = {law.name: law for law in engine.laws}
        best, most = None, 0.0
        for cadence in config.cadences():
            num = min(cadence.frames(config.horizon), int(min(left / cadence.exposure, 1e9)))
            if not num:
                continue
            start = now + cadence.period * np.arange(num)
            areas = predicted_areas(draws, laws, start, start + cadence.exposure)
            gain = targeted_gain(wanted, areas, self.noise, np.full(num, flux * cadence.exposure))
            # Proposals reach a little less or more far than the horizon: compare per second.
            net = (gain - num * config.cost(cadence)) / (num * cadence.period)
            if net > most or best is None:
                best, most = (cadence, num, gain), net
        if best is None:
            return self._closed("the dose that is left is too small for a frame", 0.0)
        cadence, num, gain = best
        if most <= 0.0:
            why = f"the next {config.horizon:g} s would tell {gain:.2g} nat, less than they cost"
            return self._closed(why, gain / num)
        why = f"{num} frames tell {gain:.2g} nat and cost {num * config.cost(cadence):.2g}"
        return Proposal(True, cadence.exposure, cadence.period, num, gain, gain / num, why)

    def _frames(self, cadence: Cadence, left: float, why: str, most: int | None = None) -> Proposal:
        most = most or cadence.frames(self.config.horizon)
        num = max(1, min(most, int(min(left / cadence.exposure, 1e9))))
        return Proposal(True, cadence.exposure, cadence.period, num, None, None, why)

    def _closed(self, why: str, per_frame: float) -> Proposal:
        return Proposal(False, 0.0, self.config.horizon, 0, 0.0, per_frame, why)
