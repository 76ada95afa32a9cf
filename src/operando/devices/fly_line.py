"""A line of a map that is flown in one sweep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput


@dataclass(frozen=True)
class FlyLine:
    """A line to fly along x.

    Parameters
    ----------
    x_start, x_stop : float
        Position in the middle of the first and of the last exposure, um.
    y : float
        Position of the line, um.
    num : int
        Number of frames, at least 1.
    exposure : float
        Exposure of each frame, s.
    pitch : float
        Distance from one frame to the next, um; needed when there is only one.

    Examples
    --------
    >>> FlyLine(0.0, 4.0, y=6.0, num=3, exposure=0.05).x
    array([0., 2., 4.])
    """

    x_start: float
    x_stop: float
    y: float
    num: int
    exposure: float
    pitch: float = 0.0

    def __post_init__(self) -> None:
        if self.num < 1:
            raise BadInput(f"a line needs at least one frame, not {self.num}")
        if self.num > 1 and self.x_start == self.x_stop:
            raise BadInput(f"a line of {self.num} frames needs two ends, both are {self.x_start:g}")

    @property
    def x(self) -> NDArray[np.float64]:
        """Positions in the middle of the exposures, shape (num,), um."""
        return np.linspace(self.x_start, self.x_stop, self.num)

    @property
    def step(self) -> float:
        """Signed distance from one frame to the next, um."""
        return (self.x_stop - self.x_start) / (self.num - 1) if self.num > 1 else self.pitch
