"""K edges of the metals of the battery and the steel, and photoelectron wavenumbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from operando.errors import BadInput

#: 2 m_e / ħ² in Å⁻² eV⁻¹ (CODATA 2018).
WAVENUMBER2_PER_EV = 0.26246842


@dataclass(frozen=True)
class Edge:
    """An absorption edge.

    Parameters
    ----------
    element : str
        Chemical symbol.
    energy : float
        Edge of the metal, eV.
    width : float
        Lifetime width of the core hole (full width at half maximum), eV.
    """

    element: str
    energy: float
    width: float


#: K edges by element: energies of Bearden & Burr (1967), Rev. Mod. Phys. 39, 125
#: (10.1103/RevModPhys.39.125), rounded to 1 eV; core-hole widths of Krause & Oliver (1979),
#: J. Phys. Chem. Ref. Data 8, 329 (10.1063/1.555595).
EDGES: Mapping[str, Edge] = MappingProxyType(
    {
        edge.element: edge
        for edge in (
            Edge("Mn", 6539.0, 1.16),
            Edge("Fe", 7112.0, 1.25),
            Edge("Co", 7709.0, 1.33),
            Edge("Ni", 8333.0, 1.44),
        )
    }
)


def edge_of(element: str) -> Edge:
    """K edge of an element.

    Raises
    ------
    BadInput
        If the element is not in the table.

    Examples
    --------
    >>> edge_of("Ni").energy
    8333.0
    """
    try:
        return EDGES[element]
    except KeyError:
        raise BadInput(f"element {element!r} has no edge here; known: {', '.join(EDGES)}") from None


def nearest_edge(energy: float) -> Edge:
    """Edge of the table that lies nearest to an energy in eV.

    Examples
    --------
    >>> nearest_edge(7124.0).element
    'Fe'
    """
    return min(EDGES.values(), key=lambda edge: abs(edge.energy - energy))


def wavenumber(energy: ArrayLike, e0: float) -> NDArray[np.float64]:
    """Wavenumber of the photoelectron; negative, by convention, below the edge.

    Parameters
    ----------
    energy : array_like, (n,)
        Photon energy, eV.
    e0 : float
        Edge, eV.

    Returns
    -------
    ndarray of float64, (n,)
        k, Å⁻¹.

    Examples
    --------
    >>> float(wavenumber(8333.0 + 381.0, 8333.0).round(2))
    10.0
    """
    above = np.asarray(energy, dtype=np.float64) - e0
    return np.asarray(np.sign(above) * np.sqrt(WAVENUMBER2_PER_EV * np.abs(above)))


def photon_energy(k: ArrayLike, e0: float) -> NDArray[np.float64]:
    """Photon energy in eV at a wavenumber in Å⁻¹, the inverse of `wavenumber`.

    Examples
    --------
    >>> float(photon_energy(10.0, 8333.0).round(1))
    8714.0
    """
    wave = np.asarray(k, dtype=np.float64)
    return np.asarray(e0 + wave * np.abs(wave) / WAVENUMBER2_PER_EV)
