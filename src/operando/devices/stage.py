"""The sample stage in the focus of the Kirkpatrick-Baez mirrors."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ophyd import Component, Device
from ophyd.status import DeviceStatus

from operando.devices.soft import SoftSignal, check_range
from operando.devices.timed import Timed
from operando.devices.together import Together
from operando.devices.travel import Travel
from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.simulations.clock import Clock

#: Beam size in focus, um, vertical and horizontal.
FOCUS_UM = (1.25, 2.0)
#: Grazing angle at which the mirrors were figured to focus on the sample, mrad.
NOMINAL_PITCH_MRAD = 4.0
#: Growth of the beam with the pitch's distance from nominal, um/mrad.
DEFOCUS_UM_PER_MRAD = 20.0


class Axis(Device):  # type: ignore[misc]
    """One axis of the stage: read, set, stop, with limits and travel time.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    limits : tuple of float
        Lowest and highest position, um.
    start : float
        Where it is when it is made.
    """

    velocity = Component(SoftSignal, value=1000.0, units="um/s", limits=(1e-3, 1e5), kind="config")
    acceleration = Component(
        SoftSignal, value=20000.0, units="um/s^2", limits=(1e-2, 1e7), kind="config"
    )
    settle = Component(SoftSignal, value=0.01, units="s", limits=(0.0, 60.0), kind="config")

    def __init__(
        self, *args: Any, limits: tuple[float, float], start: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self.egu = "um"
        self._lock = threading.RLock()
        self._position = self._setpoint = start
        self._travel: Travel | None = None
        self._began = 0.0
        self._timed: Timed | None = None
        self._status: Any = None
        #: Seconds the last move lasted, until it ended or was stopped.
        self.last_duration = 0.0

    @property
    def _clock(self) -> Clock:
        clock: Clock = self.parent.clock
        return clock

    @property
    def position(self) -> float:
        """Where the axis is now, um."""
        with self._lock:
            if self._travel is None:
                return self._position
            return self._travel.position(self._clock.now() - self._began)

    @property
    def moving(self) -> bool:
        """Whether the axis is on its way."""
        return self._travel is not None

    def check_value(self, value: float) -> None:
        """Refuse a position outside the soft limits.

        Parameters
        ----------
        value : float
            Position, um.

        Raises
        ------
        LimitError
            If it is outside the limits or not a number.
        """
        check_range(self.name, float(value), *self.limits, self.egu)

    def set(self, value: float) -> DeviceStatus:
        """Move to a position.

        Parameters
        ----------
        value : float
            Position, um.

        Returns
        -------
        DeviceStatus
            Finished when the axis has arrived and settled.

        Raises
        ------
        LimitError
            If the position is outside the limits; nothing moves.
        DeviceError
            If the axis is moving already.
        """
        travel = Travel(self.position, float(value), self.velocity.get(), self.acceleration.get())
        return self._move(
            travel, self.settle.get(), lambda seconds: self.parent.pass_time(self, seconds)
        )

    def follow(self, travel: Travel) -> DeviceStatus:
        """Make a move whose profile is given, as a flyer does.

        Parameters
        ----------
        travel : Travel
            The move; it must begin where the axis is.

        Returns
        -------
        DeviceStatus
            Finished when the axis has arrived.

        Raises
        ------
        LimitError
            If the end is outside the limits; nothing moves.
        DeviceError
            If the axis is moving already.
        """
        return self._move(travel, 0.0, self._clock.sleep)

    def _move(
        self, travel: Travel, settle: float, pass_time: Callable[[float], None]
    ) -> DeviceStatus:
        self.check_value(travel.stop)
        status = DeviceStatus(self)
        with self._lock:
            if self._travel is not None:
                raise DeviceError(f"{self.name} is moving: wait for it or stop it first")
            self._setpoint = travel.stop
            if travel.distance:
                self._travel, self._began, self._status = travel, self._clock.now(), status
        if not travel.distance:
            status.set_finished()
            return status
        try:
            timed = Timed(
                self._clock,
                travel.duration + settle,
                lambda: self._end(status, success=True, arrived=True),
                pass_time,
            )
        except DeviceError:  # it did not set off
            self._end(status, success=False)
            raise
        with self._lock:
            if self._status is status:
                self._timed = timed
        return status

    def stop(self, *, success: bool = False) -> None:
        """Stop where the axis is now.

        Parameters
        ----------
        success : bool
            Whether whoever waits for the move should take it for done.
        """
        with self._lock:
            status = self._status
        if status is not None:
            self._end(status, success=success)

    def _end(self, status: DeviceStatus, *, success: bool, arrived: bool = False) -> None:
        with self._lock:
            travel = self._travel
            if self._status is not status or travel is None:
                return
            elapsed = travel.duration if arrived else self._clock.now() - self._began
            self._position, self.last_duration = travel.position(elapsed), elapsed
            timed, self._timed = self._timed, None
            self._travel = self._status = None
            self._arrived(self._position)
        if timed is not None:
            timed.cancel()
        if success:
            status.set_finished()
        else:
            where = f"{self._position:g} {self.egu}"
            status.set_exception(DeviceError(f"{self.name} was stopped at {where}"))

    def _arrived(self, position: float) -> None:
        """Take note that it has come to a position, before whoever waits hears of it."""

    def locate(self) -> dict[str, float]:
        """Where the axis was asked to be, and where it is, um."""
        return {"setpoint": self._setpoint, "readback": self.position}

    def read(self) -> dict[str, dict[str, float]]:
        """Read the position, um."""
        return {self.name: {"value": self.position, "timestamp": self._clock.now()}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the position."""
        return {
            self.name: {
                "source": f"SIM:{self.name}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": self.egu,
            }
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [self.name]}


class KBStage(Device):  # type: ignore[misc]
    """Sample stage (x, y) behind a pair of Kirkpatrick-Baez mirrors.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    clock : Clock
        The station's clock.

    Notes
    -----
    A model of the mirrors that is simple on purpose. Their figure focuses on the sample at one
    grazing angle, 4 mrad; off that angle the beam grows with the distance from it,
    size^2 = focus^2 + (20 um/mrad * (pitch - 4 mrad))^2. A mirror of length L takes
    L sin(pitch) of the incoming beam, so the flux grows in proportion to each pitch until the
    reflection fails at the critical angle (rhodium at 10 keV: 6.6 mrad), which is the limit.
    """

    x = Component(Axis, "", limits=(-2500.0, 2500.0), kind="hinted")
    y = Component(Axis, "", limits=(-2500.0, 2500.0), kind="hinted")
    pitch_v = Component(
        SoftSignal, value=NOMINAL_PITCH_MRAD, units="mrad", limits=(0.5, 6.6), kind="config"
    )
    pitch_h = Component(
        SoftSignal, value=NOMINAL_PITCH_MRAD, units="mrad", limits=(0.5, 6.6), kind="config"
    )

    def __init__(self, *args: Any, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock = clock
        self._together = Together(clock)

    @property
    def beam_size(self) -> tuple[float, float]:
        """Size of the beam on the sample (vertical, horizontal), um, full width."""
        return (
            math.hypot(
                FOCUS_UM[0], DEFOCUS_UM_PER_MRAD * (self.pitch_v.get() - NOMINAL_PITCH_MRAD)
            ),
            math.hypot(
                FOCUS_UM[1], DEFOCUS_UM_PER_MRAD * (self.pitch_h.get() - NOMINAL_PITCH_MRAD)
            ),
        )

    @property
    def flux_factor(self) -> float:
        """Flux on the sample over the flux at nominal pitch."""
        return float(self.pitch_v.get() * self.pitch_h.get() / NOMINAL_PITCH_MRAD**2)

    def pass_time(self, axis: Axis, seconds: float) -> None:
        """Let the time of one axis's move pass at unlimited speed; see `Together`.

        Parameters
        ----------
        axis : Axis
            The axis that was set.
        seconds : float
            How long it takes.
        """
        self._together.pass_time(axis, seconds)

    def stop(self, *, success: bool = False) -> None:
        """Stop both axes where they are.

        Parameters
        ----------
        success : bool
            Whether whoever waits for a move should take it for done.
        """
        self.x.stop(success=success)
        self.y.stop(success=success)
