"""How fast a voltage changes, from the readings of the last minute."""

from __future__ import annotations

import math
from collections import deque

#: Readings of this long are looked at, s.
WINDOW_S = 60.0


class VoltageSlope:
    """Slope of a noisy voltage: the difference of two means, half a window apart.

    Examples
    --------
    >>> slope = VoltageSlope()
    >>> for second in range(70):
    ...     slope.add(float(second), 4.0 - 1e-4 * second)
    >>> round(slope.value(), 9)
    -0.0001
    """

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float]] = deque()

    def clear(self) -> None:
        """Forget all readings."""
        self._readings.clear()

    def add(self, time: float, voltage: float) -> None:
        """Take a reading.

        Parameters
        ----------
        time : float
            s.
        voltage : float
            V.
        """
        self._readings.append((time, voltage))
        while self._readings[0][0] < time - WINDOW_S:
            self._readings.popleft()

    def value(self) -> float:
        """Return dV/dt, V/s; NaN before readings span half the window."""
        readings = list(self._readings)
        if len(readings) < 4 or readings[-1][0] - readings[0][0] < 0.5 * WINDOW_S:
            return math.nan
        half = len(readings) // 2
        (t0, v0), (t1, v1) = (
            [sum(column) / half for column in zip(*part, strict=True)]
            for part in (readings[:half], readings[-half:])
        )
        return float((v1 - v0) / (t1 - t0))
