"""What a map does about a beam that is gone and a stage that is elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operando.errors import BadInput
from operando.physics.monitor import LEAST, UsualRate

Reading = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Care:
    """When a point counts as measured, and how often it is tried.

    Parameters
    ----------
    least_beam : float or None
        Share of the monitor's usual rate below which a point had no beam and is measured again;
        None does not look at the monitor.
    tries : int
        How often a point, or a move that ends elsewhere, is tried again before the run is ended.
    pause : float
        Time before it is tried again, real s.

    Raises
    ------
    BadInput
        If a number makes no sense.
    """

    least_beam: float | None = LEAST
    tries: int = 3
    pause: float = 2.0

    def __post_init__(self) -> None:
        if self.least_beam is not None and not 0.0 <= self.least_beam < 1.0:
            raise BadInput(f"least_beam must be from 0 to below 1, not {self.least_beam!r}")
        if self.tries < 0 or not 0.0 <= self.pause < math.inf:
            raise BadInput(f"{self.tries} tries after {self.pause!r} s each make no sense")


USUAL_CARE = Care()


class Lookout:
    """Judge the points of one run as they are measured.

    Parameters
    ----------
    care : Care
    exposure : float
        Of the points that come, s; to be changed when theirs does.
    step : float
        Distance of the map's points, um: half of it is how far off the stage may stand.
    """

    def __init__(self, care: Care, exposure: float = 0.0, step: float = math.inf) -> None:
        self.care, self.exposure = care, exposure
        self._near = 0.5 * step
        self._usual = UsualRate(care.least_beam or 0.0)
        #: Events of this run whose point was measured again after them.
        self.repeated = 0

    def astray(self, reading: Reading | None, targets: Mapping[str, float]) -> str:
        """Say how an axis is elsewhere; empty when all are where they should be.

        Parameters
        ----------
        reading : mapping or None
            Of the stage; None when nobody measures.
        targets : mapping of str to float
            Where its axes should be, by their names, um.
        """
        for name, target in targets.items() if reading else ():
            if name in (reading or {}):
                value = float((reading or {})[name]["value"])
                if not abs(value - target) <= self._near:
                    return f"{name} reads {value:g} um where {target:g} um was asked for"
        return ""

    def dark(self, name: str, counts: Any) -> str:
        """Say how there was no beam; empty when there was.

        Parameters
        ----------
        name : str
            The monitor's.
        counts : float or None
            In the exposure.
        """
        if self.care.least_beam is None:
            return ""
        number = math.nan if counts is None else float(counts)
        usual = self._usual.rate * self.exposure
        if self._usual.has_beam(number, self.exposure):
            return ""
        known = f", usual are {usual:.4g}" if math.isfinite(usual) else ""
        return f"no beam: {name} reads {number:g} counts in {self.exposure:g} s{known}"
