"""The ion chamber before the sample, counting the incoming beam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ophyd import Device
from ophyd.device import Staged
from ophyd.status import DeviceStatus

from operando.devices.soft import done
from operando.devices.timed import Timed

if TYPE_CHECKING:
    from operando.devices.beam import BeamState, SeenBeam
    from operando.devices.pilatus import Pilatus100K
    from operando.simulations.clock import Clock


class IonChamber(Device):  # type: ignore[misc]
    """Counts integrated over the detector's exposure.

    The counter is gated by the detector: while the detector is staged its exposures are what is
    counted, and triggering this device takes no time of its own. Alone it counts for as long as
    the detector's exposure is set to.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    beam : SeenBeam
        What is counted.
    gate : Pilatus100K
        The detector that gates the counter.
    clock : Clock
        The station's clock.
    """

    def __init__(
        self, *args: Any, beam: SeenBeam, gate: Pilatus100K, clock: Clock, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._beam = beam
        self._gate = gate
        self._clock = clock
        self._counts: NDArray[np.float64] = np.zeros(1)
        gate.on_exposure(self.integrate)

    @property
    def counts(self) -> NDArray[np.float64]:
        """Counts of the last exposures, one for each frame of the last batch."""
        return self._counts

    def integrate(self, exposure_s: float, n: int, state: BeamState) -> None:
        """Count during exposures.

        Parameters
        ----------
        exposure_s : float
            How long each one was, s.
        n : int
            How many there were.
        state : BeamState
            The beam when they began.
        """
        self._counts = self._beam.i0_counts(exposure_s, n, state)

    def trigger(self) -> DeviceStatus:
        """Count during the detector's exposure, or for as long when the detector is not in use.

        Returns
        -------
        DeviceStatus
            Finished when the counts are there.
        """
        if self._gate._staged is Staged.yes:  # noqa: SLF001 - ophyd has no public name for it
            return done()
        status = DeviceStatus(self)
        exposure, state = float(self._gate.exposure.get()), self._beam.now()

        def finish() -> None:
            self.integrate(exposure, 1, state)
            status.set_finished()

        Timed(self._clock, exposure, finish)
        return status

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the counts of the last exposure."""
        return {self.name: {"value": float(self._counts[-1]), "timestamp": self._clock.now()}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the counts."""
        return {
            self.name: {
                "source": f"SIM:{self.name}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": "counts",
            }
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [self.name]}
