"""Frames of a folder, turned the way that their geometry counts rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.image_frames import IMAGE_SUFFIXES, image_frames
from operando.agents.poni_files import Geometry, quiet
from operando.errors import BadInput

# pyFAI counts rows and columns from the corner that the orientation names; 3 is as stored.
_FLIPS = {1: (0, 1), 2: (0,), 3: (), 4: (1,)}
_CLEARLY_SHARPER = 0.9
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class RawFrame:
    """One frame as its file has it.

    Parameters
    ----------
    file : Path
        Its file.
    counts : ndarray of int32, (rows, columns)
        Counts; -1 where a pixel says nothing.
    rounded : bool
        Whether the file's values were not whole numbers.
    """

    file: Path
    counts: NDArray[np.int32]
    rounded: bool


def frame_files(folder: Path, pattern: str = "*") -> list[Path]:
    """List the image files of a folder, by name.

    Raises
    ------
    BadInput
        It is no folder, or there is no image in it.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder")
    # A pattern that begins at the root or goes up leads to other folders.
    if not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise BadInput(f"--pattern is {pattern!r}; names in the folder, like *.tif, are needed")
    files = sorted(p for p in folder.glob(pattern) if p.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise BadInput(f"{folder} holds no images named {pattern} ({', '.join(IMAGE_SUFFIXES)})")
    return files


def poni_file(folder: Path) -> Path:
    """Return the one PONI file of a folder.

    Raises
    ------
    BadInput
        There is none, or more than one.
    """
    found = sorted(folder.glob("*.poni"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none"
        raise BadInput(f"{folder} should hold one PONI file, but has {there}; name one by --poni")
    return found[0]


def raw_frames(files: list[Path]) -> Iterator[RawFrame]:
    """Read the frames of files one after the other.

    Raises
    ------
    BadInput
        A file holds no image, or frames differ in shape.
    """
    shape: tuple[int, ...] | None = None
    for file in files:
        try:
            for frame in image_frames(file):
                counts, rounded = _counts(frame)
                shape = shape or counts.shape
                if counts.shape != shape:
                    raise BadInput(f"has frames of {counts.shape}; the first one's are {shape}")
                yield RawFrame(file, counts, rounded)
        except BadInput as error:
            raise BadInput(f"{file} {error}") from error


def _counts(frame: NDArray[Any]) -> tuple[NDArray[np.int32], bool]:
    if frame.ndim != 2 or not np.issubdtype(frame.dtype, np.number) or np.iscomplexobj(frame):
        raise BadInput(
            f"has the shape {frame.shape} and type {frame.dtype}; grey pixels are needed"
        )
    whole = np.issubdtype(frame.dtype, np.integer)
    values = frame.astype(np.float64)
    bad = ~np.isfinite(values) | (values < 0) | (values > _LARGEST)
    if whole:
        bad |= frame == np.iinfo(frame.dtype).max
    values[bad] = -1.0
    counts = np.rint(values)
    return counts.astype(np.int32), not whole and bool(np.any(counts != values))


class Turn:
    """How frames must be turned to agree with their geometry, and what of them is no good.

    Parameters
    ----------
    geometry : Geometry
        The detector's, from its PONI file.
    first : ndarray of int32, (rows, columns)
        A frame, as stored.

    Raises
    ------
    BadInput
        The frame's shape is not the detector's, or its pixels are not square.

    Notes
    -----
    PONI files that do not say the detector's orientation disagree on which row comes first
    (Dioptas turns images upside down before it calibrates). Rows are reversed where that, and not
    the stored order, puts equal intensities on rings.
    """

    def __init__(self, geometry: Geometry, first: NDArray[np.int32]) -> None:
        detector = geometry.integrator.detector
        expected = detector.shape
        if expected is not None and tuple(expected) != first.shape:
            raise BadInput(f"{geometry.path} is for {tuple(expected)} pixels, not {first.shape}")
        if not np.isclose(detector.pixel1, detector.pixel2, rtol=1e-6):
            raise BadInput(
                f"{geometry.path}: pixels of {detector.pixel1:g} × {detector.pixel2:g} m; square "
                "ones are needed"
            )
        self.pixel_size = float(detector.pixel1)
        self._axes: tuple[int, ...] = _FLIPS.get(int(getattr(detector, "orientation", 3) or 3), ())
        self._detector_mask = detector.mask
        if not geometry.oriented:
            self._axes = (0,) if _upside_down(geometry, first) else ()

    def __call__(self, frame: NDArray[np.int32]) -> NDArray[np.int32]:
        """Turn a frame."""
        return np.flip(frame, self._axes)

    def mask(self, total: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Flat indices, in a turned frame, of pixels not to be used.

        Parameters
        ----------
        total : ndarray, (rows, columns)
            Sum of the frames, as stored.
        bad : ndarray of bool, (rows, columns)
            Pixels that said nothing in any frame.

        Returns
        -------
        ndarray of int64
            The bad ones, the detector's own mask, and whole rows and columns of zeros (gaps).
        """
        masked = bad.copy()
        if total.sum() > 20.0 * sum(total.shape):
            masked[~total.any(axis=1)] = True
            masked[:, ~total.any(axis=0)] = True
        if self._detector_mask is not None and self._detector_mask.shape == masked.shape:
            masked |= self._detector_mask.astype(bool)
        return np.flatnonzero(np.flip(masked, self._axes))


def _upside_down(geometry: Geometry, frame: NDArray[np.int32]) -> bool:
    with quiet():
        angles = np.asarray(geometry.integrator.center_array(frame.shape, unit="2th_deg"))
    bins = np.digitize(angles, np.linspace(angles.min(), angles.max(), max(frame.shape)))
    return _spread(frame[::-1], bins) < _CLEARLY_SHARPER * _spread(frame, bins)


def _spread(frame: NDArray[np.int32], bins: NDArray[np.int64]) -> float:
    """Variance of pixels about the mean of their ring."""
    good = frame >= 0
    values, ring = frame[good].astype(float), bins[good]
    if not values.size:
        return 0.0
    values = np.minimum(values, np.percentile(values, 99.9))  # spots say nothing of rings
    mean = np.bincount(ring, values) / np.maximum(np.bincount(ring), 1)
    return float(np.square(values - mean[ring]).mean())
