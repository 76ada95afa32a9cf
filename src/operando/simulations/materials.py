"""What the beamline needs to know of each constituent beside its crystal structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operando.simulations.canvas import CONSTITUENTS

#: Thickness of the section, µm; the beam passes through it.
SECTION_UM: Final = 10.0
#: Photon energy at which the absorption coefficients hold, keV, and iron's K edge.
REFERENCE_KEV: Final = 10.0
IRON_EDGE_KEV: Final = 7.112


@dataclass(frozen=True)
class Material:
    """Absorption, iron content and the state of a constituent's crystallites.

    Parameters
    ----------
    absorption : float
        Linear absorption coefficient at 10 keV, 1/µm.
    absorption_iron : float
        The same for iron's Kα line at 6.4 keV, 1/µm.
    iron : float
        Iron density, g/cm³.
    size_fwhm : float
        Full width at half maximum from small crystallites at low angle, degrees 2θ.
    texture : float
        How much a ring's brightness varies around the beam and between reflections; 0 is an
        ideal powder.
    """

    absorption: float
    absorption_iron: float
    iron: float
    size_fwhm: float
    texture: float


#: Coefficients are density times mass attenuation, rounded from standard tables of elements;
#: widths and textures are typical of atmospheric rust and of a carbon steel.
MATERIALS: Final = {
    "fe3o4": Material(0.065, 0.029, 3.75, 0.17, 0.30),
    "gamma_feooh": Material(0.044, 0.021, 2.49, 0.24, 0.18),
    "alpha_feooh": Material(0.046, 0.022, 2.65, 0.34, 0.12),
    "fe_bcc": Material(0.134, 0.056, 7.87, 0.04, 0.0),
    "fe3c": Material(0.122, 0.052, 7.20, 0.15, 0.45),
    "fe_fcc": Material(0.135, 0.056, 7.90, 0.04, 0.0),
    "alpha_fe2o3": Material(0.063, 0.028, 3.68, 0.16, 0.30),
    "feo": Material(0.079, 0.035, 4.58, 0.14, 0.40),
    "feco3": Material(0.033, 0.018, 1.90, 0.12, 0.40),
    "caco3": Material(0.011, 0.042, 0.0, 0.08, 0.50),
    "sio2": Material(0.0050, 0.019, 0.0, 0.06, 0.55),
    "resin": Material(0.0004, 0.0017, 0.0, 0.0, 0.0),
}


def column(attribute: str) -> NDArray[np.float64]:
    """Collect one property of all constituents.

    Parameters
    ----------
    attribute : str
        A field of `Material`.

    Returns
    -------
    ndarray of float64, (12,)
        In the order of ``CONSTITUENTS``.
    """
    return np.array([getattr(MATERIALS[name], attribute) for name in CONSTITUENTS])


def transmission(fractions: NDArray[np.floating], energy_kev: float) -> NDArray[np.float64]:
    """Share of the beam, and of what it scatters forward, that the section lets through.

    Parameters
    ----------
    fractions : ndarray, (n, 12)
        Volume fractions in the order of ``CONSTITUENTS``.
    energy_kev : float
        Photon energy; absorption scales as the inverse cube, which holds above the iron edge.

    Returns
    -------
    ndarray of float64, (n,)
        Between 0 and 1.
    """
    scale = (REFERENCE_KEV / energy_kev) ** 3
    return np.asarray(np.exp(-SECTION_UM * scale * (fractions @ column("absorption"))))


def iron_fluorescence(fractions: NDArray[np.floating], energy_kev: float) -> NDArray[np.float64]:
    """Iron K radiation that leaves the section forward, relative to solid iron at 10 keV.

    Parameters
    ----------
    fractions : ndarray, (n, 12)
        Volume fractions in the order of ``CONSTITUENTS``.
    energy_kev : float
        Photon energy; there is none below iron's K edge.

    Returns
    -------
    ndarray of float64, (n,)

    Notes
    -----
    The integral over depth z of excitation and re-absorption,
    ``ρ ∫ exp(-μ z) exp(-μ' (t - z)) dz = ρ (exp(-μ' t) - exp(-μ t)) / (μ - μ')``.
    """
    if energy_kev <= IRON_EDGE_KEV:
        return np.zeros(len(fractions))
    cube = (REFERENCE_KEV / energy_kev) ** 3

    def leaving(
        iron: NDArray[np.float64], inward: NDArray[np.float64], outward: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        # Equal coefficients are a removable singularity of the closed form.
        gap = inward - outward
        gap = np.where(np.abs(gap) < 1e-6, 1e-6, gap)
        depth = np.exp(-outward * SECTION_UM) * -np.expm1(-gap * SECTION_UM) / gap
        return iron * cube * depth

    solid = MATERIALS["fe_bcc"]
    unit = leaving(*(np.array(v) for v in (solid.iron, solid.absorption, solid.absorption_iron)))
    here = leaving(
        fractions @ column("iron"),
        cube * (fractions @ column("absorption")),
        fractions @ column("absorption_iron"),
    )
    return np.asarray(here / unit)
