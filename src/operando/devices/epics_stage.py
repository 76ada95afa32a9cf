"""The sample stage over EPICS: two motor records."""

from __future__ import annotations

import math
from typing import Any

from ophyd import Component, Device, EpicsMotor, EpicsSignal, FormattedComponent

from operando.devices.epics_watch import watch_over
from operando.devices.soft import SoftSignal, check_range
from operando.errors import DeviceError


class Acceleration(SoftSignal):
    """Acceleration, um/s^2: a motor record says how long it takes to get to its velocity."""

    def get(self, **kwargs: Any) -> float:
        """Work it out."""
        axis = self.parent
        return float(axis.velocity.get()) / max(float(axis.ramp_time.get()), 1e-6)


class EpicsAxis(EpicsMotor):  # type: ignore[misc]
    """A motor record as one axis of the stage, in um.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's EpicsMotor takes.

    Notes
    -----
    A reading has the position alone, under the axis's own name, as the simulated axis has.
    """

    ramp_time = Component(EpicsSignal, ".ACCL", kind="config", auto_monitor=True)
    acceleration = Component(Acceleration, value=0.0, units="um/s^2", writable=False, kind="config")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_setpoint.kind = "omitted"

    def check_value(self, value: float) -> None:
        """Refuse a position outside the record's soft limits; equal limits are none.

        Parameters
        ----------
        value : float
            Position, in the record's unit.

        Raises
        ------
        LimitError
            If it is outside the limits.
        """
        low, high = self.limits
        if low != high:
            check_range(self.name, float(value), low, high, str(self.egu))

    def set(self, value: float, **kwargs: Any) -> Any:
        """Move to a position.

        Parameters
        ----------
        value : float
            Position, in the record's unit.
        **kwargs
            What ophyd's EpicsMotor takes.

        Returns
        -------
        MoveStatus
            Finished when the record says that the move is done; fails when it does not answer
            any more.

        Raises
        ------
        LimitError
            If the position is outside the limits; nothing moves.
        """
        status = super().set(value, **kwargs)

        def fail(why: str) -> None:
            if not status.done:
                status.set_exception(DeviceError(f"{self.motor_done_move.pvname} {why}"))

        watch_over(self.motor_done_move, math.inf, lambda: status.done, fail)
        return status

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the position."""
        key: dict[str, Any] = dict(super().describe()[self.name])
        return {self.name: {**key, "dtype_numpy": "<f8", "units": str(self.egu)}}


class EpicsStage(Device):  # type: ignore[misc]
    """Sample stage (x, y) of two motor records.

    Parameters
    ----------
    prefix : str
        Begin of both names.
    x, y : str
        Names of the records after the prefix.
    **kwargs
        What ophyd's devices take.
    """

    x = FormattedComponent(EpicsAxis, "{prefix}{_x}", kind="hinted")
    y = FormattedComponent(EpicsAxis, "{prefix}{_y}", kind="hinted")

    def __init__(self, prefix: str, *, x: str, y: str, **kwargs: Any) -> None:
        self._x, self._y = x, y
        super().__init__(prefix, **kwargs)
