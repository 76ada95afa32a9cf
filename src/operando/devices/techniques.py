"""What a potentiostat can be told to do: rest, constant current, hold, cyclic voltammetry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from operando.errors import BadInput


@dataclass(frozen=True)
class Moment:
    """What the driver knows when it asks a technique what to do.

    Parameters
    ----------
    elapsed : float
        Time since the technique began, s.
    voltage, current : float
        Last reading, V and A.
    charge : float
        Coulomb count, Ah.
    slope : float
        dV/dt over the last half minute or so, V/s; NaN while it is not known.
    """

    elapsed: float
    voltage: float
    current: float
    charge: float
    slope: float


class Technique(Protocol):
    """One technique; current and voltage that are asked for, and when it is over."""

    @property
    def endless(self) -> bool:
        """Whether it only ends when it is stopped."""
        ...

    def target(self, elapsed: float) -> tuple[float | None, float | None]:
        """Return the current (A), or else the voltage (V), to keep; neither at open circuit."""
        ...

    def time_left(self, moment: Moment) -> float:
        """Return the time after which an end is known to be reached, s; inf if none is known."""
        ...

    def end(self, moment: Moment) -> str:
        """Name the reason why it is over, or the empty string."""
        ...


def _require_positive(name: str, **values: float | None) -> None:
    for key, value in values.items():
        if value is not None and not 0 < value < math.inf:
            raise BadInput(f"{name}: {key} must be positive, got {value!r}")


@dataclass(frozen=True)
class Rest:
    """Open circuit (OCV): no current, the voltage is watched.

    Parameters
    ----------
    duration : float, optional
        Length, s; without it and `slope` until it is stopped.
    slope : float, optional
        End as soon as abs(dV/dt) is below this, V/s.
    """

    duration: float | None = None
    slope: float | None = None

    def __post_init__(self) -> None:
        _require_positive("rest", duration=self.duration, slope=self.slope)

    @property
    def endless(self) -> bool:
        """Whether it only ends when it is stopped."""
        return self.duration is None and self.slope is None

    def target(self, elapsed: float) -> tuple[float | None, float | None]:
        """Open circuit."""
        return None, None

    def time_left(self, moment: Moment) -> float:
        """Rest of the duration, s."""
        return math.inf if self.duration is None else self.duration - moment.elapsed

    def end(self, moment: Moment) -> str:
        """Duration, or slope."""
        if self.duration is not None and moment.elapsed >= self.duration - 1e-6:
            return "duration"
        return "slope" if self.slope is not None and abs(moment.slope) < self.slope else ""


@dataclass(frozen=True)
class Galvanostatic:
    """Constant current until a charge, a voltage or a time is reached, whichever comes first.

    Parameters
    ----------
    current : float
        A; charging is positive.
    to_charge : float, optional
        Coulomb count at which to end, Ah: absolute, so that a step that was interrupted can be
        asked for again and only what is left flows.
    to_voltage : float, optional
        Voltage at which to end, V: from below when charging, from above when discharging.
    duration : float, optional
        Longest time, s.
    """

    current: float
    to_charge: float | None = None
    to_voltage: float | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        _require_positive("galvanostatic", duration=self.duration)
        if not math.isfinite(self.current) or self.current == 0.0:
            raise BadInput(f"galvanostatic: a current is needed, got {self.current!r} A")
        if self.to_charge is None and self.to_voltage is None and self.duration is None:
            raise BadInput("galvanostatic: give to_charge, to_voltage or duration, or no end comes")
        if not all(math.isfinite(v) for v in (self.to_charge or 0.0, self.to_voltage or 0.0)):
            raise BadInput("galvanostatic: to_charge and to_voltage must be numbers")

    @property
    def endless(self) -> bool:
        """Never."""
        return False

    def target(self, elapsed: float) -> tuple[float | None, float | None]:
        """Return the current."""
        return self.current, None

    def time_left(self, moment: Moment) -> float:
        """Time until the charge or the duration is reached, s."""
        left = math.inf if self.duration is None else self.duration - moment.elapsed
        if self.to_charge is not None:
            left = min(left, (self.to_charge - moment.charge) / self.current * 3600.0)
        return max(left, 0.0)

    def end(self, moment: Moment) -> str:
        """Charge, voltage, or duration."""
        sign = math.copysign(1.0, self.current)
        # Half a thousandth of a second of current: the count is a sum of rounded numbers.
        slack = 5e-4 * abs(self.current) / 3600.0
        if self.to_charge is not None and sign * (moment.charge - self.to_charge) >= -slack:
            return "charge"
        flows = moment.current * self.current > 0
        if self.to_voltage is not None and flows and sign * (moment.voltage - self.to_voltage) >= 0:
            return "voltage"
        over = self.duration is not None and moment.elapsed >= self.duration - 1e-6
        return "duration" if over else ""


@dataclass(frozen=True)
class Hold:
    """Constant voltage.

    Parameters
    ----------
    voltage : float
        V.
    duration : float, optional
        Length, s; without it and `until_current` until it is stopped.
    until_current : float, optional
        End when the current has decayed to this, A.
    """

    voltage: float
    duration: float | None = None
    until_current: float | None = None

    def __post_init__(self) -> None:
        ends = {"duration": self.duration, "until_current": self.until_current}
        _require_positive("hold", voltage=self.voltage, **ends)

    @property
    def endless(self) -> bool:
        """Whether it only ends when it is stopped."""
        return self.duration is None and self.until_current is None

    def target(self, elapsed: float) -> tuple[float | None, float | None]:
        """Return the voltage."""
        return None, self.voltage

    def time_left(self, moment: Moment) -> float:
        """Rest of the duration, s."""
        return math.inf if self.duration is None else self.duration - moment.elapsed

    def end(self, moment: Moment) -> str:
        """Duration, or current (not before the loop had 30 s to settle)."""
        if self.duration is not None and moment.elapsed >= self.duration - 1e-6:
            return "duration"
        small = self.until_current is not None and abs(moment.current) <= self.until_current
        return "current" if small and moment.elapsed >= 30.0 else ""


@dataclass(frozen=True)
class CyclicVoltammetry:
    """Sweep the voltage up and down at a constant rate.

    Parameters
    ----------
    low, high : float
        Turning points, V; it begins and ends at `low`.
    rate : float
        V/s.
    cycles : int
        Number of times up and down.
    """

    low: float
    high: float
    rate: float
    cycles: int = 1

    def __post_init__(self) -> None:
        _require_positive("cv", low=self.low, high=self.high, rate=self.rate, cycles=self.cycles)
        if not self.low < self.high:
            raise BadInput(f"cv: {self.low} V must be below {self.high} V")

    @property
    def endless(self) -> bool:
        """Never."""
        return False

    @property
    def duration(self) -> float:
        """Length of all cycles, s."""
        return 2.0 * self.cycles * (self.high - self.low) / self.rate

    def target(self, elapsed: float) -> tuple[float | None, float | None]:
        """Return the voltage at this time."""
        half = (self.high - self.low) / self.rate
        phase = math.fmod(elapsed, 2.0 * half)
        return None, self.low + self.rate * min(phase, 2.0 * half - phase)

    def time_left(self, moment: Moment) -> float:
        """Rest of the cycles, s."""
        return max(self.duration - moment.elapsed, 0.0)

    def end(self, moment: Moment) -> str:
        """Duration."""
        return "duration" if moment.elapsed >= self.duration - 1e-6 else ""


TECHNIQUES: Mapping[str, type[Rest | Galvanostatic | Hold | CyclicVoltammetry]] = {
    "rest": Rest,
    "galvanostatic": Galvanostatic,
    "hold": Hold,
    "cv": CyclicVoltammetry,
}


def technique_from(value: Mapping[str, Any]) -> Technique:
    """Build a technique from the plain values that plans and sockets carry.

    Parameters
    ----------
    value : mapping
        ``technique`` (rest, galvanostatic, hold or cv) and its parameters.

    Returns
    -------
    Technique
        Checked.

    Raises
    ------
    BadInput
        If there is no such technique or its parameters make no sense.

    Examples
    --------
    >>> technique_from({"technique": "rest", "duration": 600.0})
    Rest(duration=600.0, slope=None)
    """
    settings = dict(value)
    name = settings.pop("technique", None)
    if name not in TECHNIQUES:
        raise BadInput(f"technique must be one of {', '.join(TECHNIQUES)}, not {name!r}")
    try:
        return TECHNIQUES[name](**settings)
    except TypeError as error:
        raise BadInput(f"{name}: {error}") from None


def technique_as_dict(technique: Technique) -> dict[str, Any]:
    """Return the plain values of a technique; the inverse of `technique_from`."""
    name = next(key for key, kind in TECHNIQUES.items() if type(technique) is kind)
    return {"technique": name, **vars(technique)}
