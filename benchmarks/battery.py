"""What the battery agents cost, and what choosing the steps saves.

Two tables: the reduction of one state of charge (three edges and a pattern) on one core, and the
integrated error of the Ni fractions and the 003 position after a charge, by fixed steps and by
chosen ones, averaged over some cells. Run with one BLAS thread, for some seeds::

    OPENBLAS_NUM_THREADS=1 python benchmarks/battery.py 1 2 3

The simulated laws have their knots every 10 % of charge, so steps of exactly 10 % meet each of
them, which no real cell would grant; steps of 9.8 % (as many measurements) do not.
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


def errors(agent: SocTableAgent, earlier: Points) -> tuple[int, float, float]:
    """Measurements, and mean error over charge of the Ni shares and of d003 over its range.

    Straight lines between the measured points (and those of the earlier cell, if given).
    """
    rows = [row for row in agent.rows() if row["status"] == "ok"]
    own = [(row["soc"], *shares(row), row["d003"]) for row in rows]
    # An earlier cell has its references by definition, and its spacing as measured.
    kept = merged(earlier, [(soc, 0.0, 0.0, 0.0) for soc, *_ in own])
    kept = [one for one in kept if all(abs(one[0] - mine[0]) > 1e-9 for mine in own)]
    borrowed = [(soc, *tent(progress), d) for soc, progress, d, _ in kept]
    table = np.array(sorted([*own, *borrowed]))
    true = np.array([[*fractions("Ni", soc), structure(soc).d003] for soc in GRID])
    found = np.column_stack([np.interp(GRID, table[:, 0], column) for column in table[:, 1:].T])
    off = np.abs(found - true).mean(axis=0)
    return len(rows), float(off[:-1].mean()), float(off[-1] / np.ptp(true[:, -1]))


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
    ways: dict[str, list[tuple[int, float, float]]] = {}
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
            ("chosen, nothing known", chosen(seed, library, (), 10), ()),
        ]
        for name, agent, known in runs:
            ways.setdefault(name, []).append(errors(agent, known))
            agent.close()
    print(f"{'mean over ' + str(len(seeds)) + ' cells':36}{'steps':>6}{'Ni shares':>11}{'d003':>9}")
    for name, found in ways.items():
        steps, ni, d003 = np.mean(np.array(found), axis=0)
        print(f"{name:36}{steps:6.1f}{ni:11.4f}{d003:9.4f}")
    print("Ni shares: mean error of a share; d003: mean error over the range of the spacing")


if __name__ == "__main__":
    main()
