"""What the detectors of a simulated station see: the source behind stage and shutter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from operando.devices.shutter import Shutter
    from operando.devices.stage import KBStage
    from operando.simulations.beamline import FrameSource


@dataclass(frozen=True)
class BeamState:
    """The beam at one moment.

    Parameters
    ----------
    size : tuple of float
        Size on the sample (vertical, horizontal), um.
    flux_factor : float
        Flux on the sample over the nominal flux; 0 behind a closed shutter.
    """

    size: tuple[float, float]
    flux_factor: float


class SeenBeam(Protocol):
    """What a detector and its ion chamber ask of the beam before them."""

    def mask(self) -> NDArray[np.int64]:
        """Flat indices of the detector's bad pixels."""
        ...

    def position(self) -> tuple[float, float]:
        """Where the beam is on the sample: x and y, um."""
        ...

    def now(self) -> BeamState:
        """Return the beam as it is now: what an exposure that begins will see."""
        ...

    def frames(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        exposure_s: float,
        threshold_ev: float,
        state: BeamState,
    ) -> NDArray[np.int32]:
        """Expose the detector: counts, (n, rows, columns)."""
        ...

    def i0_counts(self, exposure_s: float, n: int, state: BeamState) -> NDArray[np.float64]:
        """Count the beam behind the shutter, (n,)."""
        ...


@dataclass(frozen=True)
class Beam:
    """The beam on the sample.

    Parameters
    ----------
    source : FrameSource
        The simulated beamline and specimen.
    stage : KBStage
        Where the sample is, and what the mirrors make of the beam.
    shutter : Shutter
        Whether there is a beam at all.
    """

    source: FrameSource
    stage: KBStage
    shutter: Shutter

    def mask(self) -> NDArray[np.int64]:
        """Return the flat indices of the detector's bad pixels."""
        return self.source.mask()

    def position(self) -> tuple[float, float]:
        """Return where the beam is on the sample: x and y, um."""
        return float(self.stage.x.position), float(self.stage.y.position)

    def now(self) -> BeamState:
        """Return the beam as it is now: what an exposure that begins will see."""
        flux = self.stage.flux_factor if self.shutter.is_open else 0.0
        return BeamState(self.stage.beam_size, flux)

    def frames(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        exposure_s: float,
        threshold_ev: float,
        state: BeamState,
    ) -> NDArray[np.int32]:
        """Expose the detector.

        Parameters
        ----------
        x_um, y_um : ndarray of float64, shape (n,)
            Positions on the sample, um.
        exposure_s : float
            Exposure of each frame, s.
        threshold_ev : float
            The detector's threshold, eV.
        state : BeamState
            The beam when the exposure began.

        Returns
        -------
        ndarray of int32, shape (n, rows, columns)
            Counts.
        """
        frames = self.source.frames(
            x_um,
            y_um,
            exposure_s,
            threshold_ev=threshold_ev,
            beam_size=state.size,
            flux_factor=state.flux_factor,
        )
        return np.asarray(frames, dtype=np.int32)

    def i0_counts(self, exposure_s: float, n: int, state: BeamState) -> NDArray[np.float64]:
        """Count the beam in the ion chamber behind the shutter.

        Parameters
        ----------
        exposure_s : float
            Time of each count, s.
        n : int
            Number of counts.
        state : BeamState
            The beam when the exposure began.

        Returns
        -------
        ndarray of float64, shape (n,)
            Counts, whole numbers.
        """
        return np.rint(np.asarray(self.source.i0_counts(exposure_s, n)) * state.flux_factor)
