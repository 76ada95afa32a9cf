"""What a row of the table is, and how ours and a peer's take turns."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What was asked for on the command line.

    Parameters
    ----------
    repeats : int
        Rounds of ours and the peer's by turns; the table has medians.
    full : bool
        Take what is expensive in its full size; the remark says what was run.
    """

    repeats: int = 5
    full: bool = False


@dataclass(frozen=True)
class Row:
    """One comparison.

    Parameters
    ----------
    what : str
        What was measured.
    peer : str
        Whom with, or the limit.
    unit : str
        Of both figures.
    ours, theirs : float or None
        Medians; None where there is none.
    ratio : float or None
        How many times better ours is: above 1 is faster, smaller, or more right.
    low, high : float or None
        Range of the ratio over the rounds.
    repeats : int
        How many rounds.
    remark : str
        What one must know to read the figures.
    status : str
        ``measured``, ``not installed`` (the peer), ``not run``, ``no data`` or ``failed``.
    """

    what: str
    peer: str
    unit: str = ""
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    repeats: int = 0
    remark: str = ""
    status: str = "measured"


def compared(
    what: str,
    peer: str,
    unit: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    more_is_better: bool = False,
    remark: str = "",
) -> Row:
    """Make a row of rounds in turns: ratios are of the same round, so that load cancels.

    Examples
    --------
    >>> row = compared("sorting", "other", "s", [1.0, 2.0, 1.0], [4.0, 8.0, 3.0])
    >>> row.ours, row.theirs, row.ratio, row.low, row.repeats
    (1.0, 4.0, 4.0, 3.0, 3)
    """
    pairs = list(zip(ours, theirs, strict=True))
    ratios = [_over(o, t) if more_is_better else _over(t, o) for o, t in pairs]
    return Row(
        what,
        peer,
        unit,
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        len(pairs),
        remark,
    )


def _over(value: float, other: float) -> float:
    return value / other if other else float("inf")


def absent(what: str, peer: str, how: str, **ours: object) -> Row:
    """Make a row that says the peer is not installed, and how it would be had.

    `ours` may hold the fields of a row that are known nevertheless (``ours``, ``unit``).
    """
    return Row(what, peer, remark=how, status="not installed", **ours)  # type: ignore[arg-type]


def by_turns(calls: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take what each call gives (s, or whatever it measures), one after another, round by round.

    A first round is not counted: it fills caches.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            value = call()
            if turn:
                found[name].append(value)
                progress(f"  round {turn}, {name}: {value:.4g}")
    return found


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """Give a call that returns the seconds the other one took."""

    def seconds() -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return seconds


def progress(text: str) -> None:
    """Say on stderr how far the table is."""
    print(text, file=sys.stderr, flush=True)
