"""One record of a loading: its frames, the posterior after each of them, and the time it took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_areas import AreaWeights
from operando.agents.kinetics_design import FrameDesign
from operando.agents.kinetics_documents import TimedPatterns
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_glitches import Glitches
from operando.agents.kinetics_settings import KineticsAgentConfig
from operando.agents.kinetics_summary import KineticsSummary
from operando.agents.patterns import PowderPatterns
from operando.errors import AgentError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Update:
    """What was known after a frame, or after a few that came together.

    Parameters
    ----------
    summary : KineticsSummary
    time : float
        End of the last frame, s on the record's clock.
    seconds, cpu_seconds : float
        Time that taking it in and answering took: real, and of the processor alone. They differ
        on a machine that has other work.
    """

    summary: KineticsSummary
    time: float
    seconds: float
    cpu_seconds: float


class KineticsRecord:
    """Frames of one record, taken in one by one or, when they come fast, at the engine's pace.

    How frames are put together depends on their times and on when somebody asks, never on how
    they were packed into documents: a replay that asks at the same places has the same answers.

    Parameters
    ----------
    weights : AreaWeights
    config : KineticsAgentConfig

    Attributes
    ----------
    updates : list of Update
    valve_time : float or None
        When the valve opened, s on the record's clock, which begins with the first frame.
    passed_over : list of float
        Begin of the frames that were taken for glitches, s on the record's clock.
    design : FrameDesign or None
        What proposes the next frames, if the configuration has one.
    """

    def __init__(self, weights: AreaWeights, config: KineticsAgentConfig) -> None:
        self.weights, self.config = weights, config
        self.updates: list[Update] = []
        self.valve_time: float | None = None
        self.passed_over: list[float] = []
        self._glitches = Glitches(weights.noise)
        self.design = None if config.design is None else FrameDesign(config.design, weights.noise)
        self.origin: float | None = None
        self._engine = KineticsEngine(config.kinetics, weights.noise)
        self._waiting_for_valve = False
        self._parts: list[PowderPatterns] = []
        # Start, stop (station's clock), dose, both areas; it grows by doubling.
        self._rows: Floats = np.empty((64, 5))
        self._count = 0
        self._batches: list[int] = []
        self._taken = 0

    @property
    def engine(self) -> KineticsEngine:
        """The engine, for figures."""
        return self._engine

    def put(self, frames: TimedPatterns) -> None:
        """Add frames of the record; whole batches are taken in."""
        if self.origin is None:
            self.origin = float(frames.start[0])
        areas = self.weights.areas(frames.patterns, frames.dose)
        good = self._glitches.good(areas, frames.dose)
        self.passed_over += (frames.start[~good] - self.origin).tolist()
        self._append(frames.only(good), areas[good])
        while self._taken < self._count:
            start, stop = self._rows[self._taken : self._count, :2].T
            long_enough = np.flatnonzero(stop - start[0] >= self._engine.pace)
            if not long_enough.size:
                return
            self._take(self._taken + int(long_enough[0]) + 1)

    def _append(self, frames: TimedPatterns, areas: Floats) -> None:
        new = np.column_stack([frames.start, frames.stop, frames.dose, areas])
        while self._count + len(new) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._count : self._count + len(new)] = new
        self._count += len(new)
        self._parts.append(frames.patterns)

    def open_valve(self, opened_at: float) -> None:
        """Take note of when the valve opened, seconds of the station's clock."""
        if self.origin is None:
            raise AgentError("the valve opened before the first frame: there is no record of it")
        ts = opened_at - self.origin
        if ts != self.valve_time:
            self.valve_time = ts
            self._waiting_for_valve = self.config.use_valve

    def settle(self) -> Update:
        """Take in what waits and give the last update.

        Raises
        ------
        AgentError
            If there is no frame.
        """
        if self._taken < self._count:
            self._take(self._count)
        if not self.updates:
            raise AgentError("the record has no frame yet")
        return self.updates[-1]

    def _take(self, stop: int) -> None:
        began, cpu = time.perf_counter(), time.thread_time()
        rows = self._rows[self._taken : stop]
        origin = self.origin or 0.0
        end = rows[:, 1] - origin
        known = self.valve_time is not None and end[-1] > self.valve_time
        if self._waiting_for_valve and known:
            self._begin_again(self._taken)
        self._engine.add(rows[:, 0] - origin, end, rows[:, 3:], rows[:, 2])
        self._batches.append(stop - self._taken)
        self._taken = stop
        summary = self._engine.summary(self.valve_time)
        spent, cpu = time.perf_counter() - began, time.thread_time() - cpu
        self.updates.append(Update(summary, float(end[-1]), spent, cpu))

    def _begin_again(self, count: int) -> None:
        """Have a new engine that knows when the valve opened read the frames so far."""
        kinetics = replace(self.config.kinetics, valve_time=self.valve_time, valve_prior=True)
        self._engine = KineticsEngine(kinetics, self.weights.noise)
        self._waiting_for_valve = False
        begin, end, dose, areas = (column[:count] for column in self.frames())
        self._engine.add(begin, end, areas, dose)

    def frames(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Give all frames that there are.

        Returns
        -------
        start, stop : ndarray of float64, (n,)
            s on the record's clock.
        dose : ndarray of float64, (n,)
            Counts of the monitor.
        areas : ndarray of float64, (n, 2)
            Of the empty and the loaded crystal, 1 in the end states.
        """
        rows, origin = self._rows[: self._count], self.origin or 0.0
        return rows[:, 0] - origin, rows[:, 1] - origin, rows[:, 2], rows[:, 3:]

    def patterns(self) -> NDArray[np.float32]:
        """Give the intensities of all frames, (n, b)."""
        return np.concatenate([one.intensity for one in self._parts])

    def arrays(self) -> dict[str, Any]:
        """Give frames and how they were taken in, for a checkpoint."""
        if self.origin is None:
            return {}
        opened = np.nan if self.valve_time is None else self.valve_time + self.origin
        patterns = self._parts[0]
        return {
            "record:times": self._rows[: self._count, :3].T.copy(),
            "record:intensity": self.patterns(),
            "record:sigma": np.concatenate([one.sigma for one in self._parts]),
            "record:axis": patterns.two_theta,
            "record:about": np.array([patterns.wavelength, opened]),
            "record:batches": np.array(self._batches),
        }

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Take in the frames of `arrays` as they were taken in before."""
        wavelength, opened = (float(value) for value in arrays["record:about"])
        patterns = PowderPatterns(
            arrays["record:axis"],
            wavelength,
            arrays["record:intensity"],
            arrays["record:sigma"],
        )
        start, stop, dose = arrays["record:times"]
        self.origin = float(start[0])
        self._append(TimedPatterns(start, stop, dose, patterns), self.weights.areas(patterns, dose))
        if np.isfinite(opened):
            self.open_valve(opened)
        for count in arrays["record:batches"]:
            self._take(self._taken + int(count))
