"""Where the absorption edge of a spectrum is, and how noisy its points are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from operando.agents.xas_spectra import Spectrum
from operando.errors import BadInput
from operando.physics.xafs_edges import edge_of

Floats = NDArray[np.float64]


def point_noise(energy: Floats, mu: Floats) -> float:
    """Noise of single points, from how far each lies off the cubic through its neighbours.

    Parameters
    ----------
    energy, mu : ndarray of float64, (n,)
        At least five points.

    Returns
    -------
    float
        Standard deviation, robust (median), in the units of ``mu``.

    Examples
    --------
    >>> x = np.arange(400.0)
    >>> bool(0.008 < point_noise(x, np.random.default_rng(1).normal(0, 0.01, 400)) < 0.012)
    True
    """
    offsets = (-2, -1, 1, 2)
    n = energy.size
    at = {o: energy[2 + o : n - 2 + o] for o in offsets}
    x = energy[2 : n - 2]
    weights = []
    for o in offsets:
        others = [p for p in offsets if p != o]
        weights.append(np.prod([(x - at[p]) / (at[o] - at[p]) for p in others], axis=0))
    predicted = sum(w * mu[2 + o : n - 2 + o] for w, o in zip(weights, offsets, strict=True))
    scale = np.sqrt(1.0 + np.sum(np.square(weights), axis=0))
    return float(1.4826 * np.median(np.abs(mu[2 : n - 2] - predicted) / scale))


def find_e0(spectrum: Spectrum, element: str | None = None, smoothing: float = 1.5) -> float:
    """Edge of a spectrum: its first steep inflection.

    Parameters
    ----------
    spectrum : Spectrum
    element : str, optional
        Look only near the K edge of this element.
    smoothing : float
        Standard deviation of the Gaussian that smooths the derivative, eV.

    Returns
    -------
    float
        E0, eV: the first maximum of the smoothed derivative that reaches 80 % of the greatest
        (a metal's edge has two of about the same height, and the first is the one tabulated).

    Raises
    ------
    BadInput
        If the spectrum has no edge, or not the one asked for.
    """
    low, high = spectrum.energy[0], spectrum.energy[-1]
    if element is not None:
        edge = edge_of(element)
        if not low + 10.0 < edge.energy < high - 10.0:
            raise BadInput(
                f"{spectrum.name}: {low:.0f}-{high:.0f} eV does not reach over the {element} K "
                f"edge at {edge.energy:.0f} eV"
            )
        low, high = max(low, edge.energy - 60.0), min(high, edge.energy + 60.0)
    grid, slope = _smoothed_slope(spectrum, low, high, smoothing)
    inner = slice(int(3 * smoothing / 0.25), -int(3 * smoothing / 0.25))
    grid, slope = grid[inner], slope[inner]
    top = int(np.argmax(slope))
    _check_steep(spectrum, grid, slope, top, element)
    peaks = np.flatnonzero((slope[1:-1] >= slope[:-2]) & (slope[1:-1] > slope[2:])) + 1
    near = peaks[(slope[peaks] >= 0.8 * slope[top]) & (grid[top] - grid[peaks] < 30.0)]
    first = int(near[0]) if near.size else top
    return float(grid[first] + 0.25 * _vertex(slope[first - 1 : first + 2]))


def _smoothed_slope(
    spectrum: Spectrum, low: float, high: float, smoothing: float
) -> tuple[Floats, Floats]:
    """Differentiate on a grid of 0.25 eV, smoothed by a Gaussian of at least the data's step."""
    grid = np.arange(low, high, 0.25)
    mu = np.interp(grid, spectrum.energy, spectrum.mu)
    return grid, gaussian_filter1d(mu, smoothing / 0.25, order=1, mode="nearest") / 0.25


def _check_steep(
    spectrum: Spectrum, grid: Floats, slope: Floats, top: int, element: str | None
) -> None:
    """Refuse what has no edge: a step that lasts, well above the noise."""
    at = grid[top]
    mu, energy = spectrum.mu, spectrum.energy
    below = (energy > at - 60.0) & (energy < at - 10.0)
    above = (energy > at + 10.0) & (energy < at + 60.0)
    rise = share = 0.0
    if below.sum() >= 3 and above.sum() >= 3:
        # Lines through both sides, extrapolated: a curve without a step leaves next to nothing.
        (drop, left), (slant, right) = (
            np.polyfit(energy[side] - at, mu[side], 1) for side in (below, above)
        )
        rise = float(right - left)
        share = rise / (abs(rise) + 35.0 * (abs(drop) + abs(slant)) + 1e-300)
    noise = point_noise(energy, mu)
    spread = float(np.percentile(np.abs(slope - np.median(slope)), 60.0))
    if rise < 6.0 * noise or share < 0.15 or slope[top] < 6.0 * spread:
        where = f" near the {element} K edge" if element else ""
        raise BadInput(
            f"{spectrum.name}: no absorption edge{where} in {grid[0]:.0f}-{grid[-1]:.0f} eV "
            f"(largest step {rise:.3g}, noise {noise:.2g})"
        )


def _vertex(three: Floats) -> float:
    """Offset of the top of the parabola through three equally spaced values, in steps."""
    if three.size < 3:
        return 0.0
    left, middle, right = (float(v) for v in three)
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0
