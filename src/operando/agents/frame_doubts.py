"""Frames that are no measurement: without beam, empty, copied, or of an unknown place."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.physics.monitor import UsualRate

logger = logging.getLogger(__name__)

#: Fewer counts than these may come twice by chance.
TELLING_COUNTS = 500.0


class FrameDoubts:
    """Judge frames one after the other; what is doubted counts as not measured.

    A frame without beam has a pattern too, and a classifier would name a phase in it. Which
    frames are doubted depends on the documents alone, so a replay doubts the same.

    Attributes
    ----------
    passed_over : Counter
        Number of frames by what was wrong: "no beam", "no counts", "copy", "no position".
    """

    def __init__(self) -> None:
        self.passed_over: Counter[str] = Counter()
        self._usual = UsualRate()
        self._last: tuple[float, NDArray[Any]] | None = None

    def good(
        self, xy: NDArray[np.float64], counts: Sequence[Any], exposure_s: float, frames: FloatArray
    ) -> NDArray[np.bool_]:
        """Tell which of the next frames are measurements.

        Parameters
        ----------
        xy : ndarray of float64, (n, 2)
            Where the beam was, µm.
        counts : sequence
            The monitor's in each exposure; None where there is no monitor.
        exposure_s : float
            Exposure of each, s.
        frames : ndarray of float32, (n, b)
            Patterns, in counts.

        Returns
        -------
        ndarray of bool, (n,)
        """
        totals: list[float] = np.asarray(np.nansum(frames, axis=1, dtype=np.float64)).tolist()
        wrong = [
            self._doubt(place, number, exposure_s, frame, total)
            for place, number, frame, total in zip(xy, counts, frames, totals, strict=True)
        ]
        for why in filter(None, wrong):
            if not self.passed_over[why]:
                logger.warning("a frame is passed over: %s (said once)", why)
            self.passed_over[why] += 1
        return np.array([not why for why in wrong], dtype=bool)

    def _doubt(
        self,
        place: NDArray[np.float64],
        counts: Any,
        exposure_s: float,
        frame: NDArray[Any],
        total: float,
    ) -> str:
        last, self._last = self._last, (total, frame)
        if counts is not None and not self._usual.has_beam(counts, exposure_s):
            return "no beam"
        if not all(map(math.isfinite, place)):
            return "no position"
        if total <= 0.0:
            return "no counts"
        if total >= TELLING_COUNTS and last is not None and _same(last, (total, frame)):
            return "copy"
        return ""


def _same(one: tuple[float, NDArray[Any]], other: tuple[float, NDArray[Any]]) -> bool:
    """Tell whether two patterns are the same, NaN being like NaN; most differ in their sums."""
    alike = abs(one[0] - other[0]) <= 1e-6 * one[0]
    return alike and np.array_equal(one[1], other[1], equal_nan=True)
