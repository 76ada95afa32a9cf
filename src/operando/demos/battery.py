"""``operando demo battery``: charge a cell by steps, reduce it live, explain its voltage."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bluesky import RunEngine
from rich.console import Console
from rich.table import Table

from operando.agents.regression_table import RegressionTable
from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_library import state_name
from operando.agents.soc_reduction import SHELLS
from operando.agents.soc_table import SocTableAgent
from operando.agents.sparse_regression import RegressionResult
from operando.battery_session import battery_session
from operando.confined import short_name
from operando.demos.battery_runs import (
    VoltageTrace,
    charging_agent,
    measure_charge,
    measure_references,
    read_earlier,
)
from operando.demos.battery_score import score, truth_of
from operando.demos.battery_settings import BatteryDemo
from operando.demos.following import followed
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import AgentError
from operando.figures.battery import ChargePicture, draw_charge
from operando.figures.regression import draw_regression
from operando.plans.battery import soc_stepped
from operando.replaying.references import rebuild_with_references
from operando.session import default_store
from operando.simulations.clock import Clock


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
        engine(
            soc_stepped(
                battery.station.cell,
                battery.station,
                step=settings.step,
                rest=settings.rest,
                until=settings.until,
                repeats=settings.repeats,
                dry_run=True,
                report=lines.append,
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
    with (
        battery_session(
            speed=settings.speed, store=store, station=settings.station, console=console
        ) as session,
        followed(session, settings.out, live=settings.live),
    ):
        earlier = read_earlier(session, settings.resume, trace) if settings.resume else None
        if earlier:
            settings = settings.of_run(earlier.start)
            reference_uid = str(earlier.start.get("references", ""))
            agent = rebuild_with_references(
                earlier.start["agent"], earlier.start, session.store.documents
            )
        else:
            reference_uid, library, points = measure_references(session, settings)
            agent = charging_agent(settings, library, points)
        uid = measure_charge(session, settings, agent, trace, reference_uid, earlier)
        console.print("[dim]what explains the voltage?[/dim]")
        rows, version = agent.rows(), agent.spec()["model_version"]
        regression = _regression(agent)
        agent.close()
    # Only now, with everything measured and reduced, is truth looked at.
    figures = settings.out / f"battery-{short_name(uid)}"
    hours = np.array(trace.seconds) / 3600.0
    picture = ChargePicture(rows, agent.config.states, hours, np.array(trace.volts), _truth)
    console.print("[dim]drawing[/dim]")
    paths = draw_charge(picture, figures)
    if regression is not None:
        paths.append(draw_regression(regression, figures / "regression.png", "V"))
    return {
        "uid": uid,
        "seed": settings.seed,
        "plan": settings.plan,
        "soc_steps": len(rows),
        "final_voltage": rows[-1]["v_end"],
        "final_soc": rows[-1]["soc"],
        **score(rows),
        **_explained(regression),
        "rested_s": float(sum(row["rested"] for row in rows)),
        "charge_hours": float(hours[-1]),
        "lcf_sd_ni": _largest_sd(rows),
        "failed_steps": [row["index"] for row in rows if row["status"] != "ok"],
        "reduction_s": float(np.median([row["reduction_s"] for row in rows])),
        "reference_uid": reference_uid,
        "library": version,
        "resumes": settings.resume,
        "store": store,
        "report": session.report_of(uid),
        "seconds": round(time.perf_counter() - begin, 1),
        "figures": [str(path) for path in paths],
    }


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


def _largest_sd(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the largest stated error of a Ni fraction that is there at all."""
    names = [f"Ni_LCF{state_name(soc)}" for soc in SocTableConfig().states]
    found = [row[f"{name}_sd"] for row in rows for name in names if row[name] > 0.0]
    return max(found, default=math.nan)


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
