"""Windows and Fourier transforms of χ(k)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

Floats = NDArray[np.float64]

#: Length of the padded transform; the step in R is π / (NFFT · k_step).
NFFT = 2048


@dataclass(frozen=True)
class FourierConfig:
    """A forward transform.

    Parameters
    ----------
    k_min, k_max : float
        Middles of the window's sills, Å⁻¹.
    dk : float
        Full width of each sill, Å⁻¹: the Hanning window rises over k_min ± dk/2.
    k_weight : int
        χ is multiplied by k to this power. 3 is the default: with 2, what is left of the near
        edge at k = 2-3 Å⁻¹ moves distances by some 0.005 Å.
    """

    k_min: float = 2.0
    k_max: float = 11.5
    dk: float = 1.0
    k_weight: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.k_min < self.k_max or not 0 < self.dk <= self.k_max - self.k_min:
            raise BadInput(
                f"transform from k = {self.k_min} to {self.k_max} Å⁻¹ with sills of {self.dk}; "
                "0 ≤ k_min < k_max and 0 < dk ≤ k_max - k_min are needed"
            )


def hanning_window(k: Floats, k_min: float, k_max: float, dk: float) -> Floats:
    """Hanning window with sills of full width dk centred on k_min and k_max.

    Parameters
    ----------
    k : ndarray of float64, (n,)
    k_min, k_max, dk : float
        Å⁻¹.

    Returns
    -------
    ndarray of float64, (n,)
        sin² rising from 0 at k_min − dk/2 to 1 at k_min + dk/2; the same, falling, at k_max.

    Examples
    --------
    >>> hanning_window(np.array([1.5, 2.0, 2.5, 7.0, 11.5, 12.0]), 2.0, 11.5, 1.0).round(2)
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    rising = np.clip((k - k_min) / dk + 0.5, 0.0, 1.0)
    falling = np.clip((k_max - k) / dk + 0.5, 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * np.minimum(rising, falling)) ** 2)


def fourier_matrix(k: Floats, r: Floats, weight: Floats) -> NDArray[np.complex128]:
    """Matrix that takes χ(k) to χ(R): k_step/√π · weight(k) · exp(2ikR), (r, k)."""
    step = float(k[1] - k[0])
    return np.asarray(step / np.sqrt(np.pi) * np.exp(2j * np.outer(r, k)) * weight)


@lru_cache(maxsize=32)
def real_transform(
    size: int, step: float, config: FourierConfig, r_min: float, r_max: float
) -> Floats:
    """Matrix that takes χ(k) on a grid to real and imaginary part of χ(R) in a range.

    Parameters
    ----------
    size, step : int, float
        The grid: k = 0, step, ... Å⁻¹.
    config : FourierConfig
    r_min, r_max : float
        Å.

    Returns
    -------
    ndarray of float64, (2 r, size)
        The real parts, then the imaginary; shared, so not to be changed.
    """
    k: Floats = np.asarray(step * np.arange(size), dtype=np.float64)
    weight = k**config.k_weight * hanning_window(k, config.k_min, config.k_max, config.dk)
    r: Floats = np.asarray(np.arange(NFFT // 2) * np.pi / (NFFT * step), dtype=np.float64)
    matrix = fourier_matrix(k, r[(r >= r_min) & (r <= r_max)], weight)
    both = np.vstack([matrix.real, matrix.imag])
    both.flags.writeable = False
    return both
