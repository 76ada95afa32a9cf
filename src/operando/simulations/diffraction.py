"""Powder rings: which lines a section can show, how bright, how broad and how uneven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from operando.physics.crystals import structure
from operando.physics.powder import powder_lines
from operando.simulations.canvas import CONSTITUENTS
from operando.simulations.materials import MATERIALS
from operando.simulations.microstructure import TEXTURES
from operando.simulations.rings import RingMap

#: Photons a second, degree and unit of relative solid angle from a section that is all one
#: powder with magnetite's scattering power, at the nominal flux and without absorption, on its
#: strongest ring. Calibrated so that pure corrosion products give 30-80 counts in their
#: strongest column in 50 ms.
RING_RATE: Final = 4.0
#: Width of a line from beam size, divergence and sample thickness, degrees FWHM; the pixel adds
#: its own by collecting.
INSTRUMENT_FWHM: Final = 0.09
#: Standard deviation of the unresolved strain inside a beam, Δd/d.
MICRO_STRAIN: Final = 0.0006
#: Phases that only show spots; see `grains`.
COARSE: Final = ("fe_bcc", "fe_fcc")

_FWHM_PER_SIGMA = 2.3548
_LORENTZ_SHARE = 0.55
_FAINTEST = 0.4  # lines weaker than this, strongest = 100, are left out


@dataclass(frozen=True)
class PowderRings:
    """All powder lines that reach the detector.

    Parameters
    ----------
    constituent : ndarray of int64, (m,)
        Column of ``CONSTITUENTS`` of each line.
    two_theta : ndarray of float64, (m,)
        Unstrained position, degrees.
    shift : ndarray of float64, (m,)
        Degrees of 2θ per unit of Δd/d.
    instrument, size, lorentz : ndarray of float64, (m,)
        Gaussian standard deviation from instrument and strain; Gaussian standard deviation and
        Lorentzian half width from crystallite size. Degrees.
    rate : ndarray of float64, (textures, m)
        Photons a second, on the brightest row times the number of rows, for a section that is
        all of this phase.
    kept : ndarray of float32, (textures, m, rows)
        Brightness of each row relative to the brightest.

    Notes
    -----
    A ring is drawn photon by photon: rows are tried with equal chance and accepted with
    `kept`, then 2θ is a Voigt deviate around the line. Thinning a Poisson process leaves a
    Poisson process, so no table of pixels and no rounding of widths or shifts is needed.
    """

    constituent: NDArray[np.int64]
    two_theta: NDArray[np.float64]
    shift: NDArray[np.float64]
    instrument: NDArray[np.float64]
    size: NDArray[np.float64]
    lorentz: NDArray[np.float64]
    rate: NDArray[np.float64]
    kept: NDArray[np.float32]

    def photons(
        self,
        rng: np.random.Generator,
        rings: RingMap,
        seconds: NDArray[np.float64],
        texture: NDArray[np.int64],
        strain: NDArray[np.float64],
        broadening: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Draw the photons of some exposures.

        Parameters
        ----------
        rng : numpy.random.Generator
        rings : RingMap
        seconds : ndarray of float64, (n, 12)
            Exposure times volume fraction times relative flux and transmission.
        texture, strain, broadening : ndarray, (n,)
            State of the section in each exposure.

        Returns
        -------
        frame : ndarray of int64, (k,)
            Exposure of each photon that hit the detector, ascending.
        pixel : ndarray of int32, (k,)
            Flat pixel index.
        """
        expected = seconds[:, self.constituent] * self.rate[texture]
        where, line = np.nonzero(expected)
        number = rng.poisson(expected[where, line])
        frame, line = np.repeat(where, number), np.repeat(line, number)
        row = rng.integers(0, rings.shape[0], frame.size)
        keep = rng.random(frame.size, dtype=np.float32) < self.kept[texture[frame], line, row]
        frame, line, row = frame[keep], line[keep], row[keep]
        broad = broadening[frame]
        gauss = np.hypot(self.instrument[line], self.size[line] * broad)
        two_theta = self.two_theta[line] + self.shift[line] * strain[frame]
        two_theta += gauss * rng.standard_normal(frame.size)
        two_theta += self.lorentz[line] * broad * rng.standard_cauchy(frame.size)
        pixel = rings.pixels(row, two_theta)
        hit = pixel >= 0
        return frame[hit], pixel[hit]


def powder_rings(
    rng: np.random.Generator, rings: RingMap, wavelength: float, unit_scale: float
) -> PowderRings:
    """Collect the lines of all powder-like constituents.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the textures.
    rings : RingMap
    wavelength : float
        Å.
    unit_scale : float
        Scattering power that counts as 1, see `PowderLines.scale`.

    Returns
    -------
    PowderRings
    """
    owner: list[int] = []
    position: list[float] = []
    strength: list[float] = []
    for number, name in enumerate(CONSTITUENTS):
        if name in COARSE or name == "resin":
            continue
        lines = powder_lines(structure(name), wavelength)
        angles = lines.two_theta(wavelength)
        seen = (angles > rings.low - 1.5) & (angles < rings.high + 1.5)
        seen &= lines.intensity > _FAINTEST
        owner += [number] * int(seen.sum())
        position += angles[seen].tolist()
        strength += (RING_RATE * lines.scale / unit_scale * lines.intensity[seen] / 100.0).tolist()
    two_theta, constituent = np.array(position), np.array(owner)
    theta = np.radians(two_theta) / 2.0
    size_fwhm, texture = (
        np.array([getattr(MATERIALS[CONSTITUENTS[c]], field) for c in owner])
        for field in ("size_fwhm", "texture")
    )
    micro_strain = np.degrees(2.0 * MICRO_STRAIN * np.tan(theta))
    size_fwhm = size_fwhm / np.cos(theta)
    weights = np.stack([rings.row_weights(angle) for angle in position])
    uneven = weights * _unevenness(rng, texture, rings.shape[0])
    brightest = uneven.max(axis=-1)
    return PowderRings(
        constituent=constituent,
        two_theta=two_theta,
        shift=np.degrees(-2.0 * np.tan(theta)),
        instrument=np.hypot(INSTRUMENT_FWHM / _FWHM_PER_SIGMA, micro_strain),
        size=(1.0 - _LORENTZ_SHARE) * size_fwhm / _FWHM_PER_SIGMA,
        lorentz=0.5 * _LORENTZ_SHARE * size_fwhm,
        rate=np.array(strength) * brightest * rings.shape[0],
        kept=(uneven / brightest[..., None]).astype(np.float32),
    )


def _unevenness(
    rng: np.random.Generator, texture: NDArray[np.float64], rows: int
) -> NDArray[np.float64]:
    """Brightness of every line along the rows for every texture, (textures, m, rows).

    Preferred orientation makes a slow change along the ring and changes whole reflections;
    few crystallites make it grainy.
    """
    shape = (TEXTURES, texture.size, rows)
    noise = rng.standard_normal(shape)
    slow = gaussian_filter1d(noise, rows / 4, axis=-1, mode="reflect")
    grainy = gaussian_filter1d(rng.standard_normal(shape), 3.0, axis=-1, mode="reflect")
    slow, grainy = slow / slow.std(), grainy / grainy.std()
    level = rng.standard_normal(shape[:2])[..., None]
    amount = texture[:, None]
    field = amount * (0.6 * slow + 0.6 * level + 0.8 * grainy)
    # Minus half the variance: however uneven, a texture does not make photons on average.
    return np.asarray(np.exp(field - 0.5 * amount**2 * (0.36 + 0.36 + 0.64)))
