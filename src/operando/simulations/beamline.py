"""The virtual micro-XRD beamline: positions and exposures in, detector frames out."""

from __future__ import annotations

import math
import threading
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput
from operando.physics.geometry import DetectorGeometry
from operando.simulations.background import Background, counted
from operando.simulations.diffraction import INSTRUMENT_FWHM, powder_rings
from operando.simulations.materials import transmission
from operando.simulations.source import BeamIntensity
from operando.simulations.specimen import FOCUS_UM, CorrodedSteel

#: Photons a second on the sample for which all the rates of the simulation hold.
NOMINAL_FLUX: Final = 1.0e10
#: Counts of the ion chamber per second at the nominal flux, and its amplifier's noise.
I0_RATE: Final = 2.0e6
_I0_NOISE = 0.001
#: The detector's counters are 20 bits deep.
_FULL = 2**20 - 1
_BATCH = 64
#: Exposure at the nominal flux that is drawn at once, s: its photons take a few 100 MB.
_AT_ONCE_S = 200.0
_DEAD, _HOT = 24, 10


class FrameSource(Protocol):
    """What a simulated detector and ion chamber ask for their counts."""

    def frames(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        exposure_s: float,
        *,
        threshold_ev: float,
        beam_size: tuple[float, float],
        flux_factor: float,
    ) -> NDArray[np.int32]:
        """Expose the detector at each position: counts, (n, rows, columns)."""
        ...

    def i0_counts(self, exposure_s: float, n: int) -> NDArray[np.float64]:
        """Count the beam in `n` exposures one after the other, (n,)."""
        ...

    def mask(self) -> NDArray[np.int64]:
        """Flat indices of the pixels that are known to be bad, ascending."""
        ...


class MapBeamline:
    """Micro-XRD frames of a specimen on a PILATUS 100K.

    Parameters
    ----------
    specimen : CorrodedSteel
    geometry : DetectorGeometry, optional
        The specimen's, if not given: which grains can be seen depends on it.
    seed : int
        Of counting noise, beam drift and bad pixels.
    energy_kev : float, optional
        The specimen's, if not given.
    flux : float
        Photons a second in the focused beam.

    Raises
    ------
    BadInput
        If geometry or energy are not those for which the specimen's truth holds, the flux is not
        positive, or the seed is negative.

    Notes
    -----
    A frame is drawn photon by photon, by exact thinning of Poisson processes: the number of
    photons of each source (a ring, a spot, a background) is Poisson, and each photon finds its
    own pixel. Frames and ion chamber see one beam intensity, each at its own elapsed exposure
    time; the same calls after the same seed give the same counts.

    Sources: powder rings, spots of coarse grains, air, halo of resin and of amorphous rust, iron
    fluorescence; 24 dead pixels (always 0) and 10 hot ones, which are the detector's own and
    the same for every specimen and seed.
    """

    def __init__(
        self,
        specimen: CorrodedSteel,
        geometry: DetectorGeometry | None = None,
        seed: int = 0,
        energy_kev: float | None = None,
        *,
        flux: float = NOMINAL_FLUX,
    ) -> None:
        if geometry not in (None, specimen.geometry) or energy_kev not in (
            None,
            specimen.energy_kev,
        ):
            raise BadInput("beamline and specimen must agree on geometry and photon energy")
        if not 0 < flux < np.inf:
            raise BadInput(f"flux must be positive, got {flux!r}")
        if seed < 0:
            raise BadInput(f"a seed is 0 or more, got {seed}")
        self.specimen, self.geometry = specimen, specimen.geometry
        self.energy_kev, self.flux = specimen.energy_kev, flux
        noise, drift, textures, chamber = np.random.SeedSequence([seed, 2]).spawn(4)
        self._bits = np.random.SFC64(noise)
        self._rng = np.random.Generator(self._bits)
        self._chamber = np.random.default_rng(chamber)
        self._beam = BeamIntensity(drift)
        self._rings = specimen.rings
        self._powder = powder_rings(
            np.random.default_rng(textures), self._rings, specimen.wavelength, specimen.unit_scale
        )
        self._background = Background(self.geometry, self.energy_kev)
        self._exposed, self._monitored = 0.0, 0.0
        self._lock = threading.Lock()
        detector = np.random.default_rng(20487)
        bad = detector.permutation(self._rings.shape[0] * self._rings.shape[1])[: _DEAD + _HOT]
        self._dead, self._hot = np.sort(bad[:_DEAD]), np.sort(bad[_DEAD:])
        self._hot_rate = 10.0 ** detector.uniform(2.0, 5.0, _HOT)

    def mask(self) -> NDArray[np.int64]:
        """List the bad pixels that the detector's maker knows of.

        Returns
        -------
        ndarray of int64, (34,)
            Flat indices, ascending.
        """
        return np.sort(np.concatenate([self._dead, self._hot])).astype(np.int64)

    def i0_counts(self, exposure_s: float, n: int) -> NDArray[np.float64]:
        """Count the beam before the sample.

        Parameters
        ----------
        exposure_s : float
            Length of each exposure, s.
        n : int
            Number of exposures, one after the other.

        Returns
        -------
        ndarray of float64, (n,)
            Counts for mirrors at their nominal pitch.

        Raises
        ------
        BadInput
            If the exposure is not positive, or the number negative.
        """
        _require_exposure(exposure_s)
        if n < 0:
            raise BadInput(f"a number of exposures is 0 or more, got {n}")
        with self._lock:
            level = self._level(self._monitored, exposure_s, n)
            self._monitored += n * exposure_s
            expected = I0_RATE * exposure_s * level
            noise = 1.0 + _I0_NOISE * self._chamber.standard_normal(n)
            return self._chamber.poisson(expected * noise).astype(np.float64)

    def frames(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        exposure_s: float,
        *,
        threshold_ev: float = 5000.0,
        beam_size: tuple[float, float] = FOCUS_UM,
        flux_factor: float = 1.0,
    ) -> NDArray[np.int32]:
        """Expose the detector.

        Parameters
        ----------
        x_um, y_um : ndarray of float64, (n,)
            Position of the beam on the specimen in each exposure, µm.
        exposure_s : float
            Length of each exposure, s.
        threshold_ev : float
            Discriminator threshold, eV.
        beam_size : tuple of float
            Vertical and horizontal FWHM, µm.
        flux_factor : float
            Flux relative to mirrors at their nominal pitch; 0 behind a closed shutter.

        Returns
        -------
        ndarray of int32, (n, rows, columns)
            Counts.

        Raises
        ------
        BadInput
            If the exposure is not positive, there are not as many x as y, a position is not a
            number, or threshold, beam size or flux is below 0.
        """
        _require_exposure(exposure_s)
        if not all(0 <= value < np.inf for value in (threshold_ev, *beam_size, flux_factor)):
            raise BadInput(
                "threshold, beam size and flux factor are 0 or more, "
                f"got {threshold_ev!r}, {beam_size!r} and {flux_factor!r}"
            )
        x, y = np.atleast_1d(np.asarray(x_um, float)), np.atleast_1d(np.asarray(y_um, float))
        if x.shape != y.shape or x.ndim != 1:
            raise BadInput(f"frames need one y for each x, got shapes {x.shape} and {y.shape}")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise BadInput("a position on the specimen is not a finite number")
        rows, columns = self._rings.shape
        images = np.zeros((x.size, rows * columns), dtype=np.int32)
        with self._lock:
            level = self._level(self._exposed, exposure_s, x.size)
            self._exposed += x.size * exposure_s
            seconds = exposure_s * flux_factor * level
            batch, repeats = _portions(seconds)
            for start in range(0, x.size, batch):
                part = slice(start, start + batch)
                share = seconds[part] / repeats
                for _ in range(repeats):
                    self._expose(images[part], x[part], y[part], share, threshold_ev, beam_size)
            images[:, self._dead] = 0
            hot = self._rng.poisson(self._hot_rate * exposure_s, (x.size, _HOT))
            images[:, self._hot] = np.minimum(hot, _FULL)
        return images.reshape(x.size, rows, columns)

    def _level(self, start: float, exposure_s: float, n: int) -> NDArray[np.float64]:
        """Flux relative to nominal in the middle of n exposures."""
        middle = np.arange(n, dtype=np.float64) + 0.5
        return self.flux / NOMINAL_FLUX * self._beam.at(start + exposure_s * middle)

    def _expose(
        self,
        images: NDArray[np.int32],
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        seconds: NDArray[np.float64],
        threshold_ev: float,
        beam_size: tuple[float, float],
    ) -> None:
        """Add to the images of one batch; `seconds` are at the nominal flux."""
        here = self.specimen.at(x, y, beam_size)
        elastic = seconds * counted(self.energy_kev, threshold_ev)
        through = transmission(here.fractions, self.energy_kev)
        ring = self._powder.photons(
            self._rng,
            self._rings,
            here.fractions * (elastic * through)[:, None],
            here.texture,
            here.strain,
            here.broadening,
        )
        point, spot, rate = self.specimen.spots_of(here)
        bragg = [ring, self._spot_photons(point, spot, rate * elastic[point])]
        bounds = [np.searchsorted(frame, np.arange(x.size + 1)) for frame, _ in bragg]
        amorphous = here.broadening**2
        smooth = self._background.rates(here.fractions, amorphous, threshold_ev)
        numbers = self._rng.poisson(smooth * seconds[:, None])
        for k, image in enumerate(images):
            parts = [p[b[k] : b[k + 1]] for (_, p), b in zip(bragg, bounds, strict=True)]
            parts.append(self._background.pixels(self._bits, numbers[k]))
            counts = np.bincount(np.concatenate(parts), minlength=image.size)
            image[:] = np.minimum(image + counts, _FULL)

    def _spot_photons(
        self, point: NDArray[np.int64], spot: NDArray[np.int64], expected: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Draw the photons of coarse grains: exposures, ascending, and pixels."""
        number = self._rng.poisson(expected)
        frame, spot = np.repeat(point, number), np.repeat(spot, number)
        spots = self.specimen.spots
        row = spots.row[spot] + spots.row_sigma[spot] * self._rng.standard_normal(spot.size)
        two_theta = spots.two_theta[spot]
        two_theta += INSTRUMENT_FWHM / 2.3548 * self._rng.standard_normal(spot.size)
        pixel = self._rings.pixels(np.rint(row).astype(np.int64), two_theta)
        hit = pixel >= 0
        return frame[hit], pixel[hit]


def _portions(seconds: NDArray[np.float64]) -> tuple[int, int]:
    """Frames drawn at once, and parts that each is drawn in: all for the sake of memory."""
    longest = float(seconds.max(initial=0.0))
    if longest <= _AT_ONCE_S / _BATCH:
        return _BATCH, 1
    return max(1, int(_AT_ONCE_S / longest)), max(1, math.ceil(longest / _AT_ONCE_S))


def _require_exposure(exposure_s: float) -> None:
    if not 0 < exposure_s < np.inf:
        raise BadInput(f"an exposure takes more than 0 s, got {exposure_s!r}")
