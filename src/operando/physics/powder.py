"""Powder lines of a crystal: where they are, how strong, and from which planes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput
from operando.physics.constants import energy_from_wavelength
from operando.physics.crystals import CrystalStructure

_SAME_D = 2e-4  # relative difference of spacings that makes two reflections one line


@dataclass(frozen=True, eq=False)
class PowderLines:
    """Lines of one phase, from large to small spacing.

    Parameters
    ----------
    name : str
        Name of the structure.
    d_spacing : ndarray of float64, (n,)
        Å.
    intensity : ndarray of float64, (n,)
        Integrated intensity, strongest = 100.
    hkl : ndarray of int64, (n, 3)
        Indices of the strongest reflection of each line. Of its equivalents the one with the
        fewest negative indices, then with the largest h, then k: 311, not 113.
    multiplicity : ndarray of int64, (n,)
        Reflections in each line.
    scale : float
        Scattering power per volume of the strongest line, m F² LP / V² (F in electrons, V the
        cell's volume in Å³): a line of a mixture is as volume fraction × scale × intensity.
    """

    name: str
    d_spacing: NDArray[np.float64]
    intensity: NDArray[np.float64]
    hkl: NDArray[np.int64]
    multiplicity: NDArray[np.int64]
    scale: float

    def two_theta(self, wavelength: float) -> NDArray[np.float64]:
        """Scattering angles at a wavelength in Å, (n,), degrees; NaN where there is none."""
        sine = 0.5 * wavelength / self.d_spacing
        return np.degrees(2.0 * np.arcsin(np.where(sine < 1.0, sine, np.nan)))


@lru_cache(maxsize=256)
def powder_lines(
    structure: CrystalStructure,
    wavelength: float = 1.23984,
    *,
    d_min: float = 0.9,
    d_max: float = 50.0,
    polarisation: float = 1.0,
    anomalous: bool = True,
    min_intensity: float = 0.1,
) -> PowderLines:
    """Calculate the powder lines of a structure.

    Parameters
    ----------
    structure : CrystalStructure
    wavelength : float
        Å.
    d_min, d_max : float
        Range of spacings, Å.
    polarisation : float
        Share of the beam polarised across the plane of scattering: 1 for a synchrotron's
        horizontal polarisation and a vertical plane (no loss), 0.5 for a laboratory tube.
    anomalous : bool
        Whether f′ and f″ are added to the form factors.
    min_intensity : float
        Weakest line kept, strongest = 100.

    Returns
    -------
    PowderLines

    Raises
    ------
    BadInput
        If the wavelength is not positive, the polarisation is not within 0-1, or the range is
        empty or holds no line.

    Notes
    -----
    I = Σ F(hkl)² LP with LP = (P + (1 - P) cos² 2θ) / (sin² θ cos θ), over all reflections of
    the sphere (negative indices included), merged where spacings agree. Form factors:
    International Tables C (1992), table 6.1.1.4; f′ and f″: Cromer and Liberman,
    J. Chem. Phys. 53, 1891 (1970), 10.1063/1.1674266; both as in gemmi.

    The result is kept and shared between callers, so its arrays cannot be written to.

    Examples
    --------
    >>> from operando.physics.crystals import structure
    >>> lines = powder_lines(structure("fe_bcc"))
    >>> lines.hkl[:3].tolist()
    [[1, 1, 0], [2, 0, 0], [2, 1, 1]]
    """
    energy_kev = energy_from_wavelength(wavelength)
    if not 0.0 <= polarisation <= 1.0:
        raise BadInput(f"polarisation is {polarisation}; 0 to 1 is allowed")
    d_min = max(d_min, 0.5 * wavelength * 1.0001)
    if not d_min < d_max:
        raise BadInput(f"no spacing lies between {d_min:.3f} and {d_max:.3f} Å")
    cell = gemmi.UnitCell(*structure.cell)
    hkl, inverse_d = _sphere(cell, d_min, d_max)
    stol2 = 0.25 * inverse_d**2
    factor = _structure_factors(structure, hkl, stol2, energy_kev if anomalous else None)
    sine = 0.5 * wavelength * inverse_d
    cosine = np.sqrt(1.0 - sine**2)
    polar = polarisation + (1.0 - polarisation) * (1.0 - 2.0 * sine**2) ** 2
    strength = np.abs(factor) ** 2 * polar / (sine**2 * cosine)
    return _merge(structure.name, hkl, 1.0 / inverse_d, strength, cell.volume, min_intensity)


def _sphere(
    cell: gemmi.UnitCell, d_min: float, d_max: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All hkl with a spacing in the range, (n, 3), and 1/d in 1/Å, (n,)."""
    most = [int(np.ceil(length / d_min)) for length in (cell.a, cell.b, cell.c)]
    axes = [np.arange(-m, m + 1) for m in most]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    reciprocal = hkl @ np.array(cell.frac.mat.tolist())
    inverse_d = np.sqrt(np.square(reciprocal).sum(axis=1))
    inside = (inverse_d <= 1.0 / d_min) & (inverse_d >= 1.0 / d_max)
    return hkl[inside].astype(np.int64), inverse_d[inside]


def _structure_factors(
    structure: CrystalStructure,
    hkl: NDArray[np.int64],
    stol2: NDArray[np.float64],
    energy_kev: float | None,
) -> NDArray[np.complex128]:
    """F(hkl) in electrons, (n,); `stol2` is (sin θ / λ)² in 1/Å²."""
    total = np.zeros(len(hkl), dtype=np.complex128)
    spacings, which = np.unique(np.round(stol2, 9), return_inverse=True)
    operations = structure.operations()
    for site in structure.sites:
        positions = _orbit(operations, (site.x, site.y, site.z))
        element = gemmi.Element(site.element)
        form = np.array([element.it92.calculate_sf(s) for s in spacings])[which]
        correction = 0.0j
        if energy_kev is not None:
            correction = complex(*gemmi.cromer_liberman(element.atomic_number, 1e3 * energy_kev))
        phase = np.exp(2j * np.pi * (hkl @ positions.T)).sum(axis=1)
        damping = site.occupancy * np.exp(-site.b_iso * stol2)
        total += (form + correction) * damping * phase
    return total


def _orbit(operations: gemmi.GroupOps, position: tuple[float, float, float]) -> NDArray[np.float64]:
    """Equivalent positions in one cell, each once, (m, 3)."""
    images = np.array([op.apply_to_xyz(list(position)) for op in operations]) % 1.0
    kept: list[NDArray[np.float64]] = []
    for image in images:
        # Tables give four or five digits, so that images on a special position may miss by 1e-3.
        if all(np.abs((image - k + 0.5) % 1.0 - 0.5).max() > 2e-3 for k in kept):
            kept.append(image)
    return np.array(kept)


def _merge(
    name: str,
    hkl: NDArray[np.int64],
    d_spacing: NDArray[np.float64],
    strength: NDArray[np.float64],
    volume: float,
    min_intensity: float,
) -> PowderLines:
    """Sum reflections of equal spacing and drop what is too weak."""
    if strength.size == 0 or strength.max() <= 0:
        raise BadInput(f"structure {name} has no line in this range of spacings")
    # Systematic absences are nought but for rounding; they do not count as reflections.
    present = strength > 1e-9 * strength.max()
    hkl, d_spacing, strength = hkl[present], d_spacing[present], strength[present]
    order = np.argsort(-d_spacing, kind="stable")
    hkl, d_spacing, strength = hkl[order], d_spacing[order], strength[order]
    line = np.cumsum(np.diff(d_spacing, prepend=d_spacing[0]) < -_SAME_D * d_spacing)
    total = np.bincount(line, weights=strength)
    relative = 100.0 * (total / total.max())
    kept = relative >= min_intensity
    # Equivalent reflections differ in strength by rounding only.
    rank = np.round(strength / total[line], 6)
    order = np.lexsort((*(-hkl.T[::-1]), (hkl < 0).sum(axis=1), -rank, line))
    first = order[np.searchsorted(line, np.arange(total.size))]
    columns = (
        np.bincount(line, weights=strength * d_spacing)[kept] / total[kept],
        relative[kept],
        hkl[first][kept],
        np.bincount(line)[kept],
    )
    for column in columns:
        column.flags.writeable = False
    return PowderLines(name, *columns, scale=float(total.max() / volume**2))
