"""Powder patterns: what a reducer makes of frames and a classifier reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from operando.errors import BadInput

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PowderPatterns:
    """n powder patterns on one axis.

    Parameters
    ----------
    two_theta : ndarray of float64, (b,)
        Bin centres, degrees, ascending.
    wavelength : float
        Å.
    intensity : ndarray of float32, (n, b)
        Counts, or whatever is proportional to them. NaN where nothing was measured.
    sigma : ndarray of float32, (n, b)
        Standard deviation of `intensity`, in the same unit. Infinite where nothing was measured.
    names : tuple of str
        One for each pattern, or empty.

    Raises
    ------
    BadInput
        If shapes disagree, 2θ is unsorted or outside 0-180°, or the wavelength is not positive.

    Examples
    --------
    >>> patterns = PowderPatterns.from_counts([10.0, 20.0, 30.0], [[4, 9, 0]], 1.24)
    >>> patterns.sigma.tolist()
    [[2.0, 3.0, 1.0]]
    >>> patterns.d_spacing.round(2).tolist()
    [7.11, 3.57, 2.4]
    """

    two_theta: NDArray[np.float64]
    wavelength: float
    intensity: FloatArray
    sigma: FloatArray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        two_theta, shape = self.two_theta, self.intensity.shape
        if two_theta.ndim != 1 or two_theta.size < 2:
            raise BadInput(f"2θ needs two or more values in one row, not shape {two_theta.shape}")
        if len(shape) != 2 or shape[1] != two_theta.size or self.sigma.shape != shape:
            raise BadInput(
                f"intensity {shape} and sigma {self.sigma.shape} must both be "
                f"(patterns, {two_theta.size}), as 2θ is long"
            )
        if not np.all(np.diff(two_theta) > 0):
            where = int(np.flatnonzero(~(np.diff(two_theta) > 0))[0])
            raise BadInput(
                f"2θ must ascend, but {two_theta[where + 1]:g}° follows {two_theta[where]:g}°"
            )
        if not (two_theta[0] >= 0 and two_theta[-1] < 180):
            raise BadInput(
                f"2θ runs from {two_theta[0]:g}° to {two_theta[-1]:g}°; 0° to 180° is allowed"
            )
        if not (np.isfinite(self.wavelength) and self.wavelength > 0):
            raise BadInput(f"the wavelength is {self.wavelength!r} Å; it must be above 0")
        if self.names and len(self.names) != shape[0]:
            raise BadInput(f"{len(self.names)} names for {shape[0]} patterns")

    @classmethod
    def from_counts(
        cls, two_theta: Any, counts: Any, wavelength: float, names: tuple[str, ...] = ()
    ) -> PowderPatterns:
        """Take counted photons, whose sigma is their square root (1 where nothing was counted).

        Parameters
        ----------
        two_theta : array_like of float, (b,)
            Degrees.
        counts : array_like, (n, b)
        wavelength : float
            Å.
        names : tuple of str
        """
        intensity = np.asarray(counts, dtype=np.float32)
        sigma = np.sqrt(np.maximum(intensity, np.float32(1.0)))
        return cls(np.asarray(two_theta, dtype=np.float64), wavelength, intensity, sigma, names)

    def __len__(self) -> int:
        return len(self.intensity)

    def __getitem__(self, index: slice | NDArray[Any]) -> PowderPatterns:
        """Take some of the patterns, by slice, mask or array of numbers."""
        names = self.names
        if names:
            names = tuple(np.asarray(names, dtype=object)[index])
        return PowderPatterns(
            self.two_theta, self.wavelength, self.intensity[index], self.sigma[index], names
        )

    @property
    def d_spacing(self) -> NDArray[np.float64]:
        """Lattice spacing of each bin centre, (b,), Å."""
        return np.asarray(self.wavelength / (2.0 * np.sin(np.radians(self.two_theta) / 2.0)))

    def rebin(self, edges: NDArray[np.float64], wavelength: float) -> PowderPatterns:
        """Give the patterns as another wavelength would on other bins; counts are conserved.

        Parameters
        ----------
        edges : ndarray of float64, (c + 1,)
            Edges of the new bins, degrees at `wavelength`, ascending.
        wavelength : float
            Å.

        Returns
        -------
        PowderPatterns
            On c bins; NaN (sigma infinite) in bins that the old axis does not cover.

        Notes
        -----
        Each old bin's counts are shared among the new bins it overlaps, by overlap in 2θ of
        the new wavelength. Variances are shared alike; that neighbours then share an error is
        not kept track of.
        """
        if self._is_on(edges, wavelength):
            return self
        old = self._edges_at(wavelength)
        overlap = _overlap(old, edges)
        measured = np.isfinite(self.sigma)
        intensity = np.where(measured, self.intensity, 0.0).astype(np.float32) @ overlap
        variance = np.square(np.where(measured, self.sigma, 0.0)).astype(np.float32) @ overlap
        covered = (edges[:-1] >= old[0] - 1e-9) & (edges[1:] <= old[-1] + 1e-9)
        covered = np.broadcast_to(covered, intensity.shape)
        if not measured.all():
            covered = covered & ((~measured).astype(np.float32) @ (overlap > 0) == 0)
        return PowderPatterns(
            0.5 * (edges[1:] + edges[:-1]),
            wavelength,
            np.where(covered, intensity, np.nan).astype(np.float32),
            np.where(covered, np.sqrt(np.maximum(variance, 0.0)), np.inf).astype(np.float32),
            self.names,
        )

    def _is_on(self, edges: NDArray[np.float64], wavelength: float) -> bool:
        if self.two_theta.size != edges.size - 1:
            return False
        centres = 0.5 * (edges[1:] + edges[:-1])
        same_axis = bool(np.abs(self.two_theta - centres).max() < 1e-6)
        return same_axis and abs(self.wavelength / wavelength - 1.0) < 1e-9

    def _edges_at(self, wavelength: float) -> NDArray[np.float64]:
        """Bin edges of the axis, in degrees at another wavelength; beyond 180° they are 180°."""
        middle = 0.5 * (self.two_theta[1:] + self.two_theta[:-1])
        first = self.two_theta[0] - 0.5 * (self.two_theta[1] - self.two_theta[0])
        last = self.two_theta[-1] + 0.5 * (self.two_theta[-1] - self.two_theta[-2])
        edges = np.concatenate([[max(first, 0.0)], middle, [last]])
        sine = np.sin(np.radians(edges) / 2.0) * wavelength / self.wavelength
        return np.asarray(np.degrees(2.0 * np.arcsin(np.minimum(sine, 1.0))))


def _overlap(old: NDArray[np.float64], new: NDArray[np.float64]) -> csr_array:
    """Share of each old bin that falls into each new one, (old, new), sparse."""
    cuts = np.unique(np.concatenate([old, new]))
    centre, width = 0.5 * (cuts[1:] + cuts[:-1]), np.diff(cuts)
    row = np.searchsorted(old, centre, side="right") - 1
    column = np.searchsorted(new, centre, side="right") - 1
    n_old, n_new = old.size - 1, new.size - 1
    inside = (row >= 0) & (row < n_old) & (column >= 0) & (column < n_new)
    row, column, width = row[inside], column[inside], width[inside]
    share = (width / np.diff(old)[row]).astype(np.float32)
    return csr_array((share, (row, column)), shape=(n_old, n_new))
