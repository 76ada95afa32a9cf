"""Scattering paths of photoelectrons and the EXAFS equation.

The tables were generated once with FEFF8-Lite (``tools/make_xafs_paths.py``); FEFF is not needed
to use them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from operando.errors import BadInput
from operando.physics.xafs_edges import WAVENUMBER2_PER_EV

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class ScatteringPath:
    """One path, or several of the same length summed, of a photoelectron.

    Parameters
    ----------
    name, absorber, scatterer : str
    degeneracy : float
        Number of equivalent paths.
    reff : float
        Half the length of the path in the structure that FEFF was given, Å.
    k : ndarray of float64, (n,)
        Å⁻¹.
    amplitude : ndarray of float64, (n,)
        Effective scattering amplitude of one path, with the loss in the absorber, Å.
    phase : ndarray of float64, (n,)
        Phase of scatterer and absorber together, rad.
    mean_free_path : ndarray of float64, (n,)
        λ, Å.
    wavenumber : ndarray of float64, (n,)
        Real part of the wavenumber inside the solid, Å⁻¹.
    """

    name: str
    absorber: str
    scatterer: str
    degeneracy: float
    reff: float
    k: Floats
    amplitude: Floats
    phase: Floats
    mean_free_path: Floats
    wavenumber: Floats


@lru_cache(maxsize=1)
def _tables() -> dict[str, ScatteringPath]:
    text = resources.files("operando.physics").joinpath("data/xafs_paths.json").read_text()
    tables = {}
    for name, table in json.loads(text)["paths"].items():
        arrays = {key: np.array(v) for key, v in table.items() if isinstance(v, list)}
        tables[name] = ScatteringPath(name=name, **{**table, **arrays})
    return tables


def path_names() -> tuple[str, ...]:
    """Names of all tables: ``ni_o``, ``ni_m``, ``ni_m2``, ``ni_m_m`` and so on.

    Examples
    --------
    >>> "ni_o" in path_names()
    True
    """
    return tuple(_tables())


def scattering_path(name: str) -> ScatteringPath:
    """Table of one path.

    Raises
    ------
    BadInput
        If there is none of this name.

    Examples
    --------
    >>> scattering_path("ni_ni").degeneracy
    12.0
    """
    try:
        return _tables()[name]
    except KeyError:
        raise BadInput(f"path {name!r} is not known; known: {', '.join(path_names())}") from None


@dataclass(frozen=True, eq=False)
class PathSum:
    """Several paths evaluated together.

    Parameters
    ----------
    paths : sequence of ScatteringPath
        Of length m; tabulated on the same k, as all of FEFF's are.

    Notes
    -----
    The EXAFS equation as FEFF's tables are meant to be used (Rehr & Albers 2000,
    10.1103/RevModPhys.72.621; Newville 2014, 10.2138/rmg.2014.78.2), complex so that its
    derivatives are to be had:

    χ(k) = Im Σ N S F(q) / (q R²) exp(2i q R_eff + i φ(q) + 2i p (R − R_eff) − 2 R_eff Im p
    − 2 p² σ² − 4i p σ² / R_eff), with q² = k² − E0·2m/ħ² and p = p' + i/λ.
    """

    paths: Sequence[ScatteringPath]
    _spline: CubicSpline = field(init=False, repr=False)
    _reff: Floats = field(init=False, repr=False)
    _number: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.paths:
            raise BadInput("no scattering paths; at least one is needed")
        k = self.paths[0].k
        columns = [
            np.interp(k, path.k, getattr(path, key)) if path.k is not k else getattr(path, key)
            for key in ("amplitude", "phase", "mean_free_path", "wavenumber")
            for path in self.paths
        ]
        object.__setattr__(self, "_spline", CubicSpline(k, np.column_stack(columns)))
        object.__setattr__(self, "_reff", np.array([[path.reff] for path in self.paths]))
        number = np.array([[path.degeneracy] for path in self.paths])
        object.__setattr__(self, "_number", number)

    def terms(
        self,
        k: Floats,
        distance: ArrayLike,
        sigma2: ArrayLike,
        amplitude: ArrayLike = 1.0,
        e0_shift: float = 0.0,
    ) -> tuple[Complexes, Complexes]:
        """Complex χ of each path and the wavenumber p it was worked out with.

        Parameters
        ----------
        k : ndarray of float64, (n,)
            Wavenumber from the data's E0, Å⁻¹, within 0-20.
        distance : array_like, (m,)
            R, Å.
        sigma2 : array_like, (m,)
            Mean square relative displacement, Å².
        amplitude : array_like, (m,) or scalar
            S0², times any change of the degeneracy.
        e0_shift : float
            eV to add to the data's E0.

        Returns
        -------
        chi, p : ndarray of complex128, (m, n)
        """
        squared = k * k - e0_shift * WAVENUMBER2_PER_EV
        q = np.maximum(np.sign(squared) * np.sqrt(np.abs(squared)), 1e-3)
        rows = np.ascontiguousarray(self._spline(q).T).reshape(4, len(self.paths), -1)
        strength, phase, free, inside = rows
        p = inside + 1j / free
        r, s2 = _column(distance), _column(sigma2)
        exponent = (
            1j * (2.0 * q * self._reff + phase)
            + 2j * p * (r - self._reff)
            - 2.0 * self._reff * p.imag
            - 2.0 * s2 * p * (p + 2j / self._reff)
        )
        size = self._number * _column(amplitude) * strength / (q * r**2)
        return size * np.exp(exponent), p

    def chi(
        self,
        k: Floats,
        distance: ArrayLike,
        sigma2: ArrayLike,
        amplitude: ArrayLike = 1.0,
        e0_shift: float = 0.0,
    ) -> Floats:
        """χ(k) of all paths together, (n,); parameters as in `terms`.

        Examples
        --------
        >>> oxide = PathSum([scattering_path("ni_o"), scattering_path("ni_m")])
        >>> oxide.chi(np.linspace(2.0, 12.0, 5), [2.03, 2.87], [0.006, 0.005]).shape
        (5,)
        """
        terms, _ = self.terms(k, distance, sigma2, amplitude, e0_shift)
        return np.asarray(terms.imag.sum(axis=0))

    def gradient(
        self,
        k: Floats,
        distance: ArrayLike,
        sigma2: ArrayLike,
        amplitude: ArrayLike = 1.0,
        e0_shift: float = 0.0,
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """χ(k) and its derivatives; parameters as in `terms`.

        Returns
        -------
        chi : ndarray of float64, (n,)
        by_distance, by_sigma2, by_amplitude : ndarray of float64, (m, n)
        by_e0 : ndarray of float64, (n,)
        """
        terms, p = self.terms(k, distance, sigma2, amplitude, e0_shift)
        by_distance = (terms * (2j * p - 2.0 / _column(distance))).imag
        by_sigma2 = (terms * (-2.0 * p * (p + 2j / self._reff))).imag
        by_amplitude = terms.imag / _column(amplitude)
        step = 0.05
        ahead, behind = (
            self.chi(k, distance, sigma2, amplitude, e0_shift + sign * step) for sign in (1, -1)
        )
        by_e0 = (ahead - behind) / (2 * step)
        return terms.imag.sum(axis=0), by_distance, by_sigma2, by_amplitude, by_e0


def _column(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)
