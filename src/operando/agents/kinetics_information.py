"""What frames not yet taken would tell: areas predicted by draws, Fisher information, gain."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from operando.agents.kinetics_config import AreaNoise
from operando.agents.kinetics_posterior import Samples
from operando.physics.kinetic_laws import KineticLaw, mean_extent

Floats = NDArray[np.float64]

T0, LOG_RATE, LOG_SHAPE, EMPTY, LOADED = range(5)
_STEP = 1e-4


def predicted_areas(
    samples: Samples, laws: Mapping[str, KineticLaw], start: ArrayLike, stop: ArrayLike
) -> Floats:
    """Areas that frames would show, for each draw.

    Parameters
    ----------
    samples : Samples
        n draws.
    laws : mapping
        Law by each name of ``samples.names``.
    start, stop : array_like, (f,)
        Exposures, s.

    Returns
    -------
    ndarray of float64, (n, f, 2)
    """
    begin, end = np.asarray(start, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    alpha = np.empty((len(samples.t0), len(begin)))
    for index, name in enumerate(samples.names):
        rows = samples.law == index
        t0, rate, shape = (a[rows, None] for a in (samples.t0, samples.rate, samples.shape))
        alpha[rows] = mean_extent(laws[name], begin, end, t0, rate, shape)
    areas = np.stack([1.0 - alpha, alpha], axis=-1)
    return np.asarray(areas * samples.amplitudes[:, None, :])


def targeted_gain(wanted: ArrayLike, areas: ArrayLike, noise: AreaNoise, dose: ArrayLike) -> float:
    """Information that frames are expected to bring about the wanted parameters alone.

    Parameters
    ----------
    wanted : array_like, (n, q)
        Draws of the parameters of interest.
    areas : array_like, (n, f, 2)
        What the frames would show for each draw.
    noise : AreaNoise
    dose : array_like, (f,)
        Of each frame, in the unit of the noise.

    Returns
    -------
    float
        nats, at least 0: by how much the logarithm of the volume of their uncertainty is expected
        to fall.

    Notes
    -----
    With covariances S of the draws and R of the frames' noise, the gain is
    ½ (log det S_zz - log det (S_zz - S_zy (S_yy + R)⁻¹ S_yz)), exact where parameters and areas
    are jointly normal. Everything else that the frames would tell (of the two amplitudes, say)
    does not count.

    Examples
    --------
    A frame that shows one parameter with the noise that the parameter already has:

    >>> draws = np.random.default_rng(0).standard_normal((4000, 1))
    >>> shown = np.stack([draws, 0.0 * draws], axis=-1)
    >>> noise = AreaNoise(np.eye(2), np.zeros((2, 2, 2)))
    >>> round(targeted_gain(draws, shown, noise, [1.0]), 2)  # half of the logarithm of 2
    0.35
    """
    z = np.asarray(wanted, dtype=np.float64)
    shown = np.asarray(areas, dtype=np.float64)
    frames = shown.shape[1]
    if frames == 0:
        return 0.0
    z = (z - z.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-300)
    root = np.linalg.cholesky(
        noise.of(shown.mean(axis=0)) / np.asarray(dose, dtype=np.float64)[:, None, None]
    )
    y = shown - shown.mean(axis=0)
    # In units of the noise its covariance is 1.
    y = np.linalg.solve(root, y[..., None])[..., 0].reshape(len(z), 2 * frames)
    cross = z.T @ y / len(z)
    before = z.T @ z / len(z)
    after = before - cross @ np.linalg.solve(y.T @ y / len(z) + np.eye(2 * frames), cross.T)
    gain = 0.5 * (np.linalg.slogdet(before)[1] - np.linalg.slogdet(after)[1])
    return max(float(gain), 0.0)


def frame_information(
    law: KineticLaw,
    point: ArrayLike,
    amplitudes: tuple[float, float],
    start: ArrayLike,
    stop: ArrayLike,
    noise: AreaNoise,
    flux: ArrayLike,
) -> Floats:
    """Fisher information of each frame about onset, log rate, log shape and both amplitudes.

    Parameters
    ----------
    law : KineticLaw
    point : array_like, (..., 3)
        t0 (s), k (1/s) and shape (any number if the law has none).
    amplitudes : tuple of float
        Areas of the empty phase before and of the loaded one at the end.
    start, stop : array_like, (f,)
        Exposures, s.
    noise : AreaNoise
    flux : array_like
        Dose in a second, (f,) or one number.

    Returns
    -------
    ndarray of float64, (..., f, 5, 5)
        Rows and columns of the shape are 0 for a law without one. That the noise depends a little
        on the parameters is left out: it adds what is not worth having.
    """
    p = np.asarray(point, dtype=np.float64)[..., None, :]
    begin, end = np.asarray(start, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    t0, rate, shape = p[..., 0], p[..., 1], p[..., 2]

    def alpha(dt: float = 0.0, dk: float = 0.0, ds: float = 0.0) -> Floats:
        scaled = rate * np.exp(dk), shape * np.exp(ds)
        return mean_extent(law, begin, end, t0 + dt / rate, *scaled)

    h = _STEP
    middle = alpha()
    slopes = [(alpha(dt=h) - alpha(dt=-h)) * rate / (2 * h), (alpha(dk=h) - alpha(dk=-h)) / (2 * h)]
    if law.shape is None:
        slopes.append(np.zeros_like(middle))
    else:
        slopes.append((alpha(ds=h) - alpha(ds=-h)) / (2 * h))
    jacobian = np.zeros((*middle.shape, 2, 5))
    for column, slope in enumerate(slopes):
        jacobian[..., 0, column] = -amplitudes[0] * slope
        jacobian[..., 1, column] = amplitudes[1] * slope
    jacobian[..., 0, EMPTY], jacobian[..., 1, LOADED] = 1.0 - middle, middle
    areas = np.stack([amplitudes[0] * (1.0 - middle), amplitudes[1] * middle], axis=-1)
    dose = np.asarray(flux, dtype=np.float64) * (end - begin)
    root = np.linalg.cholesky(noise.of(areas) / dose[..., None, None])
    white = np.linalg.solve(root, jacobian)
    return np.asarray(np.swapaxes(white, -1, -2) @ white)


def expected_sd(information: Floats, prior: ArrayLike) -> Floats:
    """Give standard deviations of all five parameters from their summed information.

    Parameters
    ----------
    information : ndarray of float64, (..., 5, 5)
        Sum over frames of :func:`frame_information`.
    prior : array_like, (5,)
        Precision of the prior of each parameter; above 0.

    Returns
    -------
    ndarray of float64, (..., 5)
    """
    precision = information + np.diag(np.asarray(prior, dtype=np.float64))
    return np.sqrt(np.diagonal(np.linalg.inv(precision), axis1=-2, axis2=-1))
