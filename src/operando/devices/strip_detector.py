"""The strip of PILATUS pixels around the 003 reflection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ophyd import Component, Device
from ophyd.status import Status

from operando.devices.one_action import OneAction
from operando.devices.soft import SoftSignal
from operando.errors import DeviceError
from operando.physics.constants import wavelength_from_energy
from operando.simulations.xafs_beamline import STRIP

if TYPE_CHECKING:
    from operando.devices.monochromator import Monochromator
    from operando.devices.shutter import Shutter
    from operando.simulations.clock import Clock
    from operando.simulations.xafs_beamline import XafsBeamline

_PIXEL_M = 172e-6
#: How far the monochromator may be off the energy of diffraction, eV.
_TOLERANCE_EV = 0.5


class StripDetector(Device):  # type: ignore[misc]
    """Counts of 487 columns of pixels along 2theta.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    beamline : XafsBeamline
        What is seen.
    mono : Monochromator
        Must be at `energy` when the detector is triggered.
    shutter : Shutter
        Whether there is a beam.
    clock : Clock
        The station's clock.
    energy_ev : float
        Energy of diffraction, eV: below the Co edge, so that only Mn fluoresces.
    distance_m : float
        From the sample to the centre of the strip, m.
    centre_deg : float
        2theta of that centre.

    Notes
    -----
    The strip is perpendicular to its arm: 2theta = centre + atan(x / distance). Data:
    ``_counts``, float64, (487,). All else is configuration.
    """

    exposure = Component(SoftSignal, value=10.0, units="s", limits=(1e-3, 3600.0), kind="config")
    energy = Component(SoftSignal, value=0.0, units="eV", writable=False, kind="config")
    wavelength = Component(SoftSignal, value=0.0, units="angstrom", writable=False, kind="config")
    distance = Component(SoftSignal, value=0.0, units="m", writable=False, kind="config")
    pixel_size = Component(SoftSignal, value=_PIXEL_M, units="m", writable=False, kind="config")
    two_theta = Component(SoftSignal, value=[], units="deg", writable=False, kind="config")

    def __init__(
        self,
        *args: Any,
        beamline: XafsBeamline,
        mono: Monochromator,
        shutter: Shutter,
        clock: Clock,
        energy_ev: float = 7500.0,
        distance_m: float = 0.6,
        centre_deg: float = 20.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._beamline, self._mono, self._shutter = beamline, mono, shutter
        self._clock, self._action = clock, OneAction(self, clock)
        along = _PIXEL_M * (np.arange(STRIP) - 0.5 * (STRIP - 1))
        self._angles = centre_deg + np.rad2deg(np.arctan(along / distance_m))
        for signal, value in (
            (self.energy, float(energy_ev)),
            (self.wavelength, wavelength_from_energy(energy_ev / 1000.0)),
            (self.distance, float(distance_m)),
            (self.two_theta, self._angles.tolist()),
        ):
            signal.put(value, force=True)
        self._counts = np.zeros(STRIP)
        self._time = clock.now()

    def trigger(self) -> Status:
        """Expose once.

        Returns
        -------
        Status
            Finished when the counts are there.

        Raises
        ------
        DeviceError
            If the monochromator is at another energy, or an exposure is going on.
        """
        energy, began = float(self.energy.get()), self._clock.now()
        if abs(self._mono.position - energy) > _TOLERANCE_EV:
            raise DeviceError(
                f"{self.name} is for {energy:g} eV, and {self._mono.name} is at "
                f"{self._mono.position:g} eV"
            )
        opened, exposure = self._shutter.is_open, float(self.exposure.get())

        def finish() -> None:
            flux = 1.0 if opened and self._shutter.is_open else 0.0
            seen = energy + self._mono.mechanical_offset
            self._counts = self._beamline.strip(self._angles, exposure, seen, time=began, flux=flux)
            self._time = self._clock.now()

        return self._action.begin(exposure, finish)

    def stop(self, *, success: bool = False) -> None:
        """Give up the exposure that is going on; nothing of it is kept.

        Parameters
        ----------
        success : bool
            Whether whoever waits for it should take it for done.
        """
        self._action.stop(success=success)

    def pause(self) -> None:
        """Give up the exposure: it is repeated when the run is resumed."""
        self.stop(success=True)

    def unstage(self) -> list[Any]:
        """Give up whatever is going on."""
        self.stop(success=True)
        return list(super().unstage())

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the last exposure."""
        return {f"{self.name}_counts": {"value": self._counts.tolist(), "timestamp": self._time}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the counts."""
        return {
            f"{self.name}_counts": {
                "source": f"SIM:{self.name}",
                "dtype": "array",
                "dtype_numpy": "<f8",
                "shape": [STRIP],
                "units": "counts",
            }
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """Nothing to plot as a number."""
        return {"fields": []}
