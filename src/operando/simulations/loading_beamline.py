"""The virtual gas-loading station: times of exposures in, detector frames out."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput
from operando.physics.geometry import DetectorGeometry
from operando.simulations.gas_cell import GasLoading
from operando.simulations.porous_crystal import (
    ENERGY_KEV,
    GEOMETRY,
    amorphous_pattern,
    crystal_pattern,
    gas_pattern,
)
from operando.simulations.source import BeamIntensity

#: Photons a second in a pixel where the brightness is 1. With it a frame of 333 ms holds what
#: gives the published uncertainties of onset and rate.
PIXEL_RATE: Final = 0.1
#: Counts of the ion chamber per second at the nominal flux, and its amplifier's noise.
I0_RATE: Final = 2.0e6
_I0_NOISE = 0.001
#: A pixel's counter is blind for so long after each photon, s.
DEAD_TIME_S: Final = 120e-9
#: The detector's counters are 20 bits deep.
_FULL = 2**20 - 1
_DEAD_PIXELS = 24


class LoadingBeamline:
    """Powder frames of a porous crystal while gas goes in.

    Parameters
    ----------
    gas : GasLoading
        What the crystal does.
    seed : int
        Of counting noise, beam drift and bad pixels.
    flux : float
        Relative to the nominal flux.
    geometry : DetectorGeometry, optional
    began : float
        Time of the station's clock at which the beam's drift begins, s.

    Raises
    ------
    BadInput
        If the flux is not positive or the seed is negative.

    Notes
    -----
    A frame's expected counts are those of (1 - a) empty + a loaded crystal, the amorphous
    background and the gas, where a is the extent averaged over the exposure, times exposure and
    momentary flux (drift, top-up, vibration); a pixel that would count n a second counts
    n exp(-n tau). Each pixel's count is Poisson.

    Examples
    --------
    >>> beamline = LoadingBeamline(GasLoading(), seed=1)
    >>> beamline.frames(np.array([0.0, 0.333]), 0.332).shape
    (2, 195, 487)
    """

    def __init__(
        self,
        gas: GasLoading,
        seed: int = 0,
        *,
        flux: float = 1.0,
        geometry: DetectorGeometry = GEOMETRY,
        began: float = 0.0,
    ) -> None:
        if not 0 < flux < np.inf:
            raise BadInput(f"flux must be positive, got {flux!r}")
        if seed < 0:
            raise BadInput(f"a seed is 0 or more, got {seed}")
        self.gas, self.geometry, self.energy_kev, self.flux = gas, geometry, ENERGY_KEV, flux
        noise, drift, chamber, pixels = np.random.SeedSequence([seed, 5]).spawn(4)
        self._rng = np.random.Generator(np.random.SFC64(noise))
        self._chamber = np.random.default_rng(chamber)
        self._beam, self._began = BeamIntensity(drift), began
        angle = geometry.two_theta()
        weight = PIXEL_RATE * geometry.solid_angle()
        self._empty = weight * crystal_pattern(angle, loaded=False)
        self._loaded = weight * crystal_pattern(angle, loaded=True)
        self._amorphous = weight * amorphous_pattern(angle)
        self._gas = weight * gas_pattern(angle)
        chosen = np.random.default_rng(pixels).choice(angle.size, _DEAD_PIXELS, replace=False)
        self._dead = np.sort(chosen).astype(np.int64)
        self._lock = threading.Lock()

    def mask(self) -> NDArray[np.int64]:
        """List the bad pixels: flat indices, ascending."""
        return self._dead

    def i0_counts(self, starts: NDArray[np.float64], exposure_s: float) -> NDArray[np.float64]:
        """Count the beam before the sample during exposures.

        Parameters
        ----------
        starts : ndarray of float64, (n,)
            When each begins, on the station's clock, s.
        exposure_s : float
            How long each is, s.

        Returns
        -------
        ndarray of float64, (n,)
            Counts.
        """
        with self._lock:
            expected = I0_RATE * exposure_s * self._level(starts, exposure_s)
            noise = 1.0 + _I0_NOISE * self._chamber.standard_normal(starts.size)
            return self._chamber.poisson(expected * noise).astype(np.float64)

    def frames(
        self, starts: NDArray[np.float64], exposure_s: float, flux_factor: float = 1.0
    ) -> NDArray[np.int32]:
        """Expose the detector.

        Parameters
        ----------
        starts : ndarray of float64, (n,)
            When each exposure begins, on the station's clock, s.
        exposure_s : float
            How long each is, s.
        flux_factor : float
            0 behind a closed shutter.

        Returns
        -------
        ndarray of int32, (n, rows, columns)
            Counts.

        Raises
        ------
        BadInput
            If the exposure is not positive.
        """
        if not 0 < exposure_s < np.inf:
            raise BadInput(f"an exposure takes more than 0 s, got {exposure_s!r}")
        extent = self.gas.extent(starts, starts + exposure_s)
        images = np.empty((starts.size, *self.geometry.shape), dtype=np.int32)
        with self._lock:
            level = flux_factor * self._level(starts, exposure_s)
            for k, begin in enumerate(starts):
                share = self.gas.pressure(float(begin) + 0.5 * exposure_s) / self.gas.supply_kpa
                rate = level[k] * (
                    self._amorphous
                    + share * self._gas
                    + (1.0 - extent[k]) * self._empty
                    + extent[k] * self._loaded
                )
                counted = rate * np.exp(-DEAD_TIME_S * rate) * exposure_s
                images[k] = np.minimum(_counts(self._rng, counted), _FULL)
        images.reshape(starts.size, -1)[:, self._dead] = 0
        return images

    def _level(self, starts: NDArray[np.float64], exposure_s: float) -> NDArray[np.float64]:
        """Flux relative to nominal in the middle of exposures."""
        return self.flux * self._beam.at(starts - self._began + 0.5 * exposure_s)


def _counts(rng: np.random.Generator, expected: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw the Poisson counts of all pixels; few photons find their pixels one by one."""
    total = float(expected.sum())
    if total > 0.1 * expected.size:
        return np.asarray(rng.poisson(expected))
    cumulated = np.cumsum(expected.ravel())
    places = rng.random(rng.poisson(total)) * cumulated[-1]
    pixels = np.searchsorted(cumulated, places, side="right")
    return np.bincount(pixels, minlength=expected.size).reshape(expected.shape)
