"""Random fields that give interfaces, grains and cracks their ragged shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fractal_field(
    rng: np.random.Generator,
    shape: tuple[int, int],
    step: float,
    *,
    longest: float,
    shortest: float = 0.0,
    slope: float = 1.7,
) -> NDArray[np.float64]:
    """Draw a self-affine random field.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Rows and columns, (ny, nx).
    step : float
        Distance between neighbours, any unit of length.
    longest, shortest : float
        Wavelengths between which the amplitude follows the power law, in the unit of `step`;
        longer waves are no stronger than `longest`, shorter ones than `shortest` are absent.
    slope : float
        The amplitude of a wave of frequency f goes as ``f**-slope``. Between 1 (rough) and
        2 (smooth) surfaces look like corrosion fronts.

    Returns
    -------
    ndarray of float64, (ny, nx)
        Mean 0 and standard deviation 1 over the field.

    Examples
    --------
    >>> field = fractal_field(np.random.default_rng(1), (40, 60), 0.5, longest=10.0)
    >>> field.shape, abs(round(float(field.mean()), 6)), round(float(field.std()), 6)
    ((40, 60), 0.0, 1.0)
    """
    # A field made by FFT repeats itself; drawn larger and cut, opposite edges do not match.
    rows, columns = (int(1.25 * n) + 1 for n in shape)
    frequency = np.hypot(
        np.fft.fftfreq(rows, step)[:, None], np.fft.rfftfreq(columns, step)[None, :]
    )
    amplitude = np.maximum(frequency, 1.0 / longest) ** -slope
    amplitude[0, 0] = 0.0
    if shortest > 0.0:
        amplitude *= np.exp(-((frequency * shortest) ** 2))
    noise = np.fft.rfft2(rng.standard_normal((rows, columns)))
    field = np.fft.irfft2(noise * amplitude, s=(rows, columns))[: shape[0], : shape[1]]
    field -= field.mean()
    return np.asarray(field / field.std())


def wandering_line(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    *,
    stride: float = 1.0,
    wander: float = 0.25,
) -> NDArray[np.float64]:
    """Draw a crack: a line that keeps its general heading but turns at every stride.

    Parameters
    ----------
    rng : numpy.random.Generator
    start : tuple of float
        First point (x, y), any unit of length.
    heading : float
        Direction in radians from +x towards +y.
    length : float
        Length along the line.
    stride : float
        Distance between the points of the line.
    wander : float
        Standard deviation of the turn at each stride, radians.

    Returns
    -------
    ndarray of float64, (n, 2)
        Points (x, y).
    """
    n = max(2, round(length / stride))
    turn = np.zeros(n)
    for i in range(1, n):
        turn[i] = 0.9 * turn[i - 1] + wander * rng.standard_normal()
    steps = stride * np.stack([np.cos(heading + turn), np.sin(heading + turn)], axis=1)
    steps[0] = 0.0
    return np.asarray(np.asarray(start) + np.cumsum(steps, axis=0))
