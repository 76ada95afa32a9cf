"""Single frames that cannot be right: a glitch of the beam or of its monitor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise

Floats = NDArray[np.float64]

#: A frame is odd when its areas add up to something else than in the frames before it, by so
#: many standard deviations and by such a share.
SD, SHARE = 8.0, 0.15
#: So many frames tell what is usual.
FRAMES = 9


class Glitches:
    """Judge frames one after the other.

    What the crystal loses of one phase it gains of the other, so the sum of both areas changes
    slowly if at all. A frame in which it jumps is passed over. Two in a row are no glitch:
    something has changed for good, and both the change and what follows belong to the data.

    Parameters
    ----------
    noise : AreaNoise
        Predicts how much the sum scatters.

    Examples
    --------
    >>> judge = Glitches(AreaNoise(1e-4 * np.eye(2), np.zeros((2, 2, 2))))
    >>> areas = np.tile([1.0, 0.0], (14, 1))
    >>> areas[10] *= 1.5
    >>> np.flatnonzero(~judge.good(areas, np.ones(14))).tolist()
    [10]
    """

    def __init__(self, noise: AreaNoise) -> None:
        self._noise = noise
        self._usual: list[float] = []
        self._doubted = False

    def good(self, areas: Floats, dose: Floats) -> NDArray[np.bool_]:
        """Tell which of the next frames are to be used.

        Parameters
        ----------
        areas : ndarray of float64, (n, 2)
            Of both phases.
        dose : ndarray of float64, (n,)
            In the unit of the noise model.

        Returns
        -------
        ndarray of bool, (n,)
        """
        spread = self._noise.of(np.clip(areas, 0.0, None)).sum(axis=(1, 2))
        return np.array(
            [
                self._judge(float(total), float(sd))
                for total, sd in zip(areas.sum(axis=1), np.sqrt(spread / dose), strict=True)
            ],
            dtype=bool,
        )

    def _judge(self, total: float, sd: float) -> bool:
        enough = len(self._usual) == FRAMES
        odd = enough and abs(total - float(np.median(self._usual))) > max(SD * sd, SHARE)
        passed_over, self._doubted = odd and not self._doubted, odd
        if not passed_over:
            self._usual = [*self._usual, total][-FRAMES:]
        return not passed_over
