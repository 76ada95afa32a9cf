"""The storage ring's beam: drift, top-up and noise of what comes through the slits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TOP_UP_PERIOD = 28.0
_TOP_UP_DEPTH = 0.006


class BeamIntensity:
    """Relative intensity of the beam as a function of time.

    Parameters
    ----------
    seed : int or numpy.random.SeedSequence
        Draws the drift and the phase of the top-up.

    Notes
    -----
    A slow drift of a few per cent (heat load on the optics), a saw tooth of 0.6 % from current
    that decays and is topped up every 28 s, and a vibration of 0.2 % at some hertz.

    Examples
    --------
    >>> beam = BeamIntensity(1)
    >>> level = beam.at(np.linspace(0.0, 3600.0, 100))
    >>> bool(np.all(abs(level - 1.0) < 0.1))
    True
    """

    def __init__(self, seed: int | np.random.SeedSequence) -> None:
        rng = np.random.default_rng(seed)
        self._periods = np.exp(rng.uniform(np.log(120.0), np.log(5000.0), 6))
        self._amplitudes = 0.008 * rng.standard_normal(6)
        self._phases = rng.uniform(0.0, 2.0 * np.pi, 6)
        self._top_up = rng.uniform(0.0, _TOP_UP_PERIOD)
        self._hertz = rng.uniform(2.0, 4.0)

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look up the intensity.

        Parameters
        ----------
        seconds : ndarray of float64, (n,)
            Time.

        Returns
        -------
        ndarray of float64, (n,)
            Relative to the nominal flux, near 1.
        """
        waves = 2.0 * np.pi * seconds[:, None] / self._periods + self._phases
        slow = 1.0 + np.sin(waves) @ self._amplitudes
        since = np.mod(seconds + self._top_up, _TOP_UP_PERIOD) / _TOP_UP_PERIOD
        quick = 0.002 * np.sin(2.0 * np.pi * self._hertz * seconds)
        return np.asarray(slow * (1.0 + _TOP_UP_DEPTH * (0.5 - since)) * (1.0 + quick))
