"""Frames through the whole loop: exposed, stored, reduced, labelled, in the map.

Run ``python benchmarks/frames.py [--rate N] [--seconds S]``; ``python -m benchmarks --only frames``
has the rows of the table. The plan is `map_fly` on the simulated station, with the RunEngine, the
embedded store and the mapping agent of a session. Frames come from a ring that is drawn before, and
the detector hands out a line of 80 of them when the time has come: what is late waits there, as in
a detector's buffer, and counts as backlog until it has its label. The frames are those of 50 ms;
at 300 a second a real one has 2.4 ms, and fewer counts that are easier to compress.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bluesky import RunEngine
from numpy.typing import NDArray

from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier, PhaseLabels
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.devices import simulated_mapping_station
from operando.devices.exposure import MAX_FRAME_RATE, READOUT_S
from operando.physics.geometry import DetectorGeometry
from operando.plans import map_fly
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from operando.store import Store, open_store
from operando.turns import short_turns

SEED = 7
LINE = 80  # frames of a line
RING = 6 * LINE
STEP_UM = 2.0
LATEST = 1.0  # s; a rate holds if nothing is later than that


class Ring:
    """A source of frames that were drawn before, at a rate.

    Parameters
    ----------
    frames : ndarray of int32, (n, rows, columns)
        Taken again and again, a line at a time.
    mask : ndarray of int64
        The detector's bad pixels.
    rate : float
        Frames a second of the clock on the wall; infinity gives them as they are asked for.
    """

    def __init__(self, frames: NDArray[np.int32], mask: NDArray[np.int64], rate: float) -> None:
        self._frames, self._mask, self.rate = frames, mask, rate
        self.began = 0.0
        self.given: list[tuple[float, int]] = []  # when, and how many had been due

    def frames(self, x_um: Any, y_um: Any, exposure_s: float, **rest: Any) -> NDArray[np.int32]:
        """Give the next frames when the last of them is due, (n, rows, columns)."""
        self.began = self.began or time.perf_counter()
        before = self.given[-1][1] if self.given else 0
        count = before + len(x_um)
        time.sleep(max(self.began + count / self.rate - time.perf_counter(), 0.0))
        self.given.append((time.perf_counter(), count))
        first = before % len(self._frames)
        return self._frames[first : first + len(x_um)]

    def due(self, when: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many frames a detector that waits for nobody has exposed."""
        times, counts = np.array(self.given).T
        if math.isinf(self.rate):  # as many as were asked for
            exposed = np.concatenate([[0], counts])[np.searchsorted(times, when)]
        else:
            exposed = np.minimum(np.floor((when - self.began) * self.rate), counts[-1])
        return np.asarray(exposed, dtype=np.int64)

    def late(self) -> float:
        """Longest that a line was waiting to be asked for, s."""
        return max(at - self.began - count / self.rate for at, count in self.given)

    def i0_counts(self, exposure_s: float, n: int) -> NDArray[np.float64]:
        """Give a million counts, n times."""
        return np.full(n, 1e6)

    def mask(self) -> NDArray[np.int64]:
        """Give the bad pixels."""
        return self._mask


class Watched(PhaseClassifier):
    """A classifier that says when it was done with how many."""

    done: list[tuple[float, int]]

    @classmethod
    def new(cls) -> Watched:
        """Load the one that comes with the package."""
        classifier: Watched = cls.shipped()  # type: ignore[assignment]
        object.__setattr__(classifier, "done", [])
        return classifier

    def classify(self, patterns: PowderPatterns) -> PhaseLabels:
        """Label as ever."""
        labels = super().classify(patterns)
        self.done.append((time.perf_counter(), len(patterns)))
        return labels


@dataclass(frozen=True)
class Flown:
    """What came of a map.

    Parameters
    ----------
    frames : int
    exposed : float
        Until the last frame was handed out, s.
    seconds : float
        From the first exposure to the answer for the whole map, s.
    processor : float
        Of all threads, s.
    high_water : int
        Most frames that were exposed and had no label yet.
    late : float
        Longest that a line waited in the detector, s.
    stored_after : float
        From the last frame until the run was whole in Tiled, s.
    """

    frames: int
    exposed: float
    seconds: float
    processor: float
    high_water: int
    late: float
    stored_after: float

    @property
    def rate(self) -> float:
        """Frames in the map by the second."""
        return self.frames / self.seconds

    @property
    def holds(self) -> bool:
        """Whether the loop kept up: no line waited, and the map was there when the last one was."""
        return self.late < LATEST and self.seconds - self.exposed < LATEST

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.rate:,.0f} frames/s, {1e3 * self.processor / self.frames:.2f} ms of processor "
            f"a frame; backlog at most {self.high_water} frames, a line waited at most "
            f"{self.late:.2f} s; whole in Tiled {self.stored_after:.1f} s after the last"
        )


def draw() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    beamline = MapBeamline(CorrodedSteel(SEED), DetectorGeometry(), SEED)
    rows, columns = np.divmod(np.arange(2000, 2000 + RING), LINE)
    frames = beamline.frames(STEP_UM * columns, STEP_UM * rows, 0.05)
    return np.ascontiguousarray(frames, dtype=np.int32), beamline.mask()


def fly(store: Store, ring: Ring, frames: int) -> Flown:
    """Fly a map and wait for its answer."""
    station = simulated_mapping_station(ring, Clock(math.inf), store.frames_dir, DetectorGeometry())
    classifier = Watched.new()
    agent = PhaseMappingAgent(classifier=classifier)
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(store.writer())
    engine.subscribe(agent)
    exposure = 1.0 / MAX_FRAME_RATE - READOUT_S + 1e-9
    worked = time.process_time()
    shape = (frames // LINE, LINE)
    engine(map_fly(station, shape=shape, step=STEP_UM, exposure=exposure, agent=agent))
    answer = agent.answer()
    ended, worked = time.perf_counter(), time.process_time() - worked
    assert answer.measured.all()
    agent.close()
    store.sync()
    synced = time.perf_counter()
    when = np.array([at for at, _ in classifier.done])
    labelled = np.cumsum([n for _, n in classifier.done])
    # Just before each batch of labels is where the backlog is highest.
    behind = ring.due(when) - np.concatenate([[0], labelled[:-1]])
    return Flown(
        frames,
        ring.given[-1][0] - ring.began,
        ended - ring.began,
        worked,
        int(behind.max()),
        ring.late(),
        synced - ring.given[-1][0],
    )


@contextmanager
def loop() -> Iterator[Callable[..., Flown]]:
    """Give a call ``(rate, frames) -> Flown`` with a store and a ring behind it, warmed up."""
    short_turns()  # as the command does
    frames, mask = draw()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:

        def flown(rate: float, number: int) -> Flown:
            return fly(store, Ring(frames, mask, rate), max(number // LINE, 1) * LINE)

        flown(math.inf, 10 * LINE)
        yield flown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=math.inf, help="frames/s; all at once if not")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--frames", type=int, default=4800, help="how many without --rate")
    options = parser.parse_args()
    number = options.frames if math.isinf(options.rate) else int(options.rate * options.seconds)
    with loop() as fly_map:
        print(fly_map(options.rate, number))


if __name__ == "__main__":
    main()
