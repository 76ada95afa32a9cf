"""The virtual XAFS and diffraction beamline of the battery study: what its chambers count."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import voigt_profile

from operando.errors import BadInput
from operando.physics.constants import wavelength_from_energy
from operando.physics.xafs_edges import edge_of
from operando.simulations.ncm_specimen import METALS, Floats, Structure, structure
from operando.simulations.ncm_spectra import foil_spectrum, reference_spectrum
from operando.simulations.source import BeamIntensity

#: Edge steps of the electrode, and of the foils between the last two chambers.
EDGE_STEP: Final = {"Ni": 0.50, "Co": 0.50, "Mn": 0.50}
FOIL_STEP: Final = {"Ni": 0.9, "Co": 0.9, "Mn": 0.9}
#: Everything else in the beam (windows, electrolyte, aluminium), absorption at 8 keV.
_MATRIX = 0.7
#: Share of the photons that ionise gas in I0, I1 and Ir, and counts of the converters per photon.
_CHAMBERS: Final = (0.10, 0.40, 0.90)
_GAIN = 1.0e-3
#: Amplifier noise of a count, counts per root second.
_READ_NOISE = 3.0
#: Dose rate at the nominal flux, MGy/s.
DOSE_RATE: Final = 6.0e-4

#: Pixels of the strip around the 003 reflection.
STRIP: Final = 487
#: Diffraction at the nominal flux: photons a second in the reflection, and background a pixel.
_PEAK_RATE, _BACKGROUND = 2.0e4, 6.0


@dataclass(frozen=True)
class BeamlineSettings:
    """Numbers of the beamline.

    Parameters
    ----------
    flux : float
        Photons a second on the cell.
    dark : tuple of float
        Dark current of I0, I1 and Ir, counts/s.
    drift_ev : float
        Size of the slow wander of the energy, eV.
    jitter_ev : float
        Change from one scan to the next that nobody asked for, eV (standard deviation).
    """

    flux: float = 1.0e10
    dark: tuple[float, float, float] = (240.0, 310.0, 180.0)
    drift_ev: float = 0.15
    jitter_ev: float = 0.06

    def __post_init__(self) -> None:
        if not 0 < self.flux < np.inf:
            raise BadInput(f"flux must be positive, got {self.flux!r} photons/s")


class XafsBeamline:
    """Ion chambers before and after the cell and a reference foil, and the 003 reflection.

    Parameters
    ----------
    soc : callable
        Returns the cell's true state of charge when it is called.
    seed : int
        Of noise and drifts.
    settings : BeamlineSettings
        Numbers of the beamline.
    origin : float
        Time from which drifts and the beam's ups and downs are counted, s: with the same seed a
        measurement meets the same ones whenever it is made.

    Notes
    -----
    Transmission: I1 = I0 exp(-µt) and Ir = I1 exp(-foils), with all three K edges in both. Each
    chamber's counts are a gain times photons with Poisson noise, amplifier noise, and a dark
    current that is counted as well. The energy on the cell is the monochromator's plus a wander
    (sines of some hours) plus a jitter that is drawn anew for every scan; nobody is told.

    Every exposure adds to the dose of the spot; see `ncm_specimen.structure`.
    """

    def __init__(
        self,
        soc: Callable[[], float],
        seed: int = 0,
        settings: BeamlineSettings | None = None,
        *,
        origin: float = 0.0,
    ) -> None:
        self._origin = origin
        self._soc, self.settings = soc, settings or BeamlineSettings()
        drift, noise, beam = np.random.SeedSequence([seed, 7]).spawn(3)
        waves = np.random.default_rng(drift)
        self._periods = np.exp(waves.uniform(np.log(3600.0), np.log(40000.0), 3))
        self._phases = waves.uniform(0.0, 2.0 * np.pi, 3)
        self._rng = np.random.default_rng(noise)
        self._beam = BeamIntensity(beam)
        self._dose = self._jitter = 0.0
        self._lock = threading.Lock()

    @property
    def dose(self) -> float:
        """Dose that the spot has absorbed, MGy."""
        return self._dose

    @property
    def dose_rate(self) -> float:
        """Dose that the open beam gives, MGy/s."""
        return DOSE_RATE * self.settings.flux / 1.0e10

    def truth(self, soc: float | None = None) -> Structure:
        """Tell what the cell looks like now, or did at another charge; for scoring only.

        Parameters
        ----------
        soc : float, optional
            True state of charge; now, if not given.
        """
        return structure(self._soc() if soc is None else soc, self._dose)

    def drift(self, time: float) -> float:
        """Wander of the energy at a time (s), eV, without the jitter of a scan."""
        waves = np.sin(2.0 * np.pi * (time - self._origin) / self._periods + self._phases)
        return float(self.settings.drift_ev * (waves.sum() - np.sin(self._phases).sum()) / 1.7)

    def scan(
        self,
        energy: Floats,
        dwell: float,
        time: float,
        *,
        offset: float = 0.0,
        flux: float = 1.0,
        fresh: bool = True,
    ) -> tuple[Floats, Floats, Floats]:
        """Count through a scan.

        Parameters
        ----------
        energy : ndarray of float64, (n,)
            Energies that the monochromator says, eV, one after the other.
        dwell : float
            Counting time of each, s.
        time : float
            When the scan began, s.
        offset : float
            What the monochromator's mechanics are off by, eV.
        flux : float
            Flux over the nominal one; 0 behind a closed shutter.
        fresh : bool
            Whether a scan begins; if not, these are further points of the last one.

        Returns
        -------
        i0, i1, ir : ndarray of float64, (n,)
            Counts, with the dark current's.

        Raises
        ------
        BadInput
            If the dwell time is not positive.
        """
        if not dwell > 0:
            raise BadInput(f"counting takes more than 0 s, got {dwell!r}")
        with self._lock:
            if fresh:
                self._jitter = self.settings.jitter_ev * float(self._rng.standard_normal())
            shift = self.drift(time) + self._jitter + offset
            sample, foil = self._absorption(np.asarray(energy, dtype=np.float64), shift)
            since = time - self._origin
            when: Floats = since + dwell * np.arange(len(energy), dtype=np.float64)
            photons = self.settings.flux * flux * dwell * self._beam.at(when)
            i0 = self._count(photons * _CHAMBERS[0], dwell, 0)
            photons = photons * (1.0 - _CHAMBERS[0]) * np.exp(-sample)
            i1 = self._count(photons * _CHAMBERS[1], dwell, 1)
            photons = photons * (1.0 - _CHAMBERS[1]) * np.exp(-foil)
            ir = self._count(photons * _CHAMBERS[2], dwell, 2)
            self._dose += self.dose_rate * flux * dwell * len(energy)
        return i0, i1, ir

    def strip(
        self,
        two_theta: Floats,
        exposure: float,
        energy_ev: float,
        *,
        time: float = 0.0,
        flux: float = 1.0,
    ) -> Floats:
        """Expose the strip of pixels around the 003 reflection.

        Parameters
        ----------
        two_theta : ndarray of float64, (n,)
            Angle of each column of pixels, degrees.
        exposure : float
            s.
        energy_ev : float
            Energy that the monochromator says, eV.
        time : float
            When the exposure began, s.
        flux : float
            Flux over the nominal one.

        Returns
        -------
        ndarray of float64, (n,)
            Counts of the columns.

        Notes
        -----
        A Voigt profile: instrument (Gaussian, 0.057 degrees full width) and strain (Lorentzian,
        2 tan(theta) times the spread of the spacing), on a background that falls with the angle.
        """
        if not exposure > 0:
            raise BadInput(f"an exposure takes more than 0 s, got {exposure!r}")
        with self._lock:
            seen = structure(self._soc(), self._dose)
            wavelength = wavelength_from_energy((energy_ev + self.drift(time)) / 1000.0)
            theta = np.arcsin(wavelength / (2.0 * seen.d003))
            lorentz = np.rad2deg(np.tan(theta) * seen.strain)  # half width in two theta
            step = float(np.mean(np.diff(two_theta)))
            profile = voigt_profile(two_theta - 2.0 * np.rad2deg(theta), 0.024, lorentz) * step
            slope = 1.0 + 0.03 * (two_theta[0] - two_theta)
            level = self.settings.flux / 1.0e10 * flux * exposure
            expected = level * (_PEAK_RATE * profile + _BACKGROUND * slope)
            self._dose += self.dose_rate * flux * exposure
            counts = self._rng.poisson(np.maximum(expected, 0.0))
        return np.asarray(counts, dtype=np.float64)

    def _absorption(self, energy: Floats, shift: float) -> tuple[Floats, Floats]:
        """Absorption of cell and foils at the true energies."""
        true: Floats = energy + shift
        seen = structure(self._soc(), self._dose)
        sample = _MATRIX * (true / 8000.0) ** -2.9
        foil = np.full_like(true, 0.05)
        for metal in METALS:
            edge = edge_of(metal).energy
            decay = (true / edge) ** -2.7
            below = decay * 0.13 * EDGE_STEP[metal]  # the other shells of this metal
            share, near = seen.fractions[metal], np.zeros_like(true)
            if true[-1] > edge - 150.0:
                for state in np.flatnonzero(share):
                    near += share[state] * reference_spectrum(metal, int(state), true)
                foil += FOIL_STEP[metal] * decay * foil_spectrum(metal, true)
            sample += below + EDGE_STEP[metal] * decay * near
        return sample, foil

    def _count(self, photons: Floats, dwell: float, chamber: int) -> Floats:
        noisy = photons + np.sqrt(photons) * self._rng.standard_normal(photons.size)
        dark = self.settings.dark[chamber] * dwell
        read = _READ_NOISE * np.sqrt(dwell) * self._rng.standard_normal(photons.size)
        return np.asarray(_GAIN * noisy + dark + read)
