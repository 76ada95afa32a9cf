"""Where one more point of a sparse map tells most: a sum over all that it speaks for.

The least certain point alone is a poor choice while much of a map has not been seen. What counts
is how much a measurement is expected to put right, at the point and around it. Two things can be
wrong at an unmeasured point: the labels that its neighbours suggest, with the chance the answer
gives, and something of which nobody has seen a sign, an island or a crack between the points, the
more likely the farther they are. Points of a batch are taken one by one, and each takes away what
it will tell, so that they keep their distance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from operando.agents.neighbourhood import gaussian_sums

_SPEAKS_UM = 2.5  # standard deviation of how far a measurement speaks
_SPEAKS = 0.7  # share of the doubt close by that it takes away
_UNSEEN = 0.1  # chance of something unsuspected far from any measured point
_UNSEEN_UM = 4.0  # standard deviation of how far a measurement would have shown it
_REACH = 2.5  # standard deviations after which a point no longer speaks

Floats = NDArray[np.float64]


def most_gain(
    chance: Floats,
    known: NDArray[np.bool_],
    step_um: tuple[float, float],
    num_points: int,
) -> list[int]:
    """Take the points whose measurement is expected to put most right, one by one.

    Parameters
    ----------
    chance : ndarray of float64, (ny, nx)
        Chance that a point's answer is wrong.
    known : ndarray of bool, (ny, nx)
        Points that have been measured or are going to be: they are not taken.
    step_um : tuple of float
        Grid step (y, x), µm.
    num_points : int

    Returns
    -------
    list of int
        ``iy * nx + ix`` in the order taken; fewer when all others are known.
    """
    shown = gaussian_sums(known[None].astype(np.float32), _UNSEEN_UM, step_um)[0]
    doubt = np.where(known, 0.0, chance + _UNSEEN * np.exp(-shown))
    lines = [_line(step) for step in step_um]
    ry, rx = (line.size // 2 for line in lines)
    tells = _SPEAKS * np.outer(*lines)
    tells[ry, rx] = 1.0
    # A margin wide enough for all that a point at the edge changes.
    margin = ((2 * ry, 2 * ry), (2 * rx, 2 * rx))
    doubt = np.pad(doubt, margin)
    heard = correlate1d(correlate1d(doubt, lines[0], axis=0), lines[1], axis=1)
    gain = _SPEAKS * heard + (1.0 - _SPEAKS) * doubt
    gain[~np.pad(~known, margin)] = -np.inf
    down, across = (_spread(line) for line in lines)
    chosen: list[int] = []
    while len(chosen) < num_points:
        row, column = divmod(int(gain.argmax()), gain.shape[1])
        if gain[row, column] == -np.inf:
            break
        chosen.append((row - 2 * ry) * known.shape[1] + column - 2 * rx)
        here = (slice(row - ry, row + ry + 1), slice(column - rx, column + rx + 1))
        told = tells * doubt[here]
        doubt[here] -= told
        gain[here] -= (1.0 - _SPEAKS) * told
        far = gain[row - 2 * ry : row + 2 * ry + 1, column - 2 * rx : column + 2 * rx + 1]
        far -= _SPEAKS * (down @ told @ across.T)
        gain[row, column] = -np.inf
    return chosen


def _line(step: float) -> Floats:
    """How loudly a measurement speaks along one axis."""
    reach = max(1, math.ceil(_REACH * _SPEAKS_UM / step))
    return np.asarray(np.exp(-0.5 * np.square(step * np.arange(-reach, reach + 1) / _SPEAKS_UM)))


def _spread(line: Floats) -> Floats:
    """Make the matrix that spreads what happens to n places over 2 n - 1."""
    spread = np.zeros((2 * line.size - 1, line.size))
    for place in range(line.size):
        spread[place : place + line.size, place] = line
    return spread
