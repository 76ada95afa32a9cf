"""Powder patterns from detector images, by pyFAI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rank_filter

from operando.agents.image_frames import image_frames
from operando.agents.pattern_noise import noise_factor
from operando.agents.patterns import PowderPatterns
from operando.agents.poni_files import Geometry, quiet
from operando.errors import BadInput

_FEWEST_BINS = 20
#: What a counter reads when it is full, by its bits; gaps of some detectors read so too.
_FULL = tuple(2**bits - 1 for bits in (12, 14, 16, 20, 24, 31, 32))
_CLEARLY_SHARPER = 0.9

_Image = NDArray[np.float64]


def read_images(path: Path, geometry: Geometry, wavelength: float) -> PowderPatterns:
    """Integrate every frame of an image file.

    Parameters
    ----------
    path : Path
        Image of one or more frames.
    geometry : Geometry
        Of the detector.
    wavelength : float
        Å.

    Returns
    -------
    PowderPatterns
        One pattern a frame, on bins about one pixel wide. NaN in bins without a good pixel.

    Raises
    ------
    BadInput
        If the file is no image, its shape is not the detector's, or a frame holds nothing.

    Notes
    -----
    Left out are pixels that are negative, not finite, full, or far above all their neighbours,
    and whole rows and columns of zeros (gaps).

    PONI files that do not say the detector's orientation disagree on which row comes first:
    Dioptas turns images upside down before it calibrates, pyFAI does not. The rows are
    reversed where that, and not the file's own order, puts equal intensities on rings.
    """
    integrator = _Integrator(geometry)
    intensity, sigma = [], []
    for number, frame in enumerate(image_frames(path)):
        where = f"frame {number} " if number else ""
        try:
            one = integrator.integrate(frame)
        except BadInput as error:
            raise BadInput(f"{where}{error}") from error
        intensity.append(one[0])
        sigma.append(one[1])
    names = (path.stem,) if len(intensity) == 1 else _numbered(path.stem, len(intensity))
    return PowderPatterns(
        integrator.two_theta,
        wavelength,
        np.stack(intensity).astype(np.float32),
        np.stack(sigma).astype(np.float32),
        names,
    )


def _numbered(stem: str, count: int) -> tuple[str, ...]:
    return tuple(f"{stem} {i}" for i in range(count))


class _Integrator:
    """One geometry for frames of one shape; bins and orientation are told by the first."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._shape: tuple[int, ...] | None = None
        self._reversed = False
        self.two_theta: NDArray[np.float64] = np.empty(0)

    def integrate(self, frame: NDArray[Any]) -> tuple[_Image, _Image]:
        """Intensity and sigma of one frame, each (b,)."""
        image = _without_bad_pixels(frame)
        if self._shape is None:
            self._begin(image)
        elif image.shape != self._shape:
            raise BadInput(f"has the shape {image.shape}; the first frame's is {self._shape}")
        ai = self._geometry.integrator
        with quiet():
            result = ai.integrate1d_ng(
                image[::-1] if self._reversed else image,
                self._bins,
                unit="2th_deg",
                radial_range=self._range,
                mask=ai.detector.mask,
                method=("no", "csr", "cython"),
                correctSolidAngle=True,
                dummy=np.nan,
            )
        norm = np.asarray(result.sum_normalization, dtype=np.float64)
        signal = np.asarray(result.sum_signal, dtype=np.float64)
        empty = ~(norm > 0)
        if (~empty).sum() < _FEWEST_BINS:
            raise BadInput(f"has good pixels in {(~empty).sum()} bins; {_FEWEST_BINS} are needed")
        if not signal[~empty].max() > 0:
            raise BadInput("is zero on every good pixel; there is no pattern in it")
        self.two_theta = np.asarray(result.radial, dtype=np.float64)
        scale = np.median(norm[~empty]) / np.where(empty, np.nan, norm)
        factor = _noise(frame, signal[~empty], scale[~empty])
        sigma = np.sqrt(factor * np.maximum(signal, factor)) * scale
        return signal * scale, np.where(empty, np.inf, sigma)

    def _begin(self, image: _Image) -> None:
        self._shape = image.shape
        ai = self._geometry.integrator
        expected = ai.detector.shape
        if expected is not None and tuple(expected) != image.shape:
            raise BadInput(
                f"has the shape {image.shape}, but {self._geometry.path} is for {tuple(expected)}"
            )
        with quiet():
            two_theta = np.asarray(ai.center_array(image.shape, unit="2th_deg"))
        good = np.isfinite(image)
        low, high = float(two_theta[good].min()), float(two_theta[good].max())
        if min(image.shape) < 2 or not high > low:
            raise BadInput(f"has the shape {image.shape}; that is too small for a pattern")
        pixel = float(np.median(np.hypot(*np.gradient(two_theta))))
        self._bins = max(round((high - low) / pixel), 1)
        if self._bins < _FEWEST_BINS:
            raise BadInput(
                f"covers {high - low:.3g}° of 2θ on {self._bins} pixels by {self._geometry.path}; "
                f"{_FEWEST_BINS} are needed"
            )
        self._range = (low, high)
        if not self._geometry.oriented:
            bins = np.minimum(((two_theta - low) / pixel).clip(0), self._bins).astype(np.intp)
            spread, other = _ring_spread(image, bins), _ring_spread(image[::-1], bins)
            self._reversed = other < _CLEARLY_SHARPER * spread


def _noise(frame: NDArray[Any], signal: _Image, scale: _Image) -> float:
    """Tell what one count reads in the image: 1 where it holds whole numbers."""
    factor = noise_factor(signal * scale, signal * scale**2)
    if np.issubdtype(frame.dtype, np.integer) or not np.isfinite(factor):
        return 1.0
    return max(factor, float(signal.max()) * 1e-6)


def _without_bad_pixels(frame: NDArray[Any]) -> _Image:
    """Frame as floats, NaN where a pixel is not to be used."""
    if frame.ndim != 2 or not np.issubdtype(frame.dtype, np.number) or np.iscomplexobj(frame):
        raise BadInput(
            f"has the shape {frame.shape} and type {frame.dtype}; grey pixels are needed"
        )
    image = frame.astype(np.float64)
    bad = ~np.isfinite(image) | (image < 0)
    if bad.all():
        raise BadInput("has no pixel that is not negative; there is no pattern in it")
    top = image[~bad].max()
    if top <= 0:
        raise BadInput("is zero on every pixel; there is no pattern in it")
    if top in _FULL:
        bad |= image == top
    image[bad] = 0.0
    bad |= _gaps(image) | _hot(image)
    image[bad] = np.nan
    if bad.all():
        raise BadInput("has no pixel that is not dark, full or hot; there is no pattern in it")
    return image


def _gaps(image: _Image) -> NDArray[np.bool_]:
    """Rows and columns of zeros, where counts were to be expected."""
    dark = np.zeros(image.shape, dtype=bool)
    rows, columns = image.shape
    if image.sum() > 20.0 * rows:
        dark[~image.any(axis=1)] = True
    if image.sum() > 20.0 * columns:
        dark[:, ~image.any(axis=0)] = True
    return dark


def _hot(image: _Image) -> NDArray[np.bool_]:
    """Pixels far above all their neighbours but one; even a ring a pixel wide has two."""
    third = rank_filter(image, rank=-3, size=3, mode="nearest")
    return np.asarray(image > 10.0 * third + 50.0 * max(float(image.mean()), 1.0))


def _ring_spread(image: _Image, bins: NDArray[np.intp]) -> float:
    """Variance of pixels about the mean of their ring."""
    good = np.isfinite(image)
    values, ring = image[good], bins[good]
    values = np.minimum(values, np.percentile(values, 99.9))  # spots say nothing of rings
    mean = np.bincount(ring, values) / np.maximum(np.bincount(ring), 1)
    return float(np.square(values - mean[ring]).mean())
