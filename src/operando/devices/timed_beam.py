"""The beam on a sample that changes with time and does not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from operando.devices.beam import BeamState

if TYPE_CHECKING:
    from operando.devices.shutter import Shutter
    from operando.simulations.clock import Clock
    from operando.simulations.loading_beamline import LoadingBeamline


@dataclass(frozen=True, eq=False)
class TimedState(BeamState):
    """The beam during exposures whose beginnings are known.

    Parameters
    ----------
    starts : ndarray of float64, shape (n,)
        When each exposure begins, seconds of the station's clock.
    """

    starts: NDArray[np.float64]


@dataclass(frozen=True)
class TimedBeam:
    """The beam of the gas-loading station.

    Parameters
    ----------
    source : LoadingBeamline
        The simulated beamline and crystal.
    shutter : Shutter
        Whether there is a beam at all.
    clock : Clock
        The station's clock.
    size : tuple of float
        Size on the sample (vertical, horizontal), um.
    """

    source: LoadingBeamline
    shutter: Shutter
    clock: Clock
    size: tuple[float, float] = (500.0, 500.0)

    def mask(self) -> NDArray[np.int64]:
        """Return the flat indices of the detector's bad pixels."""
        return self.source.mask()

    def position(self) -> tuple[float, float]:
        """Return where the beam is on the sample: it does not move."""
        return 0.0, 0.0

    def now(self) -> TimedState:
        """Return the beam as it is now: what one exposure that begins will see."""
        flux = 1.0 if self.shutter.is_open else 0.0
        return TimedState(self.size, flux, np.array([self.clock.now()]))

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
            Make no difference.
        exposure_s : float
            Exposure of each frame, s.
        threshold_ev : float
            Makes no difference: nothing fluoresces.
        state : BeamState
            The beam, and when the exposures began.

        Returns
        -------
        ndarray of int32, shape (n, rows, columns)
            Counts.
        """
        return self.source.frames(self._starts(state), exposure_s, state.flux_factor)

    def i0_counts(self, exposure_s: float, n: int, state: BeamState) -> NDArray[np.float64]:
        """Count the beam in the ion chamber behind the shutter.

        Parameters
        ----------
        exposure_s : float
            Time of each count, s.
        n : int
            Number of counts.
        state : BeamState
            The beam, and when the exposures began.

        Returns
        -------
        ndarray of float64, shape (n,)
            Counts, whole numbers.
        """
        counts = self.source.i0_counts(self._starts(state), exposure_s)
        return np.rint(counts * state.flux_factor)

    def _starts(self, state: BeamState) -> NDArray[np.float64]:
        return state.starts if isinstance(state, TimedState) else self.now().starts
