"""What was measured, frame by frame, and its summary in bins that lose nothing that matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

Floats = NDArray[np.float64]

# Columns of a row: start, stop, then what adds up over frames.
START, STOP, COUNT, LOG_WEIGHT, WEIGHT = range(5)
STATS = slice(4, 10)
VALUES = slice(5, 10)  # w y0, w y1, w y0 y0, w y0 y1, w y1 y1
WEIGHTED = slice(5, 7)
COLUMNS = 10

_WORTH = 4  # frames that are worth merging, into two instants


@dataclass(frozen=True, eq=False)
class Bins:
    """Frames, and runs of frames merged into two instants each.

    Parameters
    ----------
    start, stop : ndarray of float64, (h,)
        Exposure, s, or one of the two instants that stand for a run of several.
    count : ndarray of float64, (h,)
        Frames that each stands for.
    stats : ndarray of float64, (h, 6)
        Sums of w, w y0, w y1, w y0 y0, w y0 y1, w y1 y1.
    log_weight : float
        Sum of log w over all frames.
    """

    start: Floats
    stop: Floats
    count: Floats
    stats: Floats
    log_weight: float

    def part(self, index: slice) -> Bins:
        """Give some of the bins; their log_weight is left out."""
        return Bins(self.start[index], self.stop[index], self.count[index], self.stats[index], 0.0)

    @property
    def frames(self) -> float:
        """Number of frames in all bins."""
        return float(self.count.sum())


class History:
    """Rows of frames in a growing array; times are kept relative to the first start."""

    def __init__(self) -> None:
        self._rows, self._total = np.zeros((256, COLUMNS)), np.zeros(COLUMNS)
        self._size = 0
        self.origin = 0.0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> Floats:
        """What is kept, (n, 10)."""
        return self._rows[: self._size]

    @property
    def first(self) -> float:
        """Begin of the first frame, s."""
        return self.origin

    @property
    def first_end(self) -> float:
        """End of the first frame, s."""
        return self.origin + float(self.rows[0, STOP])

    @property
    def last(self) -> float:
        """End of the last frame, s."""
        return self.origin + float(self.rows[-1, STOP])

    @property
    def last_exposure(self) -> float:
        """Length of the last frame, s."""
        return float(self.rows[-1, STOP] - self.rows[-1, START])

    def add(self, start: Floats, stop: Floats, values: Floats, weight: Floats) -> None:
        """Append frames: times (n,) in s, values (n, 2), weights (n,)."""
        if not self._size:
            self.origin = float(start[0])
        new = np.empty((len(start), COLUMNS))
        new[:, START], new[:, STOP] = start - self.origin, stop - self.origin
        new[:, COUNT], new[:, WEIGHT], new[:, LOG_WEIGHT] = 1.0, weight, np.log(weight)
        one, two = values.T
        new[:, VALUES] = weight[:, None] * np.stack([one, two, one**2, one * two, two**2], axis=1)
        self._append(new)

    def _append(self, new: Floats) -> None:
        while self._size + len(new) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._size : self._size + len(new)] = new
        self._total = self._total + new.sum(axis=0)
        self._size += len(new)

    def restore(self, origin: float, rows: Floats) -> None:
        """Take rows kept earlier, (n, 10)."""
        self._rows, self._total = np.zeros((256, COLUMNS)), np.zeros(COLUMNS)
        self._size, self.origin = 0, origin
        self._append(np.asarray(rows, dtype=np.float64))

    def length_since(self, index: int) -> float:
        """Time from the begin of frame `index` to the end of the last one, s."""
        return float(self.rows[-1, STOP] - self.rows[index, START])

    def whole(self) -> Bins:
        """Merge all frames, for what does not depend on α."""
        sums = self._total
        return Bins(
            start=np.array([self.first]),
            stop=np.array([self.last]),
            count=sums[[COUNT]],
            stats=sums[None, STATS],
            log_weight=float(sums[LOG_WEIGHT]),
        )

    def frames(self, since: int = 0, least: float = 0.0) -> Bins:
        """Frames from index `since` on, each its own bin unless shorter than `least` (s)."""
        start = self.rows[since:, START]
        if least == 0.0 or not len(start):
            return self._bins(since, np.arange(len(start)))
        label = np.floor((start - start[0]) / least + 1e-6)
        return self._bins(since, np.flatnonzero(np.diff(label, prepend=-1.0)))

    def aged(self, relative: float = 0.15) -> Bins:
        """Merge frames to a width that is a part of their age."""
        age = self.rows[-1, STOP] - self.rows[:, START]
        fine = age < 3.0 * self.last_exposure / relative
        label = np.where(fine, -np.arange(len(age)), 0.0)
        label[~fine] = 1.0 + np.floor(np.log(age[~fine]) / relative)
        return self._bins(0, np.flatnonzero(np.diff(label, prepend=np.inf)))

    def bins(self, low: float, high: float, width: float, relative: float = 0.06) -> Bins:
        """Merge frames for onsets between `low` and `high` (s) known to about `width` (s).

        Exact before `low`, where α is 0; nowhere wider than the larger of 0.3 `width` and
        `relative` times the time since `high`.
        """
        start, stop = self.rows[:, START], self.rows[:, STOP]
        step = max(0.3 * width, 1e-9)
        after = np.maximum(start - (high - self.origin), 0.0)
        turn = step / relative
        label = np.where(
            after > turn,
            turn / step + np.log(np.maximum(after, turn) / turn) / relative,
            after / step,
        )
        between = np.clip(start, low - self.origin, high - self.origin) - (low - self.origin)
        label = np.floor(label + between / step)
        label[stop <= low - self.origin] = -1.0
        begins = np.diff(label, prepend=-2.0) != 0.0
        size = np.diff(np.append(np.flatnonzero(begins), len(label)))
        begins |= np.repeat(size < _WORTH, size)
        return self._bins(0, np.flatnonzero(begins))

    def _bins(self, since: int, edges: NDArray[np.intp]) -> Bins:
        rows = self.rows[since:]
        if not len(rows):
            empty = np.zeros(0)
            return Bins(empty, empty, empty, np.zeros((0, 6)), 0.0)
        sums = np.add.reduceat(rows, edges, axis=0)
        single = np.diff(np.append(edges, len(rows))) == 1
        start, stop = (self.origin + rows[edges[single], column] for column in (START, STOP))
        pair = self._pairs(rows, edges, sums, ~single)
        return Bins(
            start=np.concatenate([start, pair.start]),
            stop=np.concatenate([stop, pair.stop]),
            count=np.concatenate([sums[single, COUNT], pair.count]),
            stats=np.concatenate([sums[single, STATS], pair.stats]),
            log_weight=float(sums[:, LOG_WEIGHT].sum()),
        )

    def _pairs(
        self, rows: Floats, edges: NDArray[np.intp], sums: Floats, some: NDArray[np.bool_]
    ) -> Bins:
        """Two instants for each run of several frames.

        They keep the mean and the variance of time and, of all that was measured, the sum and the
        slope: without the slope, noise that runs along the bin would scatter the log likelihood.
        """
        runs = np.diff(np.append(edges, len(rows)))
        middle, length = (rows[:, START] + rows[:, STOP]) / 2.0, rows[:, STOP] - rows[:, START]
        weight = rows[:, WEIGHT]
        mean = np.add.reduceat(weight * middle, edges) / sums[:, WEIGHT]
        apart = middle - np.repeat(mean, runs)
        spread = np.add.reduceat(weight * (apart**2 + length**2 / 12.0), edges)[some]
        slope = np.add.reduceat(rows[:, STATS] * apart[:, None], edges, axis=0)[some]
        half = np.sqrt(spread / sums[some, WEIGHT])
        stats = 0.5 * np.concatenate(
            [sums[some, STATS] + sign * slope / half[:, None] for sign in (-1.0, 1.0)]
        )
        place = self.origin + np.concatenate([mean[some] - half, mean[some] + half])
        instant = 1e-3 * np.tile(half, 2)
        count = np.tile(0.5 * sums[some, COUNT], 2)
        return Bins(place - instant, place + instant, count, stats, 0.0)


def check_frames(start: Floats, stop: Floats, areas: Floats, dose: Floats, last: float) -> None:
    """Refuse frames that make no sense; `last` is the end of the frames before, s."""
    count = len(start) if start.ndim == 1 else -1
    if stop.shape != (count,) or areas.shape != (count, 2) or dose.shape != (count,):
        raise BadInput("frames: start (n,), stop (n,), areas (n, 2) and dose (n,) are needed")
    if not all(np.isfinite(a).all() for a in (start, stop, areas, dose)):
        raise BadInput("frames: a time, area or dose is not a finite number")
    if not ((stop > start).all() and (dose > 0.0).all()):
        raise BadInput("frames: exposures and doses must be above 0")
    if count and (np.any(start[1:] < stop[:-1] - 1e-9) or start[0] < last - 1e-9):
        raise BadInput("frames: they must be in order of time and not overlap")
