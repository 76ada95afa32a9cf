"""The one reducer of detector frames to powder patterns, for all agents that read XRD."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from operando.agents.patterns import FloatArray, PowderPatterns
from operando.agents.reduction_config import ReductionConfig
from operando.errors import BadInput

__all__ = ["Reducer", "ReductionConfig"]

_EPS32 = float(np.finfo(np.float32).eps)
_BATCH = 16  # frames at a time: a pixel of all of them fills a line of the processor's cache


class Reducer:
    """Frames to powder patterns in one geometry.

    Two paths share pixels, bins and normalisation: :meth:`integrate` is pyFAI itself (no pixel
    splitting, CSR), for what is written to reports; :meth:`stream` sums the same pixels by one
    sparse product a batch, for frames that arrive by the thousand.

    Parameters
    ----------
    config : ReductionConfig

    Notes
    -----
    A bin's intensity is Σ counts / Σ solid angle over its unmasked pixels, times the median of
    Σ solid angle over bins, so that it reads like the counts of a typical bin; sigma is the
    square root of the counts, at least 1, on the same scale (Poisson). As many bins as columns,
    evenly spaced over the middle row. Bins without pixels hold NaN, sigma infinite.
    """

    def __init__(self, config: ReductionConfig) -> None:
        self.config = config
        self.wavelength = config.wavelength
        self._integrator = _integrator(config)
        angles = np.degrees(self._integrator.center_array(config.shape, unit="2th_rad"))
        self.edges = _bin_edges(angles)
        self.two_theta: NDArray[np.float64] = 0.5 * (self.edges[1:] + self.edges[:-1])
        # Not pyFAI's own in the stream: its solid angle, that both paths share one.
        self._solid_angle = np.asarray(
            self._integrator.solidAngleArray(config.shape), dtype=np.float64
        )
        # As pyFAI places them: it widens the range by a single-precision epsilon at the top.
        placed = np.linspace(self.edges[0], self.edges[-1] * (1.0 + _EPS32), self.edges.size)
        self._bins = np.searchsorted(placed, angles.ravel(), side="right") - 1
        self._used = (self._bins >= 0) & (self._bins < self.two_theta.size)
        self._used[list(config.mask)] = False
        # Also masks what lies outside the range: pyFAI counts a bin's width below it as inside.
        self._mask = ~self._used.reshape(config.shape)
        norm = np.bincount(
            self._bins[self._used],
            weights=self._solid_angle.ravel()[self._used],
            minlength=self.two_theta.size,
        )
        self._empty = norm <= 0
        typical = np.median(norm[~self._empty]) if not self._empty.all() else 1.0
        self._typical = float(typical)
        with np.errstate(divide="ignore"):
            self._scale = np.where(self._empty, 0.0, typical / norm).astype(np.float32)

    @cached_property
    def _sums(self) -> csc_array:
        """Zeros and ones that sum the pixels of each bin, (bins, pixels).

        Column by column: pixels are read as they lie in memory, and the bins are few.
        """
        pixels = np.flatnonzero(self._used)
        ones = np.ones(pixels.size, dtype=np.int32)
        return csc_array(
            (ones, (self._bins[pixels], pixels)), shape=(self.two_theta.size, self._used.size)
        )

    def stream(self, frames: NDArray[Any]) -> PowderPatterns:
        """Reduce many frames quickly.

        Parameters
        ----------
        frames : ndarray of int, (n, rows, columns)
            Counts.

        Returns
        -------
        PowderPatterns
            n patterns, within 1 % of :meth:`integrate`.

        Raises
        ------
        BadInput
            If the frames have another shape than the configuration says.
        """
        return self.stream_portions([frames])

    def stream_portions(self, portions: Iterable[NDArray[Any]]) -> PowderPatterns:
        """Reduce frames that come in portions, of which only one is in memory at a time.

        Parameters
        ----------
        portions : iterable of ndarray of int, (n, rows, columns)
            One or more.

        Returns
        -------
        PowderPatterns
            Those of all portions, as :meth:`stream` gives them.

        Raises
        ------
        BadInput
            If the frames have another shape than the configuration says.
        """
        counts = [np.empty((0, self.two_theta.size), dtype=np.float32)]
        scratch = np.empty((self._used.size, _BATCH), dtype=np.int32)
        for frames in portions:
            self._check(frames)
            for first in range(0, len(frames), _BATCH):
                counts.append(self._counts(frames[first : first + _BATCH], scratch))
        return self._patterns(np.concatenate(counts))

    def _counts(self, frames: NDArray[Any], scratch: NDArray[np.int32]) -> FloatArray:
        """Sum each frame's counts over the pixels of each bin, (n, bins)."""
        pixels = scratch if len(frames) == _BATCH else np.empty_like(scratch[:, : len(frames)])
        pixels[...] = frames.reshape(-1, self._used.size).T
        return np.asarray((self._sums @ pixels).T, dtype=np.float32)

    def integrate(self, frame: NDArray[Any]) -> PowderPatterns:
        """Reduce one frame by pyFAI.

        Parameters
        ----------
        frame : ndarray of int, (rows, columns)
            Counts.

        Returns
        -------
        PowderPatterns
            One pattern.
        """
        self._check(frame[None])
        return self._by_pyfai(frame.astype(np.float64))

    def integrate_robust(self, frame: NDArray[Any], threshold: float = 5.0) -> PowderPatterns:
        """Reduce one frame without the spots of coarse grains: pixels far off their ring go.

        Parameters
        ----------
        frame : ndarray of int, (rows, columns)
            Counts.
        threshold : float
            Pixels more than so many standard deviations off their bin's median are left out.

        Returns
        -------
        PowderPatterns
            One pattern, by pyFAI from the pixels that are kept; sigma is that of their counts.

        Notes
        -----
        The standard deviation is the larger of counting noise and what the median absolute
        deviation says. Clipping about the mean would not do: a bright spot lifts the mean until
        the ring itself is out of bounds.
        """
        self._check(frame[None])
        kept = frame.astype(np.float64)
        kept[self._outliers(kept, threshold)] = np.nan
        return self._by_pyfai(kept)

    def _by_pyfai(self, counts: NDArray[np.float64]) -> PowderPatterns:
        """Integrate a frame in which NaN marks pixels to be left out."""
        result = self._integrator.integrate1d_ng(
            counts,
            self.two_theta.size,
            unit="2th_deg",
            radial_range=(float(self.edges[0]), float(self.edges[-1])),
            mask=self._mask,
            method=("no", "csr", "cython"),
            correctSolidAngle=True,
            dummy=np.nan,
        )
        norm = np.asarray(result.sum_normalization, dtype=np.float64)[None]
        with np.errstate(divide="ignore"):
            scale = np.where(norm > 0, self._typical / norm, np.inf)
        sigma = np.sqrt(np.maximum(np.asarray(result.sum_signal)[None], 1.0)) * scale
        return self._wrap(np.asarray(result.intensity)[None] * self._typical, sigma)

    def _outliers(self, counts: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
        """Pixels far off their bin's median, (rows, columns)."""
        pixels = np.flatnonzero(self._used)
        bins, solid_angle = self._bins[pixels], self._solid_angle.ravel()[pixels]
        value = counts.ravel()[pixels] / solid_angle
        centre = _medians(value, bins, self.two_theta.size)[bins]
        off = np.abs(value - centre)
        spread = 1.4826 * _medians(off, bins, self.two_theta.size)[bins]
        noise = np.sqrt(np.maximum(centre * solid_angle, 1.0)) / solid_angle
        out = np.zeros(self._used.size, dtype=bool)
        out[pixels] = off > threshold * np.maximum(noise, spread)
        return out.reshape(self.config.shape)

    def _check(self, frames: NDArray[Any]) -> None:
        if frames.ndim != 3 or frames.shape[1:] != self.config.shape:
            raise BadInput(
                f"frames of shape {frames.shape[1:]} came from a detector of {self.config.shape}"
            )

    def _patterns(self, counts: FloatArray) -> PowderPatterns:
        return self._wrap(counts * self._scale, np.sqrt(np.maximum(counts, 1.0)) * self._scale)

    def _wrap(self, intensity: NDArray[Any], sigma: NDArray[Any]) -> PowderPatterns:
        if self._empty.any():
            intensity = np.where(self._empty, np.nan, intensity)
            sigma = np.where(self._empty, np.inf, sigma)
        return PowderPatterns(
            self.two_theta,
            self.wavelength,
            np.asarray(intensity, dtype=np.float32),
            np.asarray(sigma, dtype=np.float32),
        )


def _integrator(config: ReductionConfig) -> Any:
    """Build pyFAI's integrator; imported late, for a reader that only lists runs."""
    from pyFAI.detectors import Detector
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    detector = Detector(config.pixel_size, config.pixel_size, max_shape=config.shape)
    distance, poni1, poni2, rot1, rot2, rot3 = config.poni
    return AzimuthalIntegrator(
        dist=distance,
        poni1=poni1,
        poni2=poni2,
        rot1=rot1,
        rot2=rot2,
        rot3=rot3,
        detector=detector,
        wavelength=1e-10 * config.wavelength,
    )


def _medians(
    values: NDArray[np.float64], bins: NDArray[np.int64], n_bins: int
) -> NDArray[np.float64]:
    """Median (the upper of two middle values) of the values in each bin; 0 in empty ones."""
    order = np.lexsort((values, bins))
    count = np.bincount(bins, minlength=n_bins)
    middle = np.cumsum(count) - count + count // 2
    full = count > 0
    medians = np.zeros(n_bins)
    medians[full] = values[order][middle[full]]
    return medians


def _bin_edges(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """One bin a column over the range of the middle row, to 0.01°, (columns + 1,), degrees."""
    middle = angles[angles.shape[0] // 2]
    low, high = round(float(middle.min()), 2), round(float(middle.max()), 2)
    return np.linspace(low, high, angles.shape[1] + 1)
