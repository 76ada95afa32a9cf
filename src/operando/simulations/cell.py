"""What every simulated cell can do, and the open-circuit voltage of LiNi1/3Co1/3Mn1/3O2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from operando.errors import BadInput

#: Capacity that counts as 100 % state of charge, mAh per gram of active material.
NOMINAL_MAH_PER_GRAM: Final = 160.0
#: Capacity if all lithium came out of LiNi1/3Co1/3Mn1/3O2 (one electron a formula unit), mAh/g.
THEORETICAL_MAH_PER_GRAM: Final = 277.8

# State of charge and open-circuit voltage (V against Li). Inferred from the potentials after
# rest in the operando study of Kobelco Research Institute at SPring-8 BL08B2 (17 states of charge,
# published standardised to one decimal: V = 4.157 + 0.39 z), smoothed with a Gaussian of 3 % SOC
# and kept strictly rising. Below 0 and above 155 % it is an extrapolation.
_OPEN_CIRCUIT: Final = (
    (-0.20, 1.200), (-0.15, 2.200), (-0.10, 2.900), (-0.05, 3.350), (0.00, 3.620), (0.05, 3.699),
    (0.10, 3.722), (0.15, 3.728),
    (0.20, 3.734), (0.25, 3.746), (0.30, 3.766), (0.35, 3.787), (0.40, 3.807), (0.45, 3.826),
    (0.50, 3.845), (0.55, 3.864), (0.60, 3.887), (0.65, 3.921), (0.70, 3.965), (0.75, 4.020),
    (0.80, 4.080), (0.85, 4.139), (0.90, 4.198), (0.95, 4.256), (1.00, 4.315), (1.05, 4.375),
    (1.10, 4.429), (1.15, 4.472), (1.20, 4.517), (1.25, 4.572), (1.30, 4.619), (1.35, 4.648),
    (1.40, 4.666), (1.45, 4.685), (1.50, 4.711), (1.55, 4.765), (1.60, 4.890), (1.65, 5.095),
    (1.70, 5.340), (1.736, 5.560),
)  # fmt: skip

CellState = Mapping[str, float]


@runtime_checkable
class CellModel(Protocol):
    """A cell that takes a current for a time.

    Charging current is positive. Potentials are those of the positive electrode against lithium
    (a half-cell), in V; temperature is in °C.
    """

    @property
    def nominal_capacity(self) -> float:
        """Charge that counts as 100 % state of charge, Ah."""
        ...

    @property
    def soc(self) -> float:
        """True state of charge, 1 = 100 %; nothing that a potentiostat could read."""
        ...

    @property
    def open_circuit_voltage(self) -> float:
        """Voltage after a rest without end, V."""
        ...

    @property
    def voltage(self) -> float:
        """Voltage with the current of the last step, V."""
        ...

    @property
    def temperature(self) -> float:
        """Temperature of the cell, °C."""
        ...

    def step(self, dt: float, current: float) -> None:
        """Let `current` (A) flow for `dt` (s); 0 s sets the current without any charge."""
        ...

    def state(self) -> CellState:
        """Return all that changes with time, as plain numbers."""
        ...

    def restore(self, state: CellState) -> None:
        """Go back to what `state` returned."""
        ...


@dataclass(frozen=True)
class Electrode:
    """What is in the cell.

    Parameters
    ----------
    active_mass : float
        Mass of LiNi1/3Co1/3Mn1/3O2, g.

    Raises
    ------
    BadInput
        If the mass is not positive.

    Examples
    --------
    >>> Electrode(active_mass=0.010).nominal_capacity
    0.0016
    """

    active_mass: float = 0.010

    def __post_init__(self) -> None:
        if not 0 < self.active_mass < np.inf:
            raise BadInput(f"the active mass must be positive, got {self.active_mass!r} g")

    @property
    def nominal_capacity(self) -> float:
        """Charge that counts as 100 %, Ah."""
        return self.active_mass * NOMINAL_MAH_PER_GRAM / 1000.0


def open_circuit_voltage(soc: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Look up the open-circuit voltage of LiNi1/3Co1/3Mn1/3O2.

    Parameters
    ----------
    soc : ndarray of float64 or float
        State of charge, 1 = 160 mAh/g. Outside -0.20 to 1.736 the nearest end holds.

    Returns
    -------
    ndarray of float64, shape of `soc`
        V against lithium; monotone (Fritsch-Carlson cubic through the table).

    Examples
    --------
    >>> open_circuit_voltage(np.array([0.0, 1.0, 1.5])).round(3)
    array([3.62 , 4.315, 4.711])
    """
    low, high = _OPEN_CIRCUIT[0][0], _OPEN_CIRCUIT[-1][0]
    return np.asarray(_curve()(np.clip(soc, low, high)), dtype=np.float64)


def lithium_left(soc: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the lithium x left in Li(x)Ni1/3Co1/3Mn1/3O2.

    Parameters
    ----------
    soc : ndarray of float64 or float
        State of charge, 1 = 160 mAh/g.

    Returns
    -------
    ndarray of float64
        x = 1 - SOC 160/277.8.

    Examples
    --------
    >>> lithium_left(np.array([0.0, 1.0])).round(3)
    array([1.   , 0.424])
    """
    ratio = NOMINAL_MAH_PER_GRAM / THEORETICAL_MAH_PER_GRAM
    return np.asarray(1.0 - np.asarray(soc) * ratio, dtype=np.float64)


@lru_cache(maxsize=1)
def _curve() -> PchipInterpolator:
    soc, volts = np.array(_OPEN_CIRCUIT).T
    return PchipInterpolator(soc, volts)
