"""Which plan makes the most of a time: flown, two passes, sparse or step by step, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from operando.errors import BadInput
from operando.plans.adaptive import points_in
from operando.plans.grid import MapGrid
from operando.plans.stage_time import StageTime

#: The plans by the names of the command line.
PLANS = ("two-pass", "sparse", "fly", "raster")

# What follows was found by measuring simulated sections (95 x 80 points) with the default stage and
# the shipped model, by the share of points with all nine labels right: benchmarks/budget.py; the
# table is in docs/how-to/adaptive-maps.md. Another specimen or stage moves these figures; what
# they are compared with is always worked out from the station at hand.

#: Mean dwell of a flown map from which a second look pays for its stops, s.
SECOND_LOOK_FROM_S = 0.025
#: Mean dwell of a flown map below which a sparse one tells more, s.
SPARSE_BELOW_S = 0.008
#: The same of a map that stops at every point, s.
SPARSE_BELOW_STEPPING_S = 0.100
#: Exposure of a point of a sparse map, s: the short one while less than half is measured.
SPARSE_EXPOSURES_S = (0.05, 0.1)
#: Share of points that are looked at again, and share of the dose of the first look.
REVISIT_FRACTION, FIRST_SHARE = 0.2, 0.5
#: Questions to the agent in a second pass.
ROUNDS = 4


@dataclass(frozen=True)
class Choice:
    """What to measure.

    Parameters
    ----------
    plan : str
        One of `PLANS`.
    exposure : float
        Of every point, in its first pass, s.
    n_points : int
        Points measured in the first pass.
    revisit_exposure : float
        Of the second pass, s.
    n_revisits : int
        Points of the second pass.
    seconds : float
        Time it is expected to take, s; 0 when nobody asked.
    reasons : tuple of str
        Why, a sentence each.
    """

    plan: str
    exposure: float
    n_points: int
    revisit_exposure: float = 0.0
    n_revisits: int = 0
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def dose_s(self) -> float:
        """Exposure of all points together, s."""
        return self.n_points * self.exposure + self.n_revisits * self.revisit_exposure

    def complete(self, measured: Collection[int], revisits: int) -> bool:
        """Whether so many points and revisits are all of it."""
        return len(measured) >= self.n_points and revisits >= self.n_revisits


def usual_choice(
    plan: str,
    points: int,
    dwell: float,
    *,
    first_share: float = FIRST_SHARE,
    revisit_fraction: float = REVISIT_FRACTION,
) -> Choice:
    """Spend a mean dwell by a plan.

    Parameters
    ----------
    plan : str
        One of `PLANS`.
    points : int
        Points of the map.
    dwell : float
        Exposure of the whole map over its points, s.
    first_share : float
        Share of the dose that the first of two passes spends.
    revisit_fraction : float
        Share of points that the second pass measures.

    Returns
    -------
    Choice

    Examples
    --------
    >>> choice = usual_choice("two-pass", 1000, 0.05)
    >>> choice.exposure, choice.n_revisits, choice.revisit_exposure, choice.dose_s
    (0.025, 200, 0.125, 50.0)
    >>> usual_choice("sparse", 1000, 0.05).n_points
    500
    """
    if plan == "sparse":
        chosen = min(max(round(points * dwell / SPARSE_EXPOSURES_S[1]), 1), points)
        return Choice(plan, points * dwell / chosen, chosen)
    if plan != "two-pass":
        return Choice(plan, dwell, points)
    revisits = max(round(revisit_fraction * points), 1)
    again = dwell * (1.0 - first_share) * points / revisits
    return Choice(plan, dwell * first_share, points, again, revisits)


def ways(grid: MapGrid, seconds: float, times: StageTime) -> tuple[Choice, ...]:
    """Spend a time in every way that it is long enough for, without a judgement.

    Parameters
    ----------
    grid, seconds, times
        As for `choose_plan`; at least one point must be possible.

    Returns
    -------
    tuple of Choice
        Flown, in two passes, sparse.
    """
    flown = _dwell(seconds, lambda dwell: times.fly(grid, dwell))
    made = [_sparse(grid, seconds, times)]
    if flown >= times.shortest_fly_exposure(grid):
        made.insert(0, Choice("fly", flown, grid.size, seconds=seconds))
    two_pass = _two_pass(grid, seconds, times)
    if two_pass.exposure > times.shortest_fly_exposure(grid):
        made.insert(1, two_pass)
    return tuple(made)


def choose_plan(grid: MapGrid, seconds: float, times: StageTime, *, can_fly: bool = True) -> Choice:
    """Choose plan and exposures for a map that may take a time.

    Parameters
    ----------
    grid : MapGrid
        The map.
    seconds : float
        The time it may take, s.
    times : StageTime
        How fast the station is.
    can_fly : bool
        Whether the stage can sweep while frames are taken.

    Returns
    -------
    Choice
        With the reasons.

    Raises
    ------
    BadInput
        If there is no time for anything.
    """
    if not seconds > 0:
        raise BadInput(f"a map cannot take {seconds!r} s")
    sparse = _sparse(grid, seconds, times)
    if not can_fly:
        return _without_flying(grid, seconds, times, sparse)
    dwell = _dwell(seconds, lambda dwell: times.fly(grid, dwell))
    shortest = max(SPARSE_BELOW_S, times.shortest_fly_exposure(grid))
    if dwell < shortest:
        return _because(
            sparse,
            f"sparse, {sparse.n_points} points of {1e3 * sparse.exposure:.0f} ms: flying over all "
            f"{grid.size} leaves {1e3 * max(dwell, 0.0):.1f} ms a frame, below the break-even of "
            f"{1e3 * shortest:.0f} ms",
        )
    against = _sparse_is_not_worth_it(grid, times, sparse, dwell)
    if dwell < SECOND_LOOK_FROM_S:
        return Choice(
            "fly",
            dwell,
            grid.size,
            seconds=times.fly(grid, dwell),
            reasons=(
                f"flown, {1e3 * dwell:.0f} ms a frame: below {1e3 * SECOND_LOOK_FROM_S:.0f} ms "
                "the stops of a second look cost more than it tells",
                against,
            ),
        )
    two_pass = _two_pass(grid, seconds, times)
    return _because(
        two_pass,
        f"two passes: {1e3 * two_pass.exposure:.0f} ms a frame flown, then "
        f"{two_pass.n_revisits} points again for {1e3 * two_pass.revisit_exposure:.0f} ms where "
        f"the agent is least certain; one pass would have {1e3 * dwell:.0f} ms a frame",
        against,
    )


def _without_flying(grid: MapGrid, seconds: float, times: StageTime, sparse: Choice) -> Choice:
    dwell = _dwell(seconds, lambda dwell: times.raster(grid, dwell))
    stops = times.raster(grid, 0.0)
    facts = (
        f"stopping at all {grid.size} points costs {stops:.0f} s and leaves "
        f"{1e3 * max(dwell, 0.0):.0f} ms a point; the break-even with a sparse map is at "
        f"{1e3 * SPARSE_BELOW_STEPPING_S:.0f} ms"
    )
    if dwell < SPARSE_BELOW_STEPPING_S:
        return _because(sparse, f"sparse, {sparse.n_points} points: {facts}")
    return Choice(
        "raster",
        dwell,
        grid.size,
        seconds=times.raster(grid, dwell),
        reasons=(f"step by step: {facts}, so sparse is not worth it",),
    )


def _sparse_is_not_worth_it(grid: MapGrid, times: StageTime, sparse: Choice, dwell: float) -> str:
    hop = times.hop(grid, max(sparse.n_points // 12, 1))
    return (
        f"sparse is not worth it: {sparse.n_points} points of {1e3 * sparse.exposure:.0f} ms with "
        f"{1e3 * hop:.0f} ms of moving before each, against {grid.size} of {1e3 * dwell:.0f} ms "
        f"without a stop; the break-even is at {1e3 * SPARSE_BELOW_S:.0f} ms a frame (but it costs "
        f"{100 * sparse.dose_s / (grid.size * dwell):.0f} % of the dose)"
    )


def _sparse(grid: MapGrid, seconds: float, times: StageTime) -> Choice:
    short, long = SPARSE_EXPOSURES_S
    points = points_in(grid, short, seconds, times)
    exposure = short if points < 0.5 * grid.size else long
    points = min(points_in(grid, exposure, seconds, times), grid.size)
    expected = times.scattered(grid, points, exposure, batch=max(points // 12, 1))
    if expected > 1.5 * seconds:
        raise BadInput(f"{seconds:g} s are not enough for a single point")
    return Choice("sparse", exposure, points, seconds=expected)


def _two_pass(grid: MapGrid, seconds: float, times: StageTime) -> Choice:
    def needed(dwell: float) -> float:
        choice = usual_choice("two-pass", grid.size, dwell)
        batch = max(choice.n_revisits // ROUNDS, 1)
        again = times.scattered(grid, choice.n_revisits, choice.revisit_exposure, batch)
        return times.fly(grid, choice.exposure) + again

    dwell = _dwell(seconds, needed)
    choice = usual_choice("two-pass", grid.size, max(dwell, 0.0))
    return Choice(
        choice.plan,
        choice.exposure,
        choice.n_points,
        choice.revisit_exposure,
        choice.n_revisits,
        needed(dwell),
    )


def _because(choice: Choice, *reasons: str) -> Choice:
    return replace(choice, reasons=reasons)


def _dwell(seconds: float, needed: Callable[[float], float]) -> float:
    """Find the dwell that takes a time; negative when not even none does."""
    if needed(1e-6) > seconds:
        return -1.0
    low, high = 1e-6, 1.0
    while needed(high) < seconds:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if needed(middle) < seconds else (low, middle)
    return low
