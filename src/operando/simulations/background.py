"""What lies under the rings: air, the resin's halo, amorphous rust and iron fluorescence."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from operando.physics.geometry import DetectorGeometry
from operando.simulations.canvas import CONSTITUENTS
from operando.simulations.materials import iron_fluorescence, transmission

#: Peak brightness at the nominal flux, photons a second and detector column: air scatter at low
#: angle, halo of pure resin, halo of pure FeOOH, and fluorescence of solid iron.
AIR_RATE: Final = 130.0
RESIN_RATE: Final = 250.0
RUST_RATE: Final = 60.0
FLUORESCENCE_RATE: Final = 300.0
#: Iron's K lines: energy in keV and share of the photons.
IRON_LINES: Final = ((6.400, 0.88), (7.058, 0.12))
#: Energy resolution of a pixel's discriminator, keV FWHM.
THRESHOLD_FWHM: Final = 0.5

_TABLE_BITS = 21
_TABLE = 2**_TABLE_BITS


def counted(energy_kev: float, threshold_ev: float) -> float:
    """Chance that a pixel counts a photon.

    Parameters
    ----------
    energy_kev : float
        Energy of the photon, keV.
    threshold_ev : float
        Discriminator threshold, eV.

    Returns
    -------
    float
        Between 0 and 1: an error function 0.5 keV (FWHM) wide.

    Examples
    --------
    >>> [round(counted(6.4, threshold), 3) for threshold in (5000, 6400, 8000)]
    [1.0, 0.5, 0.0]
    """
    return float(ndtr((energy_kev - threshold_ev / 1000.0) / (THRESHOLD_FWHM / 2.3548)))


class Background:
    """Smooth scattering, drawn photon by photon from tables of pixels.

    Parameters
    ----------
    geometry : DetectorGeometry
    energy_kev : float

    Notes
    -----
    Each component's distribution over the pixels is one table of 2^21 pixel numbers, its
    inverse cumulative distribution at evenly spaced quantiles. A uniform index is then a photon.
    A pixel gets about 22 entries, give or take half of one: the distribution is right to about
    2 %, less than the flat-field residuals of a real detector.
    """

    def __init__(self, geometry: DetectorGeometry, energy_kev: float) -> None:
        self._energy = energy_kev
        two_theta, solid_angle = geometry.two_theta(), geometry.solid_angle()
        shapes = (
            np.exp(-(two_theta - 9.7) / 7.0) + 0.22,
            _bump(two_theta, _angle(4.7, energy_kev), 5.5)
            + 0.22 * _bump(two_theta, _angle(2.3, energy_kev), 11.0),
            _bump(two_theta, _angle(2.55, energy_kev), 3.6),
            np.ones_like(two_theta),
        )
        images = [shape * solid_angle for shape in shapes]
        self._tables = np.concatenate([_pixel_table(image) for image in images])
        self._totals = np.array([i.sum() / i.sum(axis=0).max() for i in images])
        self._peaks = np.array([AIR_RATE, RESIN_RATE, RUST_RATE, FLUORESCENCE_RATE])

    def rates(
        self, fractions: NDArray[np.floating], amorphous: NDArray[np.floating], threshold_ev: float
    ) -> NDArray[np.float64]:
        """Photons a second of each component at the nominal flux.

        Parameters
        ----------
        fractions : ndarray, (n, 12)
            Volume fractions in the order of ``CONSTITUENTS``.
        amorphous : ndarray, (n,)
            How much of the rust is amorphous, relative to the usual.
        threshold_ev : float
            Discriminator threshold, eV.

        Returns
        -------
        ndarray of float64, (n, 4)
            Air, resin, amorphous rust, fluorescence.
        """
        through = transmission(fractions, self._energy)
        rust = fractions[:, CONSTITUENTS.index("gamma_feooh")]
        rust = rust + fractions[:, CONSTITUENTS.index("alpha_feooh")]
        elastic = counted(self._energy, threshold_ev)
        iron = sum(share * counted(line, threshold_ev) for line, share in IRON_LINES)
        amounts = np.stack(
            [
                # Some of the air that is seen lies before the section, some behind it.
                elastic * (0.4 + 0.6 * through),
                elastic * through * fractions[:, CONSTITUENTS.index("resin")],
                elastic * through * rust * amorphous,
                iron * iron_fluorescence(fractions, self._energy),
            ],
            axis=1,
        )
        return np.asarray(amounts * self._peaks * self._totals)

    def pixels(self, bits: np.random.SFC64, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """Draw photons.

        Parameters
        ----------
        bits : numpy.random.SFC64
            Source of random bits.
        numbers : ndarray of int64, (4,)
            Photons of each component.

        Returns
        -------
        ndarray of int32, (numbers.sum(),)
            Flat pixel indices.
        """
        total = int(numbers.sum())
        index = bits.random_raw((total + 1) // 2).view(np.uint32)[:total]
        index >>= np.uint32(32 - _TABLE_BITS)
        start = int(numbers[0])
        for component in range(1, 4):
            stop = start + int(numbers[component])
            index[start:stop] += np.uint32(component * _TABLE)
            start = stop
        return self._tables.take(index)


def _angle(d_spacing: float, energy_kev: float) -> float:
    return float(np.degrees(2.0 * np.arcsin(12.39842 / energy_kev / (2.0 * d_spacing))))


def _bump(x: NDArray[np.float64], centre: float, fwhm: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-4.0 * np.log(2.0) * ((x - centre) / fwhm) ** 2))


def _pixel_table(image: NDArray[np.float64]) -> NDArray[np.int32]:
    """Pixel numbers at evenly spaced quantiles of an image."""
    edges = np.cumsum(image.ravel())
    edges = np.round(edges * (_TABLE / edges[-1])).astype(np.int64)
    return np.repeat(np.arange(image.size, dtype=np.int32), np.diff(edges, prepend=0))
