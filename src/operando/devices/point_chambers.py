"""The three ion chambers counting at one energy, for step scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ophyd import Component, Device
from ophyd.status import Status

from operando.devices.one_action import OneAction
from operando.devices.quick_scan import CHAMBERS
from operando.devices.soft import SoftSignal

if TYPE_CHECKING:
    from operando.devices.monochromator import Monochromator
    from operando.devices.shutter import Shutter
    from operando.simulations.clock import Clock
    from operando.simulations.xafs_beamline import XafsBeamline


class PointChambers(Device):  # type: ignore[misc]
    """I0, I1 and Ir where the monochromator stands: an event for every energy.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    beamline : XafsBeamline
        What the chambers count.
    mono : Monochromator
        Where they count.
    shutter : Shutter
        Whether there is a beam.
    clock : Clock
        The station's clock.

    Notes
    -----
    Data: ``_i0``, ``_i1`` and ``_ir``, counts with the dark current in them. A scan begins when
    the device is staged.
    """

    dwell = Component(SoftSignal, value=0.5, units="s", limits=(1e-3, 600.0), kind="config")
    dark = Component(SoftSignal, value=[0.0] * 3, units="counts/s", writable=False, kind="config")

    def __init__(
        self,
        *args: Any,
        beamline: XafsBeamline,
        mono: Monochromator,
        shutter: Shutter,
        clock: Clock,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._beamline, self._mono, self._shutter = beamline, mono, shutter
        self._clock, self._action = clock, OneAction(self, clock)
        self.dark.put(list(beamline.settings.dark), force=True)
        self._counts = [0.0, 0.0, 0.0]
        self._time, self._fresh = clock.now(), True

    def stage(self) -> list[Any]:
        """Get ready for a scan."""
        self._fresh = True
        return list(super().stage())

    def trigger(self) -> Status:
        """Count once.

        Returns
        -------
        Status
            Finished when the counts are there.

        Raises
        ------
        DeviceError
            If a count is going on.
        """
        opened, began = self._shutter.is_open, self._clock.now()
        dwell = float(self.dwell.get())

        def finish() -> None:
            counts = self._beamline.scan(
                np.array([self._mono.position]),
                dwell,
                began,
                offset=self._mono.mechanical_offset,
                flux=1.0 if opened and self._shutter.is_open else 0.0,
                fresh=self._fresh,
            )
            self._counts, self._fresh = [float(chamber[0]) for chamber in counts], False
            self._time = self._clock.now()

        return self._action.begin(dwell, finish)

    def stop(self, *, success: bool = False) -> None:
        """Give up the count that is going on.

        Parameters
        ----------
        success : bool
            Whether whoever waits for it should take it for done.
        """
        self._action.stop(success=success)

    def pause(self) -> None:
        """Give up the count: it is repeated when the run is resumed."""
        self.stop(success=True)

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the last counts."""
        return {
            f"{self.name}_{key}": {"value": value, "timestamp": self._time}
            for key, value in zip(CHAMBERS, self._counts, strict=True)
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the counts."""
        return {
            f"{self.name}_{key}": {
                "source": f"SIM:{self.name}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": "counts",
            }
            for key in CHAMBERS
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [f"{self.name}_i1"]}
