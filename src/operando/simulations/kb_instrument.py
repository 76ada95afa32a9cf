"""A KB pair as one meets it: motors that play and lag, an edge in the beam, counts with noise."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from operando.errors import BadInput
from operando.simulations.kb_optics import FWHM_PER_SIGMA, KNOBS, KBPair
from operando.simulations.source import BeamIntensity

Floats = NDArray[np.float64]

#: Where the motors stand when the beam comes on, mrad and um.
NOMINAL: Final[Mapping[str, float]] = {
    "pitch_v": 4.0,
    "bend_v": 1000.0,
    "pitch_h": 4.0,
    "bend_h": 1000.0,
}
#: Counts a second of the diode behind an edge that is out of the beam, and of the monitor.
RATE: Final = 2.0e6
_DARK = 200.0
_I0_NOISE = 0.001
#: Vibration of the beam on the edge, um, rms from point to point.
_VIBRATION_UM = 0.03


@dataclass(frozen=True)
class Lag:
    """How the mirror follows a motor.

    Parameters
    ----------
    radii : tuple of float
        Half widths of the play of each element, in the motor's units.
    shares : tuple of float
        Share of the motion that goes through each; the rest follows at once.
    scatter : float
        What no two arrivals have in common, rms, in the motor's units.
    """

    radii: tuple[float, ...]
    shares: tuple[float, ...]
    scatter: float


#: A pitch has backlash: all of its motion goes through one play. A bender's hysteresis is a sum
#: of plays.
LAGS: Final[Mapping[str, Lag]] = {
    "pitch": Lag((0.004,), (1.0,), 0.0005),
    "bend": Lag((2.0, 5.0, 10.0), (0.1, 0.1, 0.1), 0.1),
}


class Hysteresis:
    """A sum of plays (the model of Prandtl and Ishlinskii).

    Parameters
    ----------
    lag : Lag
    position : float
        Where the motor begins, having come from below.

    Examples
    --------
    >>> play = Hysteresis(Lag((1.0,), (1.0,), 0.0), 10.0)
    >>> play.output, play.follow(9.0), play.follow(7.0), play.follow(12.0)
    (10.0, 10.0, 9.0, 12.0)
    """

    def __init__(self, lag: Lag, position: float) -> None:
        self._lag = lag
        self._direct = 1.0 - sum(lag.shares)
        self._motor = position
        self._plays = [position - radius for radius in lag.radii]

    @property
    def output(self) -> float:
        """Where the mirror is; at a motor that came from below it is where the motor is."""
        shared = zip(self._lag.shares, self._plays, self._lag.radii, strict=True)
        return self._direct * self._motor + sum(s * (play + r) for s, play, r in shared)

    def follow(self, motor: float) -> float:
        """Move the motor there without turning on the way; where the mirror is, is returned."""
        self._motor = motor
        self._plays = [
            min(max(play, motor - r), motor + r)
            for play, r in zip(self._plays, self._lag.radii, strict=True)
        ]
        return self.output


class KBInstrument:
    """What motors, edge and counters of a focusing station do.

    Parameters
    ----------
    pair : KBPair
        The mirrors: the truth.
    seed : int
        Of scatter, vibration, drift of the beam and counting.
    began : float
        When the beam came on, s of the station's clock.

    Raises
    ------
    BadInput
        If the seed is negative.
    """

    def __init__(self, pair: KBPair, seed: int = 0, *, began: float = 0.0) -> None:
        if seed < 0:
            raise BadInput(f"a seed is 0 or more, got {seed}")
        self.pair, self.began = pair, began
        scatter, counts, beam = np.random.SeedSequence([seed, 12]).spawn(3)
        self._scatter = np.random.default_rng(scatter)
        self._rng = np.random.default_rng(counts)
        self._beam = BeamIntensity(beam)
        self._lags = {name: Hysteresis(LAGS[name[:-2]], NOMINAL[name]) for name in KNOBS}
        self._mirror = dict(NOMINAL)
        self._lock = threading.Lock()

    def arrive(self, knob: str, position: float) -> None:
        """Have a motor arrive, or be stopped, without having turned on its way."""
        with self._lock:
            lag = LAGS[knob[:-2]]
            wobble = lag.scatter * float(self._scatter.standard_normal())
            self._mirror[knob] = self._lags[knob].follow(position) + wobble

    def size_um(self, now: float) -> tuple[float, float]:
        """Size of the beam on the sample (vertical, horizontal), FWHM, um: the truth."""
        pitches, bends = self._settings()
        return self.pair.size_um(pitches, bends, now - self.began)

    def counts(
        self, x_um: Sequence[float], y_um: Sequence[float], now: Sequence[float], dwell_s: float
    ) -> tuple[Floats, Floats]:
        """Count behind the edges and before them.

        Parameters
        ----------
        x_um, y_um : sequence of float, (n,)
            Positions of the stage. The vertical edge is out of the beam where x is far above the
            beam's, the horizontal one where y is.
        now : sequence of float, (n,)
            When each count begins, s of the station's clock.
        dwell_s : float
            Length of a count, s.

        Returns
        -------
        diode, i0 : ndarray of float64, (n,)
            Counts, whole numbers.
        """
        when = np.asarray(now, dtype=np.float64)
        with self._lock:
            pitches, bends = self._settings()
            sizes = np.array(
                [self.pair.size_um(pitches, bends, t - self.began) for t in when.tolist()]
            ).reshape(-1, 2)
            level = self._beam.at(when - self.began + 0.5 * dwell_s)
            open_ = np.ones_like(level)
            for position, centre, fwhm in zip(
                (y_um, x_um), self.pair.centre_um(pitches), sizes.T, strict=True
            ):
                shake = _VIBRATION_UM * self._rng.standard_normal(when.size)
                away = np.asarray(position, dtype=np.float64) + shake - centre
                open_ *= 0.5 * erfc(-away * FWHM_PER_SIGMA / fwhm / math.sqrt(2.0))
            noise = 1.0 + _I0_NOISE * self._rng.standard_normal(when.size)
            diode = self._rng.poisson(dwell_s * (RATE * level * open_ + _DARK))
            i0 = self._rng.poisson(dwell_s * RATE * level * noise)
        return diode.astype(np.float64), i0.astype(np.float64)

    def _settings(self) -> tuple[tuple[float, float], tuple[float, float]]:
        mirror = self._mirror
        return (mirror["pitch_v"], mirror["pitch_h"]), (mirror["bend_v"], mirror["bend_h"])
