"""What gas loading needs of a station, and how it is watched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from operando.errors import BadInput

#: Frames that come faster are asked for by so many seconds at once.
PORTION_S = 0.1


class KineticsStation(Protocol):
    """The roles that gas loading needs."""

    @property
    def gas(self) -> Any:
        """Can be set to "open", "closed" and "vacuum", and is readable."""
        ...

    @property
    def detector(self) -> Any:
        """Can be staged."""
        ...

    @property
    def monitor(self) -> Any:
        """Counts the incoming beam."""
        ...

    @property
    def shutter(self) -> Any:
        """Can be set to "open" and "closed"."""
        ...

    @property
    def train(self) -> Any:
        """Flies portions of frames: ``{"exposure", "num", "fresh"}``."""
        ...

    @property
    def dwell(self) -> Any:
        """Waits as many seconds as it is set to."""
        ...


@dataclass(frozen=True)
class WatchSettings:
    """How a loading is watched.

    Parameters
    ----------
    exposure : float
        Of a frame, s.
    before : int
        Frames before the valve opens.
    longest : float
        Longest record, s from the beginning of the first frame.
    dose_limit : float
        Most exposure in all, s.
    portion : int, optional
        Frames taken between two questions to the agent; unless given, 1 or as many as make
        100 ms.
    timeout : float
        Longest wait for an answer, real seconds; the detector goes on meanwhile.

    Raises
    ------
    BadInput
        If a number makes no sense.
    """

    exposure: float = 0.33205
    before: int = 21
    longest: float = 17.0
    dose_limit: float = math.inf
    portion: int | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        for name in ("exposure", "longest", "dose_limit", "timeout"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} is {getattr(self, name)!r} s; it must be above 0")
        if self.before < 1 or (self.portion is not None and self.portion < 1):
            raise BadInput("before and portion count frames: 1 or more")
        if self.before * self.exposure > min(self.longest, self.dose_limit):
            raise BadInput(
                f"{self.before} frames of {self.exposure:g} s before the valve opens are longer "
                f"than the whole record may be"
            )

    @property
    def frames(self) -> int:
        """Frames between two questions."""
        return self.portion or max(1, round(PORTION_S / self.exposure))
