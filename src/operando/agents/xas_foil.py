"""The energy scale of a scan, by the foil measured along with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from operando.agents.xas_edge import find_e0
from operando.agents.xas_spectra import Spectrum
from operando.errors import BadInput


@dataclass(frozen=True)
class FoilShift:
    """How far a scan's energy scale is off.

    Parameters
    ----------
    value, sd : float
        eV by which the scan's energies are too high, and the standard deviation.
    noise : float
        Standard deviation of the residuals, in units of the foil's edge step.
    """

    value: float
    sd: float
    noise: float


def align_foil(
    scan: Spectrum,
    reference: Spectrum,
    *,
    element: str | None = None,
    half_width: float = 25.0,
    max_shift: float = 10.0,
) -> FoilShift:
    """Shift of a foil's scan against a reference scan of the same foil.

    Parameters
    ----------
    scan, reference : Spectrum
    element : str, optional
        Look only near the K edge of this element.
    half_width : float
        Range about the edge that is compared, ± eV.
    max_shift : float
        A larger shift, eV, is refused.

    Returns
    -------
    FoilShift
        Subtract ``value`` from the scan's energies.

    Raises
    ------
    BadInput
        If either has no edge, or the shift is too large.

    Notes
    -----
    Least squares on mu itself: a · reference(E − shift) + b + c·(E − E0), Gauss-Newton from the
    difference of the two E0. All four are fitted, so that a different thickness or offset of the
    chambers moves nothing. The same information as matching derivatives, but with residuals that
    are independent from point to point, so that the standard deviation is right.

    Examples
    --------
    >>> energy = np.arange(8233.0, 8433.0, 0.5)
    >>> edge = lambda e: np.arctan((e - 8333.0) / 1.5)
    >>> ref, scan = Spectrum(energy, edge(energy)), Spectrum(energy, 2 * edge(energy - 0.3))
    >>> round(align_foil(scan, ref).value, 3)
    0.3
    """
    centre = find_e0(reference, element)
    start = find_e0(scan, element) - centre
    curve = CubicSpline(reference.energy, reference.mu)
    shift = float(np.clip(start, -max_shift, max_shift))
    low = max(centre + shift - half_width, reference.energy[0] + max_shift)
    high = min(centre + shift + half_width, reference.energy[-1] - max_shift)
    window = slice(*np.searchsorted(scan.energy, [low, high]))
    energy, mu = scan.energy[window], scan.mu[window]
    if energy.size < 10:
        raise BadInput(f"{scan.name}: {energy.size} points within {half_width:g} eV of the edge")
    for _ in range(30):
        design = _design(curve, energy, shift, centre)
        solved, *_ = np.linalg.lstsq(design[:, :3], mu, rcond=None)
        design[:, 3] *= solved[0]
        step = np.linalg.lstsq(design, mu - design[:, :3] @ solved, rcond=None)[0][3]
        shift += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-6 or abs(shift) > 2 * max_shift:
            break
    if abs(shift) > max_shift:
        raise BadInput(
            f"{scan.name}: shifted by {shift:.1f} eV against {reference.name}; at most "
            f"{max_shift:g} eV is taken for drift"
        )
    return _result(curve, energy, mu, shift, centre)


def _design(
    curve: CubicSpline, energy: NDArray[np.float64], shift: float, centre: float
) -> NDArray[np.float64]:
    moved = energy - shift
    return np.column_stack([curve(moved), np.ones_like(energy), energy - centre, -curve(moved, 1)])


def _result(
    curve: CubicSpline,
    energy: NDArray[np.float64],
    mu: NDArray[np.float64],
    shift: float,
    centre: float,
) -> FoilShift:
    design = _design(curve, energy, shift, centre)
    solved, *_ = np.linalg.lstsq(design[:, :3], mu, rcond=None)
    design[:, 3] *= solved[0]
    residual = mu - design[:, :3] @ solved
    noise = float(np.sqrt(residual @ residual / max(1, energy.size - 4)))
    variance = np.linalg.pinv(design.T @ design)[3, 3]
    step = abs(float(solved[0])) * abs(float(curve(centre + 30.0) - curve(centre - 20.0)))
    return FoilShift(value=shift, sd=noise * float(np.sqrt(variance)), noise=noise / step)
