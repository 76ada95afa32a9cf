"""What every descriptor says of an area detector: where it stands, and what its frames are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ophyd import Component, Device

from operando.devices.soft import SoftSignal

if TYPE_CHECKING:
    from operando.physics.geometry import DetectorGeometry


class DetectorFacts(Device):  # type: ignore[misc]
    """A detector whose frames are external, with its geometry as configuration."""

    distance = Component(SoftSignal, value=0.0, units="m", writable=False, kind="config")
    two_theta = Component(SoftSignal, value=0.0, units="deg", writable=False, kind="config")
    pixel_size = Component(SoftSignal, value=0.0, units="m", writable=False, kind="config")
    poni = Component(SoftSignal, value=[0.0] * 6, units="m, rad", writable=False, kind="config")
    energy = Component(SoftSignal, value=0.0, units="keV", writable=False, kind="config")
    mask = Component(SoftSignal, value=[], writable=False, kind="config")

    #: Rows and columns of a frame.
    shape: tuple[int, int]
    #: What the descriptor gives as the frames' origin, before the name.
    origin = "SIM"

    def take_facts(
        self, geometry: DetectorGeometry, energy_kev: float, mask: NDArray[np.int64]
    ) -> None:
        """Take down where the detector stands.

        Parameters
        ----------
        geometry : DetectorGeometry
            Where it stands.
        energy_kev : float
            Photon energy, keV.
        mask : ndarray of int64
            Flat indices of its bad pixels.
        """
        self.shape = geometry.shape
        for signal, value in (
            (self.distance, float(geometry.distance)),
            (self.two_theta, float(geometry.two_theta_arm)),
            (self.pixel_size, float(geometry.pixel_size)),
            (self.poni, [float(number) for number in geometry.poni()]),
            (self.energy, float(energy_kev)),
            (self.mask, np.asarray(mask, dtype=np.int64).tolist()),
        ):
            signal.put(value, force=True)

    @property
    def image_key(self) -> str:
        """Key of the frames in descriptors."""
        return f"{self.name}_image"

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the frames."""
        return {
            self.image_key: {
                "source": f"{self.origin}:{self.name}",
                "dtype": "array",
                "dtype_numpy": "<i4",
                "shape": list(self.shape),
                "dims": ["row", "column"],
                "units": "counts",
                "external": "STREAM:",
            }
        }

    def read(self) -> dict[str, dict[str, Any]]:
        """Nothing: the frames are external."""
        return {}

    @property
    def hints(self) -> dict[str, Sequence[str]]:
        """Nothing to plot as a number."""
        return {"fields": []}
