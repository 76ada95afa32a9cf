"""Exposures of the PILATUS: how short, how long, and what reading a frame out costs."""

from __future__ import annotations

from operando.devices.soft import SoftSignal
from operando.errors import LimitError

#: Time to read a frame out, s: no exposure can begin in it.
READOUT_S = 0.95e-3
#: Fastest the detector goes, frames/s.
MAX_FRAME_RATE = 300.0
#: Longest exposure of the counters (20 bits at full flux are reached much earlier), s.
MAX_EXPOSURE_S = 3600.0


class Exposure(SoftSignal):
    """Exposure of a frame, s, within what the frame rate allows."""

    def check_value(self, value: float) -> None:  # type: ignore[override]
        """Refuse an exposure the detector cannot make.

        Parameters
        ----------
        value : float
            Exposure, s.

        Raises
        ------
        LimitError
            If the frame rate would exceed 300 frames/s, or the exposure 1 h.
        """
        check_exposure(self.name, value)


def check_exposure(name: str, value: float) -> None:
    """Refuse an exposure the detector cannot make.

    Parameters
    ----------
    name : str
        Of what is set.
    value : float
        Exposure, s.

    Raises
    ------
    LimitError
        If the frame rate would exceed 300 frames/s, or the exposure 1 h.
    """
    shortest = 1.0 / MAX_FRAME_RATE - READOUT_S
    if not shortest <= value <= MAX_EXPOSURE_S:
        raise LimitError(
            f"{name} = {value:g} s is outside its range of {shortest:.6f} to "
            f"{MAX_EXPOSURE_S:g} s: with {1e3 * READOUT_S:g} ms readout the detector takes "
            f"at most {MAX_FRAME_RATE:g} frames/s"
        )
