"""A capillary with a powder in it, a gas bottle and a pump: what the valves do to the crystal."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent

#: Published onset after the first frame and rate of argon in CPL-1 (Sci. Rep. 2023,
#: 10.1038/s41598-023-40573-z), s and 1/s.
PUBLISHED_T0, PUBLISHED_RATE = 7.4461, 0.6192
#: Time constants with which the pressure rises behind the valve and falls before the pump, s.
RISE_S: Final = 0.15
PUMP_S: Final = 2.0


@dataclass(frozen=True)
class LoadingTruth:
    """How a simulated crystal takes up gas.

    Parameters
    ----------
    law : str
        Name in `operando.physics.kinetic_laws.LAWS`.
    rate : float
        k, 1/s.
    shape : float, optional
        The law's own parameter, where it has one.
    delay : float
        From the opening of the valve to the onset, s. The default makes the onset the published
        one when the valve is told to open after 21 frames of 333 ms and takes 50 ms.

    Raises
    ------
    BadInput
        If there is no such law, or a number makes no sense.
    """

    law: str = "first_order"
    rate: float = PUBLISHED_RATE
    shape: float | None = None
    delay: float = PUBLISHED_T0 - 21 * 0.333 - 0.05

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise BadInput(f"there is no law {self.law!r}; {', '.join(LAWS)} are there")
        if not (0 < self.rate < np.inf and 0 <= self.delay < np.inf):
            raise BadInput(f"rate {self.rate!r} 1/s or delay {self.delay!r} s makes no sense")
        if (self.shape is None) != (LAWS[self.law].shape is None):
            needed = "needs" if self.shape is None else "has no"
            raise BadInput(f"the law {self.law} {needed} shape parameter")


class GasLoading:
    """Pressure and extent of loading after what the valves did.

    Times are those of the station's clock, s. The crystal begins empty and evacuated. Once gas
    has come in, loading goes on whether or not the valve is closed again: the cell is full of
    gas. The pump empties the crystal at once, far faster than anybody looks.

    Parameters
    ----------
    truth : LoadingTruth, optional
    supply_kpa : float
        Pressure of the gas supply, kPa.

    Examples
    --------
    >>> gas = GasLoading(LoadingTruth(rate=1.0, delay=0.5))
    >>> gas.open(10.0)
    >>> gas.onset
    10.5
    >>> gas.extent([9.0, 10.5, 60.0], [10.0, 11.5, 61.0]).round(3).tolist()
    [0.0, 0.368, 1.0]
    """

    def __init__(self, truth: LoadingTruth | None = None, supply_kpa: float = 100.0) -> None:
        self.truth = truth or LoadingTruth()
        self.supply_kpa = supply_kpa
        self._opened: float | None = None
        self._changed, self._pressure, self._goal, self._tau = 0.0, 0.0, 0.0, RISE_S
        self._lock = threading.Lock()

    @property
    def onset(self) -> float | None:
        """When the crystal begins to load, s; None while it is evacuated."""
        return None if self._opened is None else self._opened + self.truth.delay

    def open(self, time: float) -> None:
        """Let gas in."""
        with self._lock:
            if self._opened is None:
                self._opened = time
            self._aim(time, self.supply_kpa, RISE_S)

    def close(self, time: float) -> None:
        """Close the cell: the pressure stays."""
        with self._lock:
            self._aim(time, self._at(time), RISE_S)

    def pump(self, time: float) -> None:
        """Evacuate the cell and the crystal."""
        with self._lock:
            self._opened = None
            self._aim(time, 0.0, PUMP_S)

    def pressure(self, time: float) -> float:
        """Return the pressure, kPa."""
        with self._lock:
            return self._at(time)

    def extent(
        self, start: NDArray[np.float64] | list[float], stop: NDArray[np.float64] | list[float]
    ) -> NDArray[np.float64]:
        """Average the extent of loading over exposures.

        Parameters
        ----------
        start, stop : array_like of float, (n,)
            Begin and end of each, s.

        Returns
        -------
        ndarray of float64, (n,)
            Between 0 (empty) and 1 (loaded).
        """
        begin, end = np.asarray(start, np.float64), np.asarray(stop, np.float64)
        onset = self.onset
        if onset is None:
            return np.zeros(begin.shape)
        truth = self.truth
        law = LAWS[truth.law]
        # Times from the onset: seconds since 1970 would cost digits.
        return np.asarray(
            mean_extent(law, begin - onset, end - onset, 0.0, truth.rate, truth.shape or 1.0)
        )

    def _aim(self, time: float, goal: float, tau: float) -> None:
        self._pressure, self._changed = self._at(time), time
        self._goal, self._tau = goal, tau

    def _at(self, time: float) -> float:
        since = max(time - self._changed, 0.0)
        return float(self._goal + (self._pressure - self._goal) * np.exp(-since / self._tau))
