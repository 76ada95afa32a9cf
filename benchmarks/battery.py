"""What the battery agents cost, and what choosing the steps saves.

Two tables: the reduction of one state of charge (three edges and a pattern) on one core, and the
integrated error of the Ni fractions and the 003 position after a charge, by fixed steps and by
chosen ones, averaged over some cells. Run with one BLAS thread, for some seeds::

    OPENBLAS_NUM_THREADS=1 python benchmarks/battery.py 1 2 3

The simulated laws have their knots every 10 % of charge, so steps of exactly 10 % meet each of
them, which no real cell would grant; steps of 9.8 % (as many measurements) do not.

Two ways of drawing a curve through the points, for all ways of stepping alike: straight lines, and
monotone cubics (of the progress through the references, for the shares). The last line is what
could be had at all: ten places sought with the truth in hand and no noise, so that the worse of the
two errors, over that of 9.8 % steps, is least.
"""

from __future__ import annotations

import logging
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bluesky import RunEngine
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import differential_evolution

from operando.agents.soc_config import SocStepperConfig, SocTableConfig
from operando.agents.soc_curves import merged, point_of
from operando.agents.soc_library import SocLibrary, library_from
from operando.agents.soc_reduction import StepReducer
from operando.agents.soc_stepper import ScheduledSteps, SocStepper
from operando.agents.soc_table import SocTableAgent
from operando.devices.xafs_station import BatteryStation, simulated_battery_station
from operando.plans.battery import soc_stepped
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_timetable import SocSettings
from operando.simulations.clock import Clock
from operando.simulations.ncm_specimen import fractions, structure

STATES = SocTableConfig().states
END = 1.557
GRID = np.linspace(0.0, END, 624)
#: XAFS scans of each kind at a step: as many for all ways of stepping.
REPEATS = 1
Points = Sequence[tuple[float, float, float, float]]
Floats = NDArray[np.float64]
#: Ni shares and 003 spacing on the grid, of a cell without dose.
TRUE = np.array([[*fractions("Ni", soc), structure(soc).d003] for soc in GRID])


def charge(seed: int, agent: Any, plan: Callable[[BatteryStation], Any]) -> None:
    battery = simulated_battery_station(Clock(math.inf), seed)
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    engine.subscribe(agent)
    engine(plan(battery.station))
    battery.driver.close()


def references(seed: int) -> tuple[SocLibrary, Points]:
    """Measure a library on another cell, and what that cell says of the curves."""
    agent = SocTableAgent(SocTableConfig(learn=False))

    def plan(station: BatteryStation) -> Any:
        steps = ScheduledSteps(STATES[1:], repeats=4)
        settings = SocSettings(repeats=4)
        return soc_adaptive(station.cell, station, steps, settings=settings, report=lambda _: None)

    charge(seed + 10_000, agent, plan)
    library = library_from(agent.measurements(), STATES)
    agent.use(library)
    points = [point_of(row, STATES) for row in agent.rows()]
    agent.close()
    return library, [point for point in points if point is not None]


def fixed(seed: int, library: SocLibrary, step: float) -> SocTableAgent:
    agent = SocTableAgent(library=library)
    charge(
        seed,
        agent,
        lambda station: soc_stepped(
            station.cell, station, step=step, repeats=REPEATS, report=lambda _: None
        ),
    )
    return agent


def chosen(seed: int, library: SocLibrary, earlier: Points, budget: int) -> SocTableAgent:
    config = SocStepperConfig(budget=budget, earlier=tuple(earlier), target_sd=0.05)
    agent = SocStepper(config, library=library)
    charge(
        seed,
        agent,
        lambda station: soc_adaptive(
            station.cell,
            station,
            agent,
            settings=SocSettings(repeats=REPEATS),
            report=lambda _: None,
        ),
    )
    return agent


def errors(agent: SocTableAgent, earlier: Points) -> tuple[float, ...]:
    """Measurements, and mean errors over charge: see `off`."""
    rows = [row for row in agent.rows() if row["status"] == "ok"]
    own = [point for point in (point_of(row, STATES) for row in rows) if point is not None]
    measured = {row["soc"]: shares(row) for row in rows}
    table = merged(earlier, own)
    # An earlier cell has its references by definition.
    known = np.array([measured.get(soc, tent(progress)) for soc, progress, *_ in table])
    return len(rows), *off(table[:, 0], known, table[:, 1], table[:, 2])


def off(soc: Floats, share: Floats, progress: Floats, d003: Floats) -> tuple[float, ...]:
    """Mean errors of the Ni shares and of d003 (over its range), straight and smooth."""
    smooth = np.array([tent(x) for x in cubic(soc, progress)])
    return (
        *by_lines(soc, share, d003),
        float(np.abs(smooth - TRUE[:, :-1]).mean()),
        float(np.abs(cubic(soc, d003) - TRUE[:, -1]).mean() / np.ptp(TRUE[:, -1])),
    )


def by_lines(soc: Floats, share: Floats, d003: Floats) -> tuple[float, float]:
    straight = np.column_stack([np.interp(GRID, soc, column) for column in share.T])
    spacing = np.abs(np.interp(GRID, soc, d003) - TRUE[:, -1]).mean()
    return float(np.abs(straight - TRUE[:, :-1]).mean()), float(spacing / np.ptp(TRUE[:, -1]))


def cubic(soc: Floats, values: Floats) -> Floats:
    return np.asarray(PchipInterpolator(soc, values)(np.clip(GRID, soc[0], soc[-1])))


def best_places(number: int, reference: Sequence[float]) -> tuple[float, ...]:
    """Errors of the best places, by straight lines, with the earlier cell's states for nothing."""

    def at(places: Floats) -> tuple[Floats, Floats]:
        soc = np.unique(np.concatenate([[0.0, END], places, STATES]).round(4))
        return soc, np.column_stack([np.interp(soc, GRID, column) for column in TRUE.T])

    def worse(places: Floats) -> float:
        soc, true = at(places)
        ni, d003 = by_lines(soc, true[:, :-1], true[:, -1])
        return max(ni / reference[0], d003 / reference[1])

    inside = [(0.01, END - 0.01)] * (number - 2)
    best = differential_evolution(
        worse, inside, maxiter=350, popsize=8, recombination=0.9, tol=1e-6, seed=0, polish=False
    )
    soc, true = at(best.x)
    return number, *off(soc, true[:, :-1], true[:, :-1] @ np.arange(len(STATES)), true[:, -1])


def shares(row: dict[str, Any]) -> list[float]:
    return [row[f"Ni_LCF{100 * soc:.0f}"] for soc in STATES]


def tent(progress: float) -> list[float]:
    return [max(0.0, 1.0 - abs(progress - k)) for k in range(len(STATES))]


def time_of_a_step(agent: SocTableAgent, library: SocLibrary) -> None:
    reducer, seconds = StepReducer(library), []
    for measurement in agent.measurements():
        begin = time.perf_counter()
        edges, _ = reducer.edges_of(measurement)
        reducer.reflection(measurement, edges)
        seconds.append(time.perf_counter() - begin)
    print(
        f"reduction of one state of charge (three edges, one pattern): median "
        f"{statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s; 0.5 s is the limit\n"
    )


def main() -> None:
    logging.disable(logging.WARNING)
    seeds = [int(word) for word in sys.argv[1:]] or [1, 2, 3]
    ways: dict[str, list[tuple[float, ...]]] = {}
    for seed in seeds:
        library, earlier = references(seed)
        fixed_10, fixed_98 = fixed(seed, library, 0.10), fixed(seed, library, 0.098)
        if seed == seeds[0]:
            time_of_a_step(fixed_10, library)
        runs: list[tuple[str, SocTableAgent, Points]] = [
            ("fixed 10 %", fixed_10, ()),
            ("fixed 9.8 %", fixed_98, ()),
            ("fixed 9.8 %, and the earlier cell", fixed_98, earlier),
            ("chosen, and the earlier cell", chosen(seed, library, earlier, 10), earlier),
            ("the same, two more", chosen(seed, library, earlier, 12), earlier),
            ("chosen, nothing known", chosen(seed, library, (), 12), ()),
        ]
        for name, agent, known in runs:
            ways.setdefault(name, []).append(errors(agent, known))
            agent.close()
    means = {name: np.mean(np.array(found), axis=0) for name, found in ways.items()}
    means["ten best places, seen afterwards"] = np.array(best_places(10, means["fixed 9.8 %"][1:3]))
    print(f"{'mean over ' + str(len(seeds)) + ' cells':36}{'':6}{'straight':>16}{'smooth':>16}")
    print(f"{'':36}{'steps':>6}{'Ni':>8}{'d003':>8}{'Ni':>8}{'d003':>8}")
    for name, mean in means.items():
        print(f"{name:36}{mean[0]:6.1f}" + "".join(f"{error:8.4f}" for error in mean[1:]))
    print("Ni: mean error of a share; d003: mean error over the range of the spacing")


if __name__ == "__main__":
    main()
