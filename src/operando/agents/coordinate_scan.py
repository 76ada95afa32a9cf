"""What one does by hand: one knob at a time, a few settings each, to the bottom of a parabola."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from operando.agents.focus_config import DIRECTIONS, FocusConfig
from operando.agents.focus_scans import FocusesByScans, Step
from operando.agents.focus_window import window_for
from operando.errors import AgentError

#: First spans of a scan of bend (um) and of pitch (mrad) to either side, and their share later.
_SPANS = {"bend": 60.0, "pitch": 0.15}
_SHRINK = 0.5
#: A round must make the beam smaller by this share, or it was the last.
_WORTH = 0.02


class CoordinateScanAgent(FocusesByScans):
    """Focus mirror after mirror by scans of one knob at a time: the baseline of `FocusAgent`.

    Bend, then pitch, at `values` settings about the present one; a parabola through the squares
    of the sizes says where to go. Rounds of half the span follow until the size is small enough,
    or a round has not made it smaller by 2 %. Only the direction that the mirror acts on is
    scanned, in the same windows and with the same fits as the other agent's.

    Parameters
    ----------
    config : FocusConfig, optional
        ``acquisition``, ``model``, ``initial`` and ``drift_per_hour`` make no difference.
    values : int
        Settings of a knob in a scan, 3 or more.
    name : str
    checkpoint_path : Path, optional
    """

    def __init__(
        self,
        config: FocusConfig | None = None,
        *,
        values: int = 7,
        name: str = "coordinates",
        checkpoint_path: Path | None = None,
    ) -> None:
        super().__init__(config, name=name, checkpoint_path=checkpoint_path)
        if values < 3:
            raise AgentError(f"a parabola needs 3 values or more, not {values}")
        self._values = values

    def step(self) -> Step:
        """Say what to do next, by going through what has been scanned so far from the start."""
        if not self.present():
            first = DIRECTIONS[0]
            return self._scan(first, {}, "where it stands")
        if (again := self.again()) is not None:
            return again
        if self.scans >= self.config.most:
            return Step(self._best(), {}, f"{self.scans} scans are used up", stop=True)
        return self._replayed()

    def _replayed(self) -> Step:
        """Find the first setting of the procedure that has not been scanned yet."""
        for direction in DIRECTIONS:
            done = [
                (p.scan.setting, p.fit.fwhm)
                for p in self.present()
                if p.scan.direction == direction and p.fit.resolved
            ]
            if not done:
                return self._scan(direction, {}, "where it stands")
            step = self._mirror(direction, done)
            if step is not None:
                return step
        return Step(self.setting(), {}, "no round makes it smaller", stop=True)

    def _mirror(
        self, direction: str, done: Sequence[tuple[Mapping[str, float], float]]
    ) -> Step | None:
        """Give the next scan for a mirror; None when it is done with."""
        pitch, bend = self.config.knobs(direction)
        ranges = {pitch: self.config.pitch_mrad, bend: self.config.bend_um}
        taken = iter(done)
        setting, size = next(taken)
        here = {name: setting[name] for name in (pitch, bend)}
        spans = {pitch: _SPANS["pitch"], bend: _SPANS["bend"]}
        while size > self.config.goal_um(direction):
            before = size
            for knob in (bend, pitch):
                low, high = ranges[knob]
                values = np.linspace(
                    max(here[knob] - spans[knob], low),
                    min(here[knob] + spans[knob], high),
                    self._values,
                ).tolist()
                squares = []
                for value in values:
                    found = next(taken, None)
                    if found is None:
                        return self._scan(direction, {**here, knob: value}, f"scan of {knob}")
                    squares.append(found[1] ** 2)
                here = {**here, knob: _bottom(values, squares)}
                found = next(taken, None)
                if found is None:
                    return self._scan(direction, here, f"bottom of the scan of {knob}")
                size = found[1]
            if size > (1.0 - _WORTH) * before and spans[bend] < _SPANS["bend"]:
                return None
            spans = {knob: _SHRINK * span for knob, span in spans.items()}
        return None

    def _scan(self, direction: str, setting: dict[str, float], why: str) -> Step:
        last = self.last_present(direction)
        pitch = setting.get(self.config.knobs(direction)[0])
        window = window_for(self.config, direction, last, pitch, None)
        if last is not None and last.fit.resolved and pitch is not None:
            size = max(self.last_sizes(direction))
            window = window_for(self.config, direction, last, pitch, (size, 0.3 * size))
        return Step(setting, {direction: window}, f"{direction}: {why}")

    def last_sizes(self, direction: str) -> list[float]:
        """Give the last two sizes of a direction, um: the next one will be like them."""
        sizes = [
            p.fit.fwhm for p in self.present() if p.scan.direction == direction and p.fit.resolved
        ]
        return sizes[-2:]

    def _best(self) -> dict[str, float]:
        best: dict[str, float] = {}
        for direction in DIRECTIONS:
            known = [p for p in self.present() if p.scan.direction == direction and p.fit.resolved]
            if known:
                smallest = min(known, key=lambda p: p.fit.fwhm).scan.setting
                best |= {name: smallest[name] for name in self.config.knobs(direction)}
        return best


def _bottom(values: list[float], squares: list[float]) -> float:
    """Lowest point of a parabola through squared sizes, within what was scanned.

    Examples
    --------
    >>> round(_bottom([0.0, 1.0, 2.0, 3.0], [5.0, 2.0, 1.0, 2.0]), 3)
    2.0
    """
    x, y = np.array(values), np.array(squares)
    curvature, slope, _ = np.polyfit(x - x.mean(), y, 2, w=1.0 / y)
    if not curvature > 0 or math.isnan(curvature):
        return float(x[int(np.argmin(y))])
    return float(np.clip(x.mean() - 0.5 * slope / curvature, x.min(), x.max()))
