"""A pair of bent mirrors crossed as Kirkpatrick and Baez did: what pitch and bend do to the focus.

The laws are those of elliptically bent mirrors; distances, ranges and the figures of drift and
hysteresis are a reconstruction of a station like the one of the map, not measured there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from operando.errors import BadInput

#: Full width at half maximum of a Gaussian over its standard deviation.
FWHM_PER_SIGMA: Final = 2.0 * math.sqrt(2.0 * math.log(2.0))
#: The knobs in the order of the light: pitch (mrad) and bender (um) of each mirror.
KNOBS: Final = ("pitch_v", "bend_v", "pitch_h", "bend_h")


@dataclass(frozen=True)
class KBMirror:
    """One mirror of the pair, with the setting at which it focuses best.

    Parameters
    ----------
    limit_um : float
        Smallest size of the focus, FWHM, um, whatever sets it.
    image_m : float
        From the middle of the mirror to the sample, m.
    pitch_mrad, bend_um : float
        Best grazing angle, mrad, and position of the bender there, um.
    source_m : float
        From the source to the mirror, m.
    length_m : float
        Of the mirror, m.
    nominal_mrad : float
        Angle at which the beam meets the middle of the stage, mrad.

    Raises
    ------
    BadInput
        If a length, angle or position is not positive.

    Notes
    -----
    The surface of an ellipse along the mirror is z = a2 u^2 + a3 u^3 with
    a2 = sin(pitch)/4 (1/p + 1/q) and a3 = a2 cos(pitch)/2 (1/q - 1/p), p and q being the distances
    to source and image (Howells et al., Opt. Eng. 39, 2748 (2000), doi:10.1117/1.1289879). The
    bender sets a2; a3 is ground in and right at the best pitch only. An error of the slope throws
    the light off the focus by twice itself times q. Over a mirror that is evenly lit the two
    errors are orthogonal, so the root mean squares add in quadrature: the defocus of

    (FWHM/rms) 2 q (2 a2) (bend/bend_best - sin(pitch)/sin(pitch_best)) L/sqrt(12)

    and the coma of (FWHM/rms) 2 q (3 a3) (pitch/pitch_best - 1) L^2/(6 sqrt(5)). A bend can make
    up for a wrong pitch but for the coma: the best settings lie in a long valley. The profile is
    taken for a Gaussian of the whole width, which a defocused one is not. Two such mirrors one
    after the other: Kirkpatrick and Baez, J. Opt. Soc. Am. 38, 766 (1948),
    doi:10.1364/JOSA.38.000766.

    Examples
    --------
    >>> mirror = KBMirror(limit_um=1.25, image_m=0.25, pitch_mrad=4.0, bend_um=1000.0)
    >>> mirror.size_um(4.0, 1000.0)
    1.25
    >>> round(mirror.size_um(4.0, 1010.0), 2), round(mirror.size_um(4.04, 1010.0), 2)
    (3.01, 1.27)
    >>> round(mirror.shift_um(4.1), 1)
    50.0
    """

    limit_um: float
    image_m: float
    pitch_mrad: float
    bend_um: float
    source_m: float = 44.0
    length_m: float = 0.1
    nominal_mrad: float = 4.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 < value < math.inf:
                raise BadInput(f"{name} of a mirror must be positive, not {value!r}")

    def defocus_um(self, pitch_mrad: float, bend_um: float) -> float:
        """Blur of a curvature that does not fit the pitch, FWHM, um; its sign is the error's."""
        wrong = bend_um / self.bend_um - math.sin(1e-3 * pitch_mrad) / self._sine
        reach = 2.0 * self.image_m * 2.0 * self._a2 * self.length_m / math.sqrt(12.0)
        return 1e6 * FWHM_PER_SIGMA * reach * wrong

    def coma_um(self, pitch_mrad: float) -> float:
        """Blur of a ground-in shape that does not fit the pitch, FWHM, um, with its sign."""
        a3 = self._a2 * 0.5 * (1.0 / self.image_m - 1.0 / self.source_m)
        reach = 2.0 * self.image_m * 3.0 * a3 * self.length_m**2 / (6.0 * math.sqrt(5.0))
        return 1e6 * FWHM_PER_SIGMA * reach * (pitch_mrad / self.pitch_mrad - 1.0)

    def blur_um(self, pitch_mrad: float, bend_um: float) -> float:
        """Give defocus and coma together, FWHM, um."""
        return math.hypot(self.defocus_um(pitch_mrad, bend_um), self.coma_um(pitch_mrad))

    def size_um(self, pitch_mrad: float, bend_um: float) -> float:
        """Size of the beam on the sample, FWHM, um."""
        return math.hypot(self.limit_um, self.blur_um(pitch_mrad, bend_um))

    def shift_um(self, pitch_mrad: float) -> float:
        """How far the pitch throws the beam from the middle of the stage, um."""
        return 2.0e3 * self.image_m * (pitch_mrad - self.nominal_mrad)

    @property
    def _sine(self) -> float:
        return math.sin(1e-3 * self.pitch_mrad)

    @property
    def _a2(self) -> float:
        return 0.25 * self._sine * (1.0 / self.source_m + 1.0 / self.image_m)


@dataclass(frozen=True)
class KBPair:
    """A vertically and a horizontally focusing mirror, and how they drift.

    Parameters
    ----------
    vertical, horizontal : KBMirror
    roll : float
        By how much the two are not perpendicular, radian: twice it is the share of the blur of
        each that shows in the other direction.
    drift : tuple of float
        Relative change of the best bend (vertical, horizontal) when all is warm.
    warming_s : float
        Time in which it has warmed by 1 - 1/e, s.
    offset_um : tuple of float
        Where the beam meets the stage at the nominal pitches (y, x), um.
    """

    vertical: KBMirror
    horizontal: KBMirror
    roll: float = 0.0
    drift: tuple[float, float] = (0.0, 0.0)
    warming_s: float = 3.0 * 3600.0
    offset_um: tuple[float, float] = field(default=(0.0, 0.0))

    def size_um(
        self, pitches: tuple[float, float], bends: tuple[float, float], seconds: float = 0.0
    ) -> tuple[float, float]:
        """Size of the beam.

        Parameters
        ----------
        pitches, bends : tuple of float
            Vertical and horizontal, mrad and um.
        seconds : float
            Since the beam came on, s.

        Returns
        -------
        tuple of float
            Vertical and horizontal FWHM, um.
        """
        warm = -math.expm1(-max(seconds, 0.0) / self.warming_s)
        mirrors = (self.vertical, self.horizontal)
        blur = [
            mirror.blur_um(pitch, bend * (1.0 + warm * drift))
            for mirror, pitch, bend, drift in zip(mirrors, pitches, bends, self.drift, strict=True)
        ]
        across = 2.0 * self.roll
        return (
            math.sqrt(mirrors[0].limit_um ** 2 + blur[0] ** 2 + (across * blur[1]) ** 2),
            math.sqrt(mirrors[1].limit_um ** 2 + blur[1] ** 2 + (across * blur[0]) ** 2),
        )

    def centre_um(self, pitches: tuple[float, float]) -> tuple[float, float]:
        """Where the beam meets the stage, (y, x), um."""
        return (
            self.offset_um[0] + self.vertical.shift_um(pitches[0]),
            self.offset_um[1] + self.horizontal.shift_um(pitches[1]),
        )

    @property
    def best(self) -> dict[str, float]:
        """The best setting of each knob while all is cold."""
        values = (
            self.vertical.pitch_mrad,
            self.vertical.bend_um,
            self.horizontal.pitch_mrad,
            self.horizontal.bend_um,
        )
        return dict(zip(KNOBS, values, strict=True))


def random_pair(seed: int) -> KBPair:
    """Draw a pair whose best settings nobody knows.

    Parameters
    ----------
    seed : int
        0 or more.

    Returns
    -------
    KBPair
        Limits of 1.25 (V) and 2.0 um (H); best pitches within 4 % of 4 mrad, best bends within
        6 % of 1000 um, warming changes the bend by 0.4 to 0.8 % either way.

    Raises
    ------
    BadInput
        If the seed is negative.

    Examples
    --------
    >>> random_pair(3) == random_pair(3)
    True
    >>> abs(random_pair(3).best["pitch_v"] - 4.0) <= 0.16
    True
    """
    if seed < 0:
        raise BadInput(f"a seed is 0 or more, got {seed}")
    rng = np.random.default_rng([seed, 11])
    pitch = 4.0 + 0.16 * rng.uniform(-1.0, 1.0, 2)
    bend = 1000.0 + 60.0 * rng.uniform(-1.0, 1.0, 2)
    drift = rng.uniform(0.004, 0.008, 2) * rng.choice([-1.0, 1.0], 2)
    offset = rng.uniform(-20.0, 20.0, 2)
    return KBPair(
        KBMirror(1.25, 0.25, float(pitch[0]), float(bend[0])),
        KBMirror(2.0, 0.13, float(pitch[1]), float(bend[1])),
        roll=float(rng.uniform(-0.01, 0.01)),
        drift=(float(drift[0]), float(drift[1])),
        offset_um=(float(offset[0]), float(offset[1])),
    )
