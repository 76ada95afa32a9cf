"""Means over the neighbourhoods of all points of a map, at several scales, quickly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from operando.agents.patterns import FloatArray

_REACH = 2.5  # standard deviations after which a neighbour no longer counts
_COARSEST = 2.5  # a scale is summed on cells of up to its length over this
_PSEUDO = np.float32(0.06)  # weight of the whole map's mean beside a full neighbour's 1


def neighbourhood_means(
    values: FloatArray,
    measured: NDArray[np.bool_],
    mean: FloatArray,
    step_um: tuple[float, float],
    lengths_um: Sequence[float],
) -> tuple[FloatArray, FloatArray]:
    """Average the measured neighbours of every point, the point itself left out.

    Parameters
    ----------
    values : ndarray of float32, (k, ny, nx)
        Nought where nothing is measured.
    measured : ndarray of bool, (ny, nx)
    mean : ndarray of float32, (k,)
        What stands in where there are no neighbours.
    step_um : tuple of float
        Grid step (y, x), µm.
    lengths_um : sequence of float
        Standard deviations of the Gaussian weights, µm.

    Returns
    -------
    means : ndarray of float32, (scales, k, ny, nx)
    weights : ndarray of float32, (scales, ny, nx)
        Sum of the neighbours' weights; one in a full neighbourhood's centre counts 1.

    Notes
    -----
    Gaussians separate into two passes of a line. Long ones are summed on a coarser grid and
    interpolated, so every scale costs about the same: 7,600 points and ten planes take one to
    two milliseconds a scale.
    """
    planes = np.concatenate([values, measured[None].astype(np.float32)]).astype(np.float32)
    means, weights = [], []
    for length in lengths_um:
        cell = tuple(max(1, int(length / (_COARSEST * step))) for step in step_um)
        if cell == (1, 1):
            total = gaussian_sums(planes, length, step_um) - planes
        else:
            total = np.maximum(_coarse(planes, length, step_um, (cell[0], cell[1])) - planes, 0.0)
        weight = np.maximum(total[-1], 0.0)
        means.append((total[:-1] + _PSEUDO * mean[:, None, None]) / (weight + _PSEUDO))
        weights.append(weight)
    return np.stack(means), np.stack(weights)


def gaussian_sums(planes: FloatArray, length: float, step_um: tuple[float, float]) -> FloatArray:
    """Sum planes (k, ny, nx) with Gaussian weights that are 1 at the centre, `length` in µm."""
    for axis, step in enumerate(step_um, start=1):
        reach = max(1, int(np.ceil(_REACH * length / step)))
        x = step * np.arange(-reach, reach + 1)
        weights = np.exp(-0.5 * np.square(x / length)).astype(np.float32)
        planes = correlate1d(planes, weights, axis=axis, mode="constant")
    return planes


def _coarse(
    planes: FloatArray, length: float, step_um: tuple[float, float], cell: tuple[int, int]
) -> FloatArray:
    """Do the same on cells of several points, and interpolate between their centres."""
    _, ny, nx = planes.shape
    rows, columns = -(-ny // cell[0]), -(-nx // cell[1])
    padding = ((0, 0), (0, rows * cell[0] - ny), (0, columns * cell[1] - nx))
    blocks = np.pad(planes, padding).reshape(-1, rows, cell[0], columns, cell[1]).sum((2, 4))
    summed = gaussian_sums(blocks, length, (step_um[0] * cell[0], step_um[1] * cell[1]))
    return _between(_between(summed, ny, cell[0], 1), nx, cell[1], 2)


def _between(planes: FloatArray, size: int, cell: int, axis: int) -> FloatArray:
    """Interpolate linearly from cells to points along an axis."""
    last = planes.shape[axis] - 1
    at = np.clip((np.arange(size) + 0.5) / cell - 0.5, 0.0, last)
    low = np.minimum(at.astype(np.int64), max(last - 1, 0))
    shape = [1, 1, 1]
    shape[axis] = -1
    part = (at - low).astype(np.float32).reshape(shape)
    high = np.minimum(low + 1, last)
    return np.asarray(planes.take(low, axis) * (1.0 - part) + planes.take(high, axis) * part)
