"""Where scattered photons land: the detector seen from the sample in 2θ and azimuth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.physics.geometry import DetectorGeometry

_STEP = 0.004  # degrees; a fifteenth of a pixel


class RingMap:
    """Powder rings on a flat detector whose columns run along 2θ.

    Parameters
    ----------
    geometry : DetectorGeometry

    Notes
    -----
    For each detector row the column is tabulated against 2θ in steps of 0.004°, a fifteenth of
    a pixel: that is the only rounding of a photon's place.
    """

    def __init__(self, geometry: DetectorGeometry) -> None:
        two_theta = geometry.two_theta()
        self.shape: tuple[int, int] = (two_theta.shape[0], two_theta.shape[1])
        self.low, self.high = float(two_theta.min()), float(two_theta.max())
        self._start = self.low - 3.0
        self._grid = np.arange(self._start, self.high + 3.0, _STEP)
        column = np.stack([_extended(self._grid, row) for row in two_theta])
        index = np.floor(column + 0.5)
        on_detector = (index >= 0) & (index < self.shape[1])
        self._pixel = np.where(
            on_detector, index + self.shape[1] * np.arange(self.shape[0])[:, None], -1
        ).astype(np.int32)
        self._column = column
        self._stretch = np.gradient(column, _STEP, axis=1)
        self._solid_angle = geometry.solid_angle()
        azimuth = np.radians(geometry.azimuth())
        centre = azimuth[self.shape[0] // 2, self.shape[1] // 2]
        self._azimuth = np.angle(np.exp(1j * (azimuth - centre)))
        self._pixel_sr = (geometry.pixel_size / geometry.distance) ** 2

    def pixels(self, row: NDArray[np.int64], two_theta: NDArray[np.float64]) -> NDArray[np.int32]:
        """Find the pixels that photons hit.

        Parameters
        ----------
        row : ndarray of int64, (n,)
            Detector rows.
        two_theta : ndarray of float64, (n,)
            Scattering angles, degrees.

        Returns
        -------
        ndarray of int32, (n,)
            Flat pixel indices, -1 beside the detector.
        """
        index = ((two_theta - self._start) * (1.0 / _STEP)).astype(np.int64)
        np.clip(index, 0, self._grid.size - 1, out=index)
        inside = (row >= 0) & (row < self.shape[0])
        return np.where(inside, self._pixel[np.where(inside, row, 0), index], -1)

    def row_weights(self, two_theta: float) -> NDArray[np.float64]:
        """Share of a ring that each row catches.

        Parameters
        ----------
        two_theta : float
            Scattering angle of the ring, degrees.

        Returns
        -------
        ndarray of float64, (rows,)
            Relative solid angle times columns per degree: the photons of a row for a ring of
            unit density per relative solid angle and unit area per degree.
        """
        at = int(np.clip(round((two_theta - self._start) / _STEP), 0, self._grid.size - 1))
        column = np.clip(np.round(self._column[:, at]), 0, self.shape[1] - 1).astype(int)
        rows = np.arange(self.shape[0])
        return np.asarray(self._solid_angle[rows, column] * self._stretch[:, at])

    def per_radian(self, two_theta: float) -> float:
        """Photons per radian of azimuth of the same ring.

        Parameters
        ----------
        two_theta : float
            Scattering angle of the ring, degrees.

        Returns
        -------
        float
            ``sin 2θ`` over the solid angle of a pixel, in the units of `row_weights`.
        """
        return float(np.radians(1.0) * np.sin(np.radians(two_theta)) / self._pixel_sr)

    def row_at(self, two_theta: float, azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fractional row at which a ring has an azimuth; beyond the edges it goes on linearly.

        Parameters
        ----------
        two_theta : float
            Scattering angle of the ring, degrees.
        azimuth : ndarray of float64
            Radians from the direction of the detector's centre.

        Returns
        -------
        ndarray of float64
            Row coordinate, 0 at the centre of the first row.
        """
        at = int(np.clip(round((two_theta - self._start) / _STEP), 0, self._grid.size - 1))
        column = np.clip(np.round(self._column[:, at]), 0, self.shape[1] - 1).astype(int)
        rows = np.arange(self.shape[0])
        along = self._azimuth[rows, column]
        slope, offset = np.polyfit(along, rows, 1)
        return np.asarray(offset + slope * azimuth)


def _extended(x: NDArray[np.float64], two_theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column at angle x, going on linearly beyond both ends."""
    column = np.interp(x, two_theta, np.arange(two_theta.size))
    first, last = two_theta[1] - two_theta[0], two_theta[-1] - two_theta[-2]
    column = np.where(x < two_theta[0], (x - two_theta[0]) / first, column)
    beyond = two_theta.size - 1 + (x - two_theta[-1]) / last
    return np.asarray(np.where(x > two_theta[-1], beyond, column))
