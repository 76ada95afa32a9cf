"""How LiNi1/3Co1/3Mn1/3O2 changes with its state of charge: the laws that the simulator obeys.

Every law is given at five reference states (0, 20, 40, 80 and 130 % SOC, 100 % = 160 mAh/g).
Between them the electrode is a mixture of its two neighbours, which is what a linear
combination fit assumes; its shares follow the fits of the operando study of Kobelco Research
Institute at SPring-8 BL08B2 ("the study" below).

Where the end points come from:

- Ni2+ to Ni4+, with an edge shift of about 3 eV; Ni-O 2.03 to 1.89 Å, Co-O 1.92 to 1.89 Å, Mn-O
  nearly constant; metal-metal 2.87 to 2.83 Å: literature values, source not checked. In
  situ XAFS of this compound is in Tsai et al., Chem. Mater. 17 (2005) 3191, and Deb et al., J.
  Appl. Phys. 97 (2005) 113523. How fast a value goes from one end to the other is the study's.
- c 14.23 to 14.45 Å near the middle of the full charge and down again as the oxygen layers close
  in: literature values, source not checked; diffraction at all states of charge is in Yin et al.,
  Chem. Mater. 18 (2006) 1901. Between and beyond these the study's 003 position, scaled to those
  two values. Broadening past 110 % is the study's.
- Debye-Waller factors are chosen, of usual size, with the study's trends (Ni-O falls as the
  Jahn-Teller distortion of Ni3+ goes; Co-O and Mn-O rise a little).
- Beam dose is an assumption: exposed material lags behind by up to 3 % SOC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from operando.errors import BadInput

Floats = NDArray[np.float64]

METALS: Final = ("Ni", "Co", "Mn")
SHELLS: Final = ("o", "m", "m2", "m_m")
#: States of charge of the reference states.
REFERENCE_SOC: Final = (0.0, 0.2, 0.4, 0.8, 1.3)
#: Dose by which two thirds of the damage is done, MGy, and what complete damage amounts to, SOC.
DAMAGE_MGY, DAMAGE_SOC = 60.0, 0.03

# Progress from one reference state to the next, where the study has it.
_PROGRESS: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "Ni": (
        (0.0, 0.0), (0.1, 0.54), (0.2, 1.0), (0.3, 1.5), (0.4, 2.0), (0.5, 2.32), (0.6, 2.61),
        (0.7, 2.84), (0.8, 3.0), (0.9, 3.33), (1.0, 3.51), (1.1, 3.69), (1.2, 3.89), (1.3, 4.0),
    ),
    "Co": (
        (0.0, 0.0), (0.1, 0.6), (0.2, 1.0), (0.3, 1.53), (0.4, 2.0), (0.5, 2.2), (0.6, 2.45),
        (0.7, 2.73), (0.8, 3.0), (0.9, 3.22), (1.0, 3.42), (1.1, 3.63), (1.2, 3.84), (1.3, 4.0),
    ),
    "Mn": ((0.0, 0.0), (0.2, 1.0), (0.4, 2.0), (0.8, 3.0), (1.3, 4.0)),
}  # fmt: skip
# Distances to oxygen, Å, at the reference states.
_OXYGEN: Final[Mapping[str, tuple[float, ...]]] = {
    "Ni": (2.030, 1.978, 1.921, 1.892, 1.890),
    "Co": (1.920, 1.917, 1.909, 1.903, 1.890),
    "Mn": (1.906, 1.906, 1.905, 1.904, 1.904),
}
_METAL: Final = (2.870, 2.855, 2.841, 2.832, 2.830)
# Mean square relative displacement, Å², at the reference states.
_SIGMA2: Final[Mapping[str, tuple[tuple[float, ...], ...]]] = {
    "Ni": (
        (0.0080, 0.0085, 0.0068, 0.0048, 0.0044),
        (0.0055, 0.0054, 0.0053, 0.0051, 0.0049),
        (0.0072, 0.0075, 0.0077, 0.0076, 0.0078),
        (0.0085, 0.0084, 0.0084, 0.0083, 0.0083),
    ),
    "Co": (
        (0.0036, 0.0037, 0.0039, 0.0040, 0.0047),
        (0.0046, 0.0045, 0.0045, 0.0045, 0.0047),
        (0.0070, 0.0071, 0.0073, 0.0074, 0.0076),
        (0.0080, 0.0080, 0.0081, 0.0082, 0.0084),
    ),
    "Mn": (
        (0.0034, 0.0035, 0.0038, 0.0041, 0.0044),
        (0.0047, 0.0046, 0.0046, 0.0048, 0.0050),
        (0.0068, 0.0070, 0.0073, 0.0075, 0.0078),
        (0.0080, 0.0080, 0.0082, 0.0083, 0.0085),
    ),
}
# The study's 003 position, standardised: c = 14.23 Å at -0.6 and 14.45 Å at 1.1.
_C_AXIS: Final = (
    (0.0, -0.6), (0.1, -0.4), (0.2, -0.2), (0.3, 0.1), (0.4, 0.3), (0.5, 0.5), (0.6, 0.75),
    (0.7, 0.93), (0.8, 1.08), (0.87, 1.1), (1.0, 0.95), (1.1, 0.68), (1.2, 0.3), (1.3, -0.3),
    (1.4, -1.1), (1.5, -1.85), (1.6, -2.5), (1.75, -3.2),
)  # fmt: skip
# Lorentzian full width of the 003 reflection over its 2θ in radians of strain, and area.
_STRAIN: Final = ((0.0, 0.0030), (0.9, 0.0031), (1.1, 0.0034), (1.3, 0.0056), (1.6, 0.0110))


@dataclass(frozen=True)
class Structure:
    """What the X-rays see of the electrode at one state of charge.

    Parameters
    ----------
    fractions : mapping of str to ndarray, (5,)
        By metal, the share of each reference state.
    distance, sigma2 : mapping of (metal, shell) to float
        Mean distance (Å) and its mean square spread (Å²); shells ``o``, ``m``, ``m2`` and the
        collinear multiple scattering ``m_m``. The spread includes that between the two states.
    c_axis : float
        Å; the 003 spacing is a third of it.
    strain : float
        Spread of the spacing, relative (full width at half maximum).
    """

    fractions: Mapping[str, Floats]
    distance: Mapping[tuple[str, str], float]
    sigma2: Mapping[tuple[str, str], float]
    c_axis: float
    strain: float

    @property
    def d003(self) -> float:
        """Spacing of the 003 planes, Å."""
        return self.c_axis / 3.0


def fractions(metal: str, soc: float) -> Floats:
    """Share of each reference state.

    Parameters
    ----------
    metal : str
        Ni, Co or Mn.
    soc : float
        State of charge; below 0 as at 0, beyond 1.3 as at 1.3.

    Returns
    -------
    ndarray of float64, (5,)
        At 0, 20, 40, 80 and 130 % SOC; not negative, the sum is 1.

    Raises
    ------
    BadInput
        If there is no such metal.

    Examples
    --------
    >>> fractions("Ni", 0.1).round(2)
    array([0.46, 0.54, 0.  , 0.  , 0.  ])
    """
    if metal not in _PROGRESS:
        raise BadInput(f"metal must be one of {', '.join(METALS)}, not {metal!r}")
    knots, values = zip(*_PROGRESS[metal], strict=True)
    progress = float(np.interp(soc, knots, values))
    return np.maximum(0.0, 1.0 - np.abs(np.arange(5.0) - progress))


def reference_distances(metal: str, state: int) -> tuple[Floats, Floats]:
    """Distances and their spread in one of the reference states.

    Parameters
    ----------
    metal : str
        Ni, Co or Mn.
    state : int
        0 to 4.

    Returns
    -------
    distance, sigma2 : ndarray of float64, (4,)
        Å and Å², by shell.
    """
    oxygen, between = _OXYGEN[metal][state], _METAL[state]
    distance = np.array([oxygen, between, np.sqrt(3.0) * between, 2.0 * between])
    return distance, np.array([shell[state] for shell in _SIGMA2[metal]])


def structure(soc: float, dose_mgy: float = 0.0) -> Structure:
    """Tell what the electrode looks like.

    Parameters
    ----------
    soc : float
        True state of charge.
    dose_mgy : float
        Absorbed dose of the spot, MGy.

    Returns
    -------
    Structure
        The truth; for simulation and scoring only.

    Examples
    --------
    >>> empty, half = structure(0.0), structure(0.87)
    >>> round(empty.c_axis, 2), round(half.c_axis, 2)
    (14.23, 14.45)
    """
    seen = soc - DAMAGE_SOC * (1.0 - float(np.exp(-dose_mgy / DAMAGE_MGY)))
    share = {metal: fractions(metal, seen) for metal in METALS}
    distance, sigma2 = {}, {}
    for metal in METALS:
        radii, spreads = zip(*(reference_distances(metal, k) for k in range(5)), strict=True)
        mean = share[metal] @ np.array(radii)
        spread = share[metal] @ (np.array(spreads) + (np.array(radii) - mean) ** 2)
        for k, shell in enumerate(SHELLS):
            distance[metal, shell], sigma2[metal, shell] = float(mean[k]), float(spread[k])
    inside = min(max(seen, _C_AXIS[0][0]), _C_AXIS[-1][0])
    c_axis = 14.23 + (float(_C_CURVE(inside)) + 0.6) * (14.45 - 14.23) / 1.7
    knots, widths = zip(*_STRAIN, strict=True)
    strain = float(np.interp(seen, knots, widths))
    return Structure(
        MappingProxyType(share),
        MappingProxyType(distance),
        MappingProxyType(sigma2),
        c_axis,
        strain,
    )


_C_CURVE: Final = PchipInterpolator(*np.array(_C_AXIS).T)
