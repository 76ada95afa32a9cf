"""Powder patterns of a porous crystal, empty and full of gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operando.physics.constants import wavelength_from_energy
from operando.physics.geometry import DetectorGeometry


@dataclass(frozen=True)
class Reflection:
    """One reflection of both phases.

    Parameters
    ----------
    d_spacing : float
        Of the empty crystal, Å.
    empty, loaded : float
        Intensity in either phase, strongest = 100.
    strain : float
        Relative change of the spacing on loading.
    """

    d_spacing: float
    empty: float
    loaded: float
    strain: float


#: Made up in the likeness of CPL-1, a pillared layer crystal with channels that argon fills: low
#: angle reflections that change their intensity a great deal and their place a little. They are
#: not calculated from its atoms. Most pairs overlap; that at 5.5 and 5.4 Å overlaps with another.
REFLECTIONS: Final[tuple[Reflection, ...]] = (
    Reflection(9.92, 100.0, 34.0, 0.004),
    Reflection(9.64, 22.0, 41.0, 0.006),
    Reflection(7.35, 18.0, 52.0, 0.005),
    Reflection(5.53, 31.0, 12.0, -0.004),
    Reflection(5.41, 9.0, 38.0, 0.003),
    Reflection(4.96, 14.0, 27.0, 0.004),
    Reflection(4.48, 26.0, 11.0, 0.006),
    Reflection(4.09, 8.0, 24.0, 0.003),
    Reflection(3.66, 17.0, 21.0, 0.005),
    Reflection(3.31, 29.0, 16.0, 0.002),
    Reflection(3.08, 12.0, 25.0, 0.004),
    Reflection(2.81, 10.0, 7.0, 0.003),
)
#: Full width at half maximum of every line, degrees.
FWHM_DEG: Final = 0.10
#: Energy of the photons, keV, and where the detector stands.
ENERGY_KEV: Final = 15.5
GEOMETRY: Final = DetectorGeometry(distance=0.30, two_theta_arm=11.0)


def crystal_pattern(
    two_theta: NDArray[np.float64], *, loaded: bool, energy_kev: float = ENERGY_KEV
) -> NDArray[np.float64]:
    """Brightness of one phase, background apart.

    Parameters
    ----------
    two_theta : ndarray of float64
        Any shape, degrees.
    loaded : bool
        Which phase.
    energy_kev : float

    Returns
    -------
    ndarray of float64
        Same shape; the strongest reflection of the empty crystal has a height of 100.

    Examples
    --------
    >>> angle = np.linspace(4.0, 18.0, 2801)
    >>> empty, full = (crystal_pattern(angle, loaded=which) for which in (False, True))
    >>> [round(float(angle[p.argmax()]), 2) for p in (empty, full)]
    [4.62, 6.21]
    """
    wavelength = wavelength_from_energy(energy_kev)
    total = np.zeros(np.shape(two_theta))
    for line in REFLECTIONS:
        spacing = line.d_spacing * (1.0 + line.strain * loaded)
        centre = np.degrees(2.0 * np.arcsin(0.5 * wavelength / spacing))
        height = line.loaded if loaded else line.empty
        total += height * _pseudo_voigt(two_theta - centre)
    return total


def amorphous_pattern(two_theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness of the glass capillary, the air and what is not crystalline; highest near 10."""
    glass = np.exp(-(((two_theta - 11.5) / 4.5) ** 2))
    air = np.exp(-(two_theta - 3.0) / 3.0)
    return np.asarray(8.0 * glass + 12.0 * air + 2.0)


def gas_pattern(two_theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness of the gas at the pressure of the supply, smooth."""
    return np.asarray(0.5 * np.exp(-((two_theta / 14.0) ** 2)))


def _pseudo_voigt(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    x = (2.0 * offset / FWHM_DEG) ** 2
    return np.asarray(0.3 / (1.0 + x) + 0.7 * np.exp(-np.log(2.0) * x))
