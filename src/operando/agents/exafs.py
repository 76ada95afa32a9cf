"""EXAFS: the oscillations χ(k) above a smooth background, and their Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, CubicSpline

from operando.agents.exafs_window import (
    NFFT,
    FourierConfig,
    fourier_matrix,
    hanning_window,
)
from operando.agents.xanes import NormalisedSpectrum
from operando.errors import BadInput
from operando.physics.xafs_edges import photon_energy, wavenumber

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BackgroundConfig:
    """How the background is drawn.

    Parameters
    ----------
    rbkg : float
        Distance, Å, below which the Fourier transform of χ is made as small as it can be.
    k_step : float
        Step of the grid, Å⁻¹.
    k_max : float, optional
        End, Å⁻¹; the data's if not given.
    k_weight : int
        Weight of the transform in which the background is fitted; 2 keeps the white line and the
        rest of the near edge from bending it.
    window_dk : float
        Width of that transform's Hanning sills, Å⁻¹.
    clamp_points : int
        Number of points at the end where χ is drawn towards zero.
    clamp : float
        How strongly.
    rebin : bool
        Average data finer than the grid over its steps before interpolating: quick scans have
        many points a step at high k, and interpolation would use only a few of them.
    """

    rbkg: float = 1.0
    k_step: float = 0.05
    k_max: float | None = None
    k_weight: int = 2
    window_dk: float = 0.1
    clamp_points: int = 3
    clamp: float = 1.0
    rebin: bool = True


@dataclass(frozen=True, eq=False)
class Exafs:
    """Oscillations of one spectrum.

    Parameters
    ----------
    k, chi : ndarray of float64, (n,)
        Uniform grid from 0, Å⁻¹, and χ.
    background : ndarray of float64, (n,)
        Background on the same grid, in the units of mu.
    e0 : float
        Where k is zero, eV.
    name : str
    removal : tuple of ndarray of float64, (n, s) and (s, n), optional
        The spline's basis and the map from data to its coefficients: what the spline takes away
        of any signal, part of the first shell's included.
    """

    k: Floats
    chi: Floats
    background: Floats
    e0: float
    name: str
    removal: tuple[Floats, Floats] | None = None

    def as_removed(self, matrix: Floats) -> Floats:
        """Let a linear map of χ see only what the removal of the background leaves of it.

        Parameters
        ----------
        matrix : ndarray of float64, (m, n)

        Returns
        -------
        ndarray of float64, (m, n)
        """
        if self.removal is None:
            return matrix
        basis, response = self.removal
        return np.asarray(matrix - (matrix @ basis) @ response)


def fourier_transform(
    exafs: Exafs, config: FourierConfig | None = None, r_max: float = 10.0
) -> tuple[Floats, NDArray[np.complex128]]:
    """Forward transform of k-weighted χ.

    Parameters
    ----------
    exafs : Exafs
    config : FourierConfig, optional
    r_max : float
        Å.

    Returns
    -------
    r : ndarray of float64, (n,)
        Å, in steps of π/(2048·k_step).
    chi_r : ndarray of complex128, (n,)
        Å^-(k_weight + 1).

    Raises
    ------
    BadInput
        If the data do not reach k_max.
    """
    config = config or FourierConfig()
    check_reach(exafs, config)
    weight = exafs.k**config.k_weight * hanning_window(
        exafs.k, config.k_min, config.k_max, config.dk
    )
    step = float(exafs.k[1] - exafs.k[0])
    full = np.fft.ifft(exafs.chi * weight, n=NFFT) * NFFT * step / np.sqrt(np.pi)
    r: Floats = np.asarray(np.arange(NFFT // 2) * np.pi / (step * NFFT), dtype=np.float64)
    keep = r <= r_max
    return r[keep], full[: NFFT // 2][keep]


def check_reach(exafs: Exafs, config: FourierConfig) -> None:
    """Refuse data that end before the window's last sill is half down."""
    if exafs.k[-1] < config.k_max - 1e-6:
        raise BadInput(
            f"{exafs.name}: data end at k = {exafs.k[-1]:.2f} Å⁻¹; the transform needs "
            f"{config.k_max:g} Å⁻¹"
        )


def remove_background(
    spectrum: NormalisedSpectrum, config: BackgroundConfig | None = None
) -> Exafs:
    """χ(k) of a normalised spectrum.

    Parameters
    ----------
    spectrum : NormalisedSpectrum
    config : BackgroundConfig, optional

    Returns
    -------
    Exafs

    Raises
    ------
    BadInput
        If there are fewer than 20 points above E0, or less than k = 4 Å⁻¹.

    Notes
    -----
    Autobk of Newville, Līviņš, Yacoby, Rehr & Stern (1993), 10.1103/PhysRevB.47.14126: a cubic
    spline with 2·rbkg·Δk/π + 1 knots, uniform in k, whose coefficients make the transform of
    k·χ below rbkg as small as possible. The problem is linear, so it is solved directly; the
    weight of the clamp depends on the solution and takes a few rounds.
    """
    config = config or BackgroundConfig()
    k_data, mu = _data(spectrum, config)
    k_last = float(k_data[-1]) if config.k_max is None else min(config.k_max, float(k_data[-1]))
    k = _grid(int(1.01 + k_last / config.k_step), config.k_step)
    basis, low_r, solve = _problem(len(k), k_last, config)
    data = CubicSpline(k_data, mu)(k)
    response = solve @ low_r
    if config.clamp and config.clamp_points:
        normal = low_r @ basis
        for _ in range(3):
            left_over = low_r @ (data - basis @ (response @ data))
            weight = config.clamp * (0.1 + 10.0 * float(np.mean(left_over**2)))
            ends = np.zeros((config.clamp_points, len(k)))
            ends[:, -config.clamp_points :] = weight * np.eye(config.clamp_points)
            rows = np.vstack([low_r, ends])
            response = np.linalg.pinv(np.vstack([normal, ends @ basis])) @ rows
    background = basis @ (response @ data)
    chi = (data - background) / spectrum.edge_step
    return Exafs(k, chi, background, spectrum.e0, spectrum.name, (basis, response))


def _grid(size: int, step: float) -> Floats:
    return np.asarray(step * np.arange(size), dtype=np.float64)


def _data(spectrum: NormalisedSpectrum, config: BackgroundConfig) -> tuple[Floats, Floats]:
    """Wavenumbers and mu from the point just below E0 on, rebinned where finer than the grid."""
    first = max(0, int(np.searchsorted(spectrum.energy, spectrum.e0, side="right")) - 1)
    last = spectrum.energy.size
    if config.k_max is not None:
        end = float(photon_energy(config.k_max, spectrum.e0))
        last = min(last, int(np.searchsorted(spectrum.energy, end)) + 2)
    k, mu = wavenumber(spectrum.energy[first:last], spectrum.e0), spectrum.mu[first:last]
    if k.size < 20 or k[-1] < 4.0:
        raise BadInput(
            f"{spectrum.name}: {k.size} points up to k = {max(0.0, float(k[-1])):.1f} Å⁻¹ above "
            "the edge; 20 points and 4 Å⁻¹ are needed for EXAFS"
        )
    return _rebinned(k, mu, config.k_step) if config.rebin else (k, mu)


def _rebinned(k: Floats, mu: Floats, step: float) -> tuple[Floats, Floats]:
    """Average points within one step of the grid where k is large enough for χ to be slow."""
    bins = np.where(k > 1.5, np.floor(k / step + 0.5), -1.0 - np.arange(k.size)[::-1])
    _, start, count = np.unique(bins, return_index=True, return_counts=True)
    order = np.argsort(start)
    start, count = start[order], count[order]
    return np.add.reduceat(k, start) / count, np.add.reduceat(mu, start) / count


@lru_cache(maxsize=16)
def _problem(size: int, k_last: float, config: BackgroundConfig) -> tuple[Floats, Floats, Floats]:
    """Spline basis (k, knots), transform below rbkg (2r, k) and its solution (knots, 2r)."""
    k = _grid(size, config.k_step)
    r_step = np.pi / (config.k_step * NFFT)
    rbkg = max(config.rbkg, 2 * r_step)
    number = min(128, max(5, 1 + int(2 * rbkg * k_last / np.pi)))
    count = int(1 + (number - 1) * np.pi / (2 * r_step * k_last))
    sites = np.linspace(0.0, k_last, number)
    # Not-a-knot: the second and the last but one site are no breaks.
    knots = np.r_[[0.0] * 4, sites[2:-2], [k_last] * 4]
    basis = BSpline.design_matrix(np.minimum(k, k_last), knots, 3).toarray()
    weight = k**config.k_weight * hanning_window(k, 0.0, k_last, config.window_dk)
    matrix = fourier_matrix(k, _grid(count, r_step), weight)
    low_r = np.vstack([matrix.real, matrix.imag])
    return basis, low_r, np.linalg.pinv(low_r @ basis)
