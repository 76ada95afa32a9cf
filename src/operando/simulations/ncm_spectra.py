"""Absorption spectra of the reference states of LiNi1/3Co1/3Mn1/3O2.

A near-edge spectrum is drawn as an arctangent (transitions into the continuum, as wide as the
core hole and the monochromator make it), a white line (1s to 4p), a second resonance some 15 eV
higher, and a small pre-edge peak (1s to 3d). It is a shape with the right position, height and
trend, not a calculation: edge positions at half height and shifts follow the sources in
`operando.simulations.ncm_specimen`. The fine structure beyond it comes from the scattering paths
that the fits use too; it fades in between k = 1.6 and 2.6 Å⁻¹, where the arctangent stands for
everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operando.physics.xafs_edges import edge_of, wavenumber
from operando.physics.xafs_paths import PathSum, scattering_path
from operando.simulations.ncm_specimen import SHELLS, Floats, reference_distances

#: Passive electron reduction factor.
S02: Final = 0.85


@dataclass(frozen=True)
class NearEdge:
    """Shape of a near-edge spectrum.

    Parameters
    ----------
    edge : float
        Half height of the step, eV above the metal's edge.
    width : float
        Full width of the arctangent, eV.
    white : float
        Height of the white line over the step.
    white_at, white_width : float
        Its place after the edge and its standard deviation, eV.
    second : float
        Height of the second resonance.
    pre : float
        Height of the pre-edge peak.
    """

    edge: float
    width: float
    white: float
    white_at: float
    white_width: float
    second: float
    pre: float

    def at(self, above: Floats) -> Floats:
        """Normalised absorption at energies above the metal's edge, eV."""
        e = above - self.edge
        step = 0.5 + np.arctan(e / (0.5 * self.width)) / np.pi
        white = self.white * _bell(e, self.white_at, self.white_width)
        second = self.second * _bell(e, self.white_at + 15.0, 5.5)
        pre = self.pre * _bell(e, -11.5, 1.3)
        return np.asarray(step + white + second + pre)


# Reference states 0, 20, 40, 80 and 130 %. Nickel moves by 3.0 eV and its white line widens in
# the middle (Ni3+); cobalt moves early and little; manganese (4+) only changes its shape.
SHAPES: Final[Mapping[str, tuple[NearEdge, ...]]] = {
    "Ni": (
        NearEdge(10.0, 2.6, 0.62, 4.2, 2.6, 0.10, 0.015),
        NearEdge(10.7, 2.9, 0.54, 4.5, 3.0, 0.11, 0.018),
        NearEdge(11.4, 3.1, 0.49, 4.8, 3.3, 0.12, 0.022),
        NearEdge(12.5, 3.0, 0.51, 4.9, 3.2, 0.13, 0.028),
        NearEdge(13.0, 2.8, 0.56, 5.0, 3.0, 0.15, 0.032),
    ),
    "Co": (
        NearEdge(13.0, 2.7, 0.60, 4.6, 2.8, 0.10, 0.016),
        NearEdge(13.45, 2.8, 0.52, 4.6, 3.1, 0.11, 0.018),
        NearEdge(13.65, 2.9, 0.50, 5.4, 3.1, 0.13, 0.019),
        NearEdge(13.9, 3.0, 0.46, 5.4, 3.6, 0.13, 0.026),
        NearEdge(14.3, 3.1, 0.40, 6.3, 3.6, 0.18, 0.030),
    ),
    "Mn": (
        NearEdge(14.0, 2.6, 0.50, 4.8, 2.9, 0.09, 0.050),
        NearEdge(14.2, 2.6, 0.43, 4.7, 3.4, 0.10, 0.052),
        NearEdge(14.2, 2.7, 0.42, 5.6, 3.3, 0.14, 0.060),
        NearEdge(14.3, 2.7, 0.36, 5.5, 4.1, 0.14, 0.070),
        NearEdge(14.3, 2.8, 0.32, 6.8, 3.9, 0.20, 0.076),
    ),
}
# A metal's K edge has a shoulder, defined to be at the tabulated energy, before its main rise.
_FOIL: Final = NearEdge(4.5, 4.2, 0.12, 6.5, 3.0, 0.06, 0.0)


def reference_spectrum(metal: str, state: int, energy: Floats) -> Floats:
    """Normalised absorption of one reference state: 0 before the edge, oscillating about 1 after.

    Parameters
    ----------
    metal : str
        Ni, Co or Mn.
    state : int
        0 to 4.
    energy : ndarray of float64, (n,)
        True photon energy, eV.

    Returns
    -------
    ndarray of float64, (n,)

    Examples
    --------
    >>> energy = np.array([8300.0, 8500.0])
    >>> reference_spectrum("Ni", 0, energy).round(0)
    array([0., 1.])
    """
    shape = SHAPES[metal][state]
    above = energy - edge_of(metal).energy
    mu = shape.at(above)
    k = wavenumber(above, shape.edge)
    beyond = k > 1.6
    paths = PathSum([scattering_path(f"{metal.lower()}_{shell}") for shell in SHELLS])
    distance, sigma2 = reference_distances(metal, state)
    chi = paths.chi(np.minimum(k[beyond], 19.9), distance, sigma2, S02)
    mu[beyond] += _fade_in(k[beyond]) * chi
    return mu


def foil_spectrum(metal: str, energy: Floats) -> Floats:
    """Normalised absorption of a metal foil, its first inflection at the tabulated energy.

    Parameters
    ----------
    metal : str
        Ni, Co or Mn.
    energy : ndarray of float64, (n,)
        True photon energy, eV.

    Returns
    -------
    ndarray of float64, (n,)
    """
    above = energy - edge_of(metal).energy
    shoulder = 0.5 + np.arctan(above / 0.8) / np.pi
    # Faded in: an oscillation that sets in at the edge itself would have a kink there, narrower
    # than the core hole allows.
    fine = 0.06 * np.sin(2.2 * np.sqrt(np.maximum(above, 0.0))) * np.exp(-np.abs(above) / 150.0)
    faded = _fade_in(wavenumber(np.maximum(above, 0.0), 0.0)) * fine
    return np.asarray(0.35 * shoulder + 0.65 * _FOIL.at(above) + faded)


def _bell(e: Floats, centre: float, sigma: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((e - centre) / sigma) ** 2))


def _fade_in(k: Floats) -> Floats:
    t = np.clip((k - 1.6) / 1.0, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))
