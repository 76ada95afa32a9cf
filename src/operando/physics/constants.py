"""Constants and the conversions that everything shares."""

from __future__ import annotations

import math

from operando.errors import BadInput

#: Planck's constant times the speed of light, keV Å (exact in the SI of 2019).
HC_KEV_ANGSTROM = 12.398419843320026


def wavelength_from_energy(energy_kev: float) -> float:
    """Wavelength of a photon.

    Parameters
    ----------
    energy_kev : float
        Photon energy, keV.

    Returns
    -------
    float
        Wavelength, Å.

    Raises
    ------
    BadInput
        If the energy is not a positive number.

    Examples
    --------
    >>> round(wavelength_from_energy(10.0), 5)
    1.23984
    """
    return HC_KEV_ANGSTROM / _positive("energy", energy_kev, "keV")


def energy_from_wavelength(wavelength: float) -> float:
    """Energy of a photon in keV from its wavelength in Å.

    Raises
    ------
    BadInput
        If the wavelength is not a positive number.

    Examples
    --------
    >>> round(energy_from_wavelength(1.5406), 4)
    8.0478
    """
    return HC_KEV_ANGSTROM / _positive("wavelength", wavelength, "Å")


def _positive(name: str, value: float, unit: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"{name} is {value} {unit}; a number above 0 is needed")
    return float(value)
