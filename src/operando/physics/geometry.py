"""Where the pixels of a flat detector on a 2θ arm look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput


@dataclass(frozen=True)
class DetectorGeometry:
    """A flat detector perpendicular to an arm that points at a scattering angle.

    The defaults are the PILATUS 100K of SPring-8 BL16XU: camera length 153 mm, centre at
    2θ = 25°, long axis along 2θ.

    Parameters
    ----------
    distance : float
        From the sample to the detector's centre, m.
    two_theta_arm : float
        Scattering angle of the detector's centre, degrees.
    pixel_size : float
        Edge of a square pixel, m.
    shape : tuple of int
        (rows, columns). Columns run along increasing 2θ, rows across.

    Raises
    ------
    BadInput
        If a length or the shape is not positive, or the arm's angle is not within 0-180°.
    """

    distance: float = 0.153
    two_theta_arm: float = 25.0
    pixel_size: float = 172e-6
    shape: tuple[int, int] = (195, 487)

    def __post_init__(self) -> None:
        if not (self.distance > 0 and self.pixel_size > 0 and min(self.shape) > 0):
            raise BadInput(
                f"distance {self.distance} m, pixel size {self.pixel_size} m and shape "
                f"{self.shape} must all be above 0"
            )
        if not 0.0 <= self.two_theta_arm <= 180.0:
            raise BadInput(f"two_theta_arm is {self.two_theta_arm}°; 0 to 180° is allowed")

    def _positions(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Pixel centres in m: across the arm's plane, up, along the beam; each (rows, columns)."""
        rows, columns = self.shape
        along = ((np.arange(columns) + 0.5) - 0.5 * columns) * self.pixel_size
        across = ((np.arange(rows) + 0.5) - 0.5 * rows) * self.pixel_size
        arm = np.radians(self.two_theta_arm)
        x = along * np.cos(arm) + self.distance * np.sin(arm)
        z = self.distance * np.cos(arm) - along * np.sin(arm)
        up = np.broadcast_to(across[:, None], self.shape)
        return np.broadcast_to(x, self.shape), up, np.broadcast_to(z, self.shape)

    def two_theta(self) -> NDArray[np.float64]:
        """Scattering angle of each pixel's centre, (rows, columns), degrees."""
        x, up, z = self._positions()
        return np.degrees(np.arctan2(np.hypot(x, up), z))

    def azimuth(self) -> NDArray[np.float64]:
        """Angle around the beam, nought in the arm's plane, (rows, columns), degrees."""
        x, up, _ = self._positions()
        return np.degrees(np.arctan2(up, x))

    def solid_angle(self) -> NDArray[np.float64]:
        """Solid angle of each pixel relative to one at the detector's centre, (rows, columns)."""
        x, up, z = self._positions()
        # A flat pixel at distance r, seen under the angle of incidence: proportional to 1 / r³.
        return np.asarray((self.distance**2 / (x * x + up * up + z * z)) ** 1.5)

    def poni(self) -> tuple[float, float, float, float, float, float]:
        """Geometry in pyFAI's terms: dist, poni1, poni2 (m), rot1, rot2, rot3 (rad)."""
        rows, columns = self.shape
        return (
            self.distance,
            0.5 * rows * self.pixel_size,
            0.5 * columns * self.pixel_size,
            float(np.radians(self.two_theta_arm)),
            0.0,
            0.0,
        )
