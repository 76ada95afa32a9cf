"""The named ways in which a cell's measurement is stopped, and the limits that guard it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from operando.errors import BadInput, DeviceError


class CellFault(DeviceError):  # noqa: N818 - operators say fault
    """The potentiostat has switched its output off because something was wrong."""


class OverVoltage(CellFault):
    """The voltage left its limits upwards."""


class UnderVoltage(CellFault):
    """The voltage left its limits downwards."""


class OverCurrent(CellFault):
    """The current left its limits."""


class OverTemperature(CellFault):
    """The cell is too hot."""


class OpenLead(CellFault):
    """A current is asked for and none flows."""


class ReversedSign(CellFault):
    """Voltage or current has the wrong sign: leads are the wrong way round."""


class BadReadback(CellFault):
    """The converters give something that is not a number."""


class DriverLost(CellFault):
    """The potentiostat does not answer any more."""


FAULTS: dict[str, type[CellFault]] = {
    fault.__name__: fault
    for fault in (
        OverVoltage,
        UnderVoltage,
        OverCurrent,
        OverTemperature,
        OpenLead,
        ReversedSign,
        BadReadback,
        DriverLost,
    )
}


@dataclass(frozen=True)
class CellLimits:
    """Limits that the driver keeps by itself, whatever becomes of the plan.

    Parameters
    ----------
    voltage : tuple of float
        Lowest and highest voltage, V.
    current : float
        Largest current either way, A.
    temperature : float
        Highest temperature, °C.

    Raises
    ------
    BadInput
        If they leave nothing to work in.
    """

    voltage: tuple[float, float] = (2.5, 5.1)
    current: float = 0.010
    temperature: float = 60.0

    def __post_init__(self) -> None:
        low, high = self.voltage
        if not low < high or not self.current > 0 or not math.isfinite(self.temperature):
            raise BadInput(f"these limits leave nothing to work in: {asdict(self)}")

    def as_dict(self) -> dict[str, Any]:
        """Return the limits as plain values."""
        return {**asdict(self), "voltage": list(self.voltage)}

    def violation(
        self, voltage: float, current: float, temperature: float, asked: float
    ) -> CellFault | None:
        """Judge one reading.

        Parameters
        ----------
        voltage, current, temperature : float
            What was read, V, A and °C.
        asked : float
            The current that was asked for, A.

        Returns
        -------
        CellFault or None
            What is wrong, the most telling first: a swapped lead also makes an under-voltage.

        Examples
        --------
        >>> CellLimits().violation(5.2, 0.0, 25.0, 0.0)
        OverVoltage('5.2 V is above the limit of 5.1 V')
        >>> CellLimits().violation(4.2, 1e-3, 25.0, 1e-3) is None
        True
        """
        if not all(map(math.isfinite, (voltage, current, temperature))):
            return BadReadback(f"read-back of {voltage} V, {current} A, {temperature} °C")
        noticeable = abs(asked) > 1e-3 * self.current
        if voltage < 0.0 or (noticeable and current * asked < -0.04 * asked**2):
            return ReversedSign(f"{voltage:.3f} V and {current:.3g} A where {asked:.3g} A is asked")
        if noticeable and abs(current) < 0.02 * abs(asked):
            return OpenLead(f"{current:.3g} A flows where {asked:.3g} A is asked")
        low, high = self.voltage
        if voltage > high:
            return OverVoltage(f"{voltage:.4g} V is above the limit of {high:g} V")
        if voltage < low:
            return UnderVoltage(f"{voltage:.4g} V is below the limit of {low:g} V")
        if abs(current) > self.current:
            return OverCurrent(f"{current:.4g} A is beyond the limit of {self.current:g} A")
        if temperature > self.temperature:
            return OverTemperature(
                f"{temperature:.4g} °C is above the limit of {self.temperature:g} °C"
            )
        return None
