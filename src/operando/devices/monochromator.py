"""The double-crystal monochromator: photon energy, Bragg angle, hysteresis and settling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ophyd import Component, Device
from ophyd.status import Status

from operando.devices.one_action import OneAction
from operando.devices.soft import SoftSignal, check_range
from operando.physics.constants import HC_KEV_ANGSTROM

if TYPE_CHECKING:
    from operando.simulations.clock import Clock

#: Spacing of silicon 111 planes at 25 °C, Å (CODATA 2018: a = 5.431020511 Å).
SI111_ANGSTROM = 5.431020511 / math.sqrt(3.0)


class BraggAngle(SoftSignal):
    """Angle of the crystals, degrees: what the encoder reads."""

    def get(self, **kwargs: Any) -> float:
        """Work out the angle of the present energy."""
        device: Monochromator = self.parent
        return device.bragg_of(device.position)


class Monochromator(Device):  # type: ignore[misc]
    """Sets the photon energy, eV.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    clock : Clock
        The station's clock.
    energy_ev : float
        Where it stands at the start, eV.

    Notes
    -----
    Bragg's law, E = hc / (2 d sin theta). The mechanics have backlash: after a move down in energy
    the true energy is `hysteresis_ev` above what the encoder says. With `backlash` set the
    monochromator goes that far below its target and comes up to it, always from the same side.
    A move takes its distance over the velocity, and then the crystals settle.

    Examples
    --------
    >>> from operando.simulations.clock import Clock
    >>> mono = Monochromator("", name="mono", clock=Clock(math.inf))
    >>> mono.set(8333.0).success, round(mono.bragg.get(), 3)
    (True, 13.725)
    """

    bragg = Component(BraggAngle, value=0.0, units="deg", writable=False, kind="normal")
    velocity = Component(SoftSignal, value=100.0, units="eV/s", limits=(0.1, 500.0), kind="config")
    settle = Component(SoftSignal, value=0.5, units="s", limits=(0.0, 60.0), kind="config")
    backlash = Component(SoftSignal, value=20.0, units="eV", limits=(0.0, 200.0), kind="config")
    d_spacing = Component(
        SoftSignal, value=SI111_ANGSTROM, units="angstrom", writable=False, kind="config"
    )
    egu = "eV"

    def __init__(
        self,
        *args: Any,
        clock: Clock,
        energy_ev: float = 7500.0,
        limits: tuple[float, float] = (5000.0, 12000.0),
        hysteresis_ev: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.clock, self.limits = clock, limits
        self._hysteresis = hysteresis_ev
        self._position = self._setpoint = float(energy_ev)
        self._from_above = False
        self._action = OneAction(self, clock)

    @property
    def position(self) -> float:
        """Energy that the encoder says, eV."""
        return self._position

    @property
    def mechanical_offset(self) -> float:
        """True energy less the encoder's, eV, for the simulated beam."""
        return self._hysteresis if self._from_above else 0.0

    def bragg_of(self, energy_ev: float) -> float:
        """Return the Bragg angle of an energy.

        Parameters
        ----------
        energy_ev : float
            eV.

        Returns
        -------
        float
            Degrees.
        """
        wavelength = 1000.0 * HC_KEV_ANGSTROM / energy_ev
        return math.degrees(math.asin(wavelength / (2.0 * float(self.d_spacing.get()))))

    def check_value(self, value: float) -> None:
        """Refuse an energy outside the range, by a LimitError."""
        check_range(self.name, float(value), *self.limits, "eV")

    def duration(self, start: float, stop: float) -> float:
        """Time of a move, s, with backlash and settling."""
        run_up = 2.0 * float(self.backlash.get()) if stop < start else 0.0
        if start == stop:
            return 0.0
        return (abs(stop - start) + run_up) / float(self.velocity.get()) + float(self.settle.get())

    def set(self, value: float) -> Status:
        """Move to an energy.

        Parameters
        ----------
        value : float
            eV.

        Returns
        -------
        Status
            Finished when the crystals are there and have settled.

        Raises
        ------
        LimitError
            If it is outside the range; nothing moves.
        DeviceError
            If it is moving already.
        """
        self.check_value(value)
        target = float(value)

        def arrive() -> None:
            self.arrive(target)

        status = self._action.begin(self.duration(self._position, target), arrive)
        self._setpoint = target
        return status

    def arrive(self, energy_ev: float) -> None:
        """Be at an energy; a scan that sweeps calls this too."""
        if energy_ev != self._position:
            self._from_above = energy_ev < self._position and not self.backlash.get()
        self._position = energy_ev

    def stop(self, *, success: bool = False) -> None:
        """Stop; the encoder says where it set off, as the profile is not modelled.

        Parameters
        ----------
        success : bool
            Whether whoever waits for the move should take it for done.
        """
        self._action.stop(success=success)

    def locate(self) -> dict[str, float]:
        """Where it was asked to be, and where it is, eV."""
        return {"setpoint": self._setpoint, "readback": self._position}

    def read(self) -> dict[str, dict[str, Any]]:
        """Read energy (eV) and Bragg angle (degrees)."""
        now = self.clock.now()
        return {
            self.name: {"value": self._position, "timestamp": now},
            self.bragg.name: {"value": self.bragg.get(), "timestamp": now},
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe energy and Bragg angle."""
        number = {"source": f"SIM:{self.name}", "dtype": "number", "dtype_numpy": "<f8"}
        return {
            self.name: {**number, "shape": [], "units": "eV"},
            self.bragg.name: {**number, "shape": [], "units": "deg"},
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [self.name]}
