"""Whether there was beam, by what the monitor before the sample counted."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

#: So many exposures tell what is usual.
REMEMBERED = 51
#: Share of the usual rate below which an exposure had no beam.
LEAST = 0.1


class UsualRate:
    """Judge the monitor's counts, one exposure after the other.

    Parameters
    ----------
    least : float
        Share of the usual rate, the median of the last exposures with beam, below which an
        exposure had none.

    Notes
    -----
    Counts that are not a number, not finite or not above nought are no beam whatever is usual, so
    the first exposure can be judged as well.

    Examples
    --------
    >>> usual = UsualRate()
    >>> [usual.has_beam(counts, 0.1) for counts in (1000.0, 980.0, 30.0, 0.0, float("nan"))]
    [True, True, False, False, False]
    >>> usual.rate
    9900.0
    """

    def __init__(self, least: float = LEAST) -> None:
        self._least = least
        self._rates: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def rate(self) -> float:
        """The usual rate, counts/s; NaN before the first exposure with beam."""
        return median(self._rates) if self._rates else math.nan

    def has_beam(self, counts: float, exposure: float) -> bool:
        """Tell whether an exposure had beam, and remember it if so.

        Parameters
        ----------
        counts : float
            The monitor's, in the exposure.
        exposure : float
            s; where it is not known (0) any counts will do.
        """
        if not (math.isfinite(counts) and counts > 0.0):
            return False
        if exposure > 0.0:
            rate = counts / exposure
            if self._rates and rate < self._least * self.rate:
                return False
            self._rates.append(rate)
        return True
