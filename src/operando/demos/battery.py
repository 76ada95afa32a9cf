"""``operando demo battery``: charge a cell by steps, reduce it live, explain its voltage."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bluesky import RunEngine
from rich.console import Console
from rich.table import Table

from operando.agents.regression_table import RegressionTable
from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_library import SocLibrary, library_from
from operando.agents.soc_reduction import SHELLS
from operando.agents.soc_stepper import ScheduledSteps
from operando.agents.soc_table import SocTableAgent
from operando.agents.sparse_regression import RegressionResult
from operando.battery_session import BatterySession, battery_session
from operando.demos.battery_score import score, truth_of
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import AgentError, BadInput
from operando.figures.battery import ChargePicture, draw_charge
from operando.figures.regression import draw_regression
from operando.plans.battery import soc_stepped
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_rows import with_rows
from operando.plans.soc_timetable import SocSettings
from operando.session import default_store
from operando.simulations.clock import Clock

#: The cell that the references are measured on has another seed.
_OTHER_CELL = 10_000


@dataclass(frozen=True)
class BatteryDemo:
    """Settings of the demonstration.

    Parameters
    ----------
    seed : int
        Seed of the cell and the instrument; the cell of the references has another.
    speed : float
        Simulated seconds in a real one.
    out : Path
        Directory for figures, and for the store unless `store` names another.
    store : str, optional
        Directory or address of the store.
    step : float
        Charge from one measurement to the next, share of the nominal capacity.
    rest : float
        Rest before each measurement, s.
    until : float
        Voltage that ends the charge, V.
    repeats : int
        XAFS scans of each kind at every step.
    reference_repeats : int
        The same for the references.
    """

    seed: int = 7
    speed: float = float("inf")
    out: Path = field(default_factory=lambda: Path("operando-out"))
    store: str | None = None
    step: float = 0.10
    rest: float = 600.0
    until: float = 5.0
    repeats: int = 1
    reference_repeats: int = 4

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"--seed is {self.seed}; 0 or more is needed")
        SocSettings(step=self.step, rest=self.rest, until=self.until, repeats=self.repeats)

    def charge(self) -> dict[str, Any]:
        """Return the plan's settings."""
        return {
            "step": self.step,
            "rest": self.rest,
            "until": self.until,
            "repeats": self.repeats,
            "sample": f"simulated NCM111 half-cell, seed {self.seed}",
            "seed": self.seed,
        }


class VoltageTrace:
    """A callback that keeps what the potentiostat recorded, for the figure."""

    def __init__(self) -> None:
        self._stream = ""
        self.seconds: list[float] = []
        self.volts: list[float] = []

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "descriptor" and doc["name"] == "electrochemistry":
            self._stream = doc["uid"]
        elif name == "event" and doc["descriptor"] == self._stream:
            self.seconds.append(doc["data"]["cell_stream_time"])
            self.volts.append(doc["data"]["cell_stream_voltage"])


def print_timetable(settings: BatteryDemo) -> dict[str, Any]:
    """Report how long it would take, and do nothing.

    Parameters
    ----------
    settings : BatteryDemo

    Returns
    -------
    dict
        Lines of the ``timetable``.
    """
    battery = simulated_battery_station(Clock(math.inf), settings.seed)
    lines: list[str] = []
    try:
        engine = RunEngine({}, call_returns_result=False)
        cell = battery.station.cell
        engine(
            soc_stepped(
                cell, battery.station, dry_run=True, report=lines.append, **settings.charge()
            )
        )
    finally:
        battery.driver.close()
    return {"timetable": "\n".join(lines).splitlines()}


def run_battery_demo(settings: BatteryDemo, console: Console) -> dict[str, Any]:
    """Measure references and a charge, reduce, explain, draw.

    Parameters
    ----------
    settings : BatteryDemo
    console : Console
        For progress.

    Returns
    -------
    dict
        The JSON object of ``operando demo battery``.
    """
    begin = time.perf_counter()
    store = settings.store or default_store(settings.out)
    trace = VoltageTrace()
    with battery_session(speed=settings.speed, store=store, console=console) as session:
        reference_uid, library = _measure_references(session, settings)
        directory = settings.out / f"references-{library.version}"
        directory.mkdir(parents=True, exist_ok=True)
        library.save(directory / "library.npz")
        config = SocTableConfig(library=str(directory / "library.npz"), seed=settings.seed)
        agent = SocTableAgent(config)
        uid = _measure_charge(session, settings, agent, trace)
        console.print("[dim]what explains the voltage?[/dim]")
        rows = agent.rows()
        regression = _regression(agent)
        agent.close()
    # Only now, with everything measured and reduced, is truth looked at.
    figures = settings.out / f"battery-{uid[:8]}"
    hours = np.array(trace.seconds) / 3600.0
    picture = ChargePicture(rows, config.states, hours - hours[0], np.array(trace.volts), _truth)
    console.print("[dim]drawing[/dim]")
    paths = draw_charge(picture, figures)
    if regression is not None:
        paths.append(draw_regression(regression, figures / "regression.png"))
    return {
        "uid": uid,
        "seed": settings.seed,
        "soc_steps": len(rows),
        "final_voltage": rows[-1]["v_end"],
        "final_soc": rows[-1]["soc"],
        **score(rows),
        **_explained(regression),
        "failed_steps": [row["index"] for row in rows if row["status"] != "ok"],
        "reduction_s": float(np.median([row["reduction_s"] for row in rows])),
        "reference_uid": reference_uid,
        "library": library.version,
        "store": store,
        "seconds": round(time.perf_counter() - begin, 1),
        "figures": [str(path) for path in paths],
    }


def _measure_references(session: BatterySession, settings: BatteryDemo) -> tuple[str, SocLibrary]:
    """Charge another cell through the reference states, with more scans at each."""
    states, seed = SocTableConfig().states, settings.seed + _OTHER_CELL
    agent = SocTableAgent(SocTableConfig(learn=False), name="references")
    repeats = settings.reference_repeats
    with session.cell(seed) as station:
        plan = soc_adaptive(
            station.cell,
            station,
            ScheduledSteps(states[1:], repeats),
            settings=SocSettings(rest=settings.rest, repeats=repeats),
            report=lambda text: None,
            sample=f"references: simulated NCM111 half-cell, seed {seed}",
            seed=seed,
            md={"num_points": len(states)},
        )
        uid = session.run(station, plan, agent, title="references, another cell")
    measured = agent.measurements()
    agent.close()
    return uid, library_from(measured, states, source=f"run {uid}")


def _measure_charge(
    session: BatterySession, settings: BatteryDemo, agent: SocTableAgent, trace: VoltageTrace
) -> str:
    last = SocSettings(step=settings.step).last()
    with session.cell(settings.seed) as station:
        plan = soc_stepped(
            station.cell,
            station,
            agent=agent,
            report=lambda text: None,
            md={"num_points": last + 1},
            **settings.charge(),
        )
        title = f"charge to {settings.until:g} V"
        return session.run(station, with_rows(plan, agent), agent, trace, title=title)


def _regression(agent: SocTableAgent) -> RegressionResult | None:
    try:
        return agent.regression()
    except AgentError:  # too few steps for one
        return None


def _explained(result: RegressionResult | None) -> dict[str, Any]:
    if result is None:
        return dict.fromkeys(("loo_r2_lasso", "nested_r2_lasso", "soc_only_r2"))
    table: RegressionTable = result.table
    return {
        "loo_r2_lasso": result.lasso.loo_r2,
        "nested_r2_lasso": result.lasso.nested_r2,
        "block_r2_lasso": result.lasso.block_r2,
        "loo_r2_elastic_net": result.elastic_net.loo_r2,
        "nested_r2_elastic_net": result.elastic_net.nested_r2,
        "soc_only_r2": result.baseline_r2,
        "permutation_p": result.shuffled.p_value if result.shuffled else None,
        "largest_coefficient": result.lasso.as_dict(table.names)["largest"],
    }


def _truth(row: Mapping[str, Any], name: str) -> float:
    """Give the true value of a column of a row; not a number where nothing is known."""
    truth = truth_of(row)
    if name == "d003":
        return truth.d003
    element, _, what = name.partition("_")
    if what.startswith("LCF"):
        state = SocTableConfig().states.index(float(what[3:]) / 100.0)
        return float(truth.fractions[element][state])
    shell, _, kind = what.partition("_")
    if shell not in SHELLS:
        return math.nan
    table = truth.distance if kind == "R" else truth.sigma2
    return table[element, SHELLS[shell]]


def summary_table(result: dict[str, Any]) -> Table:
    """Lay the figures out for a terminal."""
    title = f"seed {result['seed']}: {result['soc_steps']} states of charge"
    table = Table(title=title, caption=f"run {result['uid'][:8]} in {result['store']}")
    for head in ("", "found", "wanted"):
        table.add_column(head, justify="right" if head else "left")

    def number(key: str, digits: int) -> str:
        return "–" if result[key] is None else f"{result[key]:.{digits}f}"

    for label, key, digits, wanted in (
        ("last voltage under current, V", "final_voltage", 3, ""),
        ("fractions, rms error", "lcf_rms", 4, "≤ 0.02"),
        ("M–O distance, largest error, Å", "r_mo_error_angstrom", 4, "≤ 0.005"),
        ("003 spacing, largest error, Å", "d003_error_angstrom", 5, "≤ 0.002"),
        ("within two stated sigmas", "within_2_sigma", 3, "≥ 0.9"),
        ("OCV by LASSO, leave-one-out R²", "loo_r2_lasso", 4, ""),
        ("the same, nested", "nested_r2_lasso", 4, ""),
        ("OCV by the SOC alone, R²", "soc_only_r2", 4, ""),
        ("reduction of a step, s", "reduction_s", 2, "≤ 0.5"),
    ):
        table.add_row(label, number(key, digits), wanted)
    return table
