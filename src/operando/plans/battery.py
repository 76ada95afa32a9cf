"""Charge a cell step by step, and measure it with X-rays at rest after every step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator

from operando.plans.rest import Decides, Resting
from operando.plans.soc_run import Progress, broken_limit, soc_run
from operando.plans.soc_steps import XraySide, soc_step, xray_seconds
from operando.plans.soc_timetable import SocSettings, Timetable, timetable
from operando.plans.stubs import plan, spec_of

Metadata = Mapping[str, Any]


@plan
def soc_stepped(
    cell: Any,
    detectors: XraySide,
    *,
    step: float = 0.10,
    rest: float = 600.0,
    until: float = 5.0,
    c_rate: float = 0.5,
    max_soc: float = 1.7,
    rest_slope: float | None = None,
    xrd_exposure: float = 10.0,
    repeats: int = 1,
    dose_limit: float | None = None,
    time_limit: float | None = None,
    rest_rule: Decides | None = None,
    completed: Collection[int] = (),
    ended_at: float | None = None,
    dry_run: bool = False,
    report: Callable[[str], Any] = print,
    sample: str = "",
    seed: int | None = None,
    agent: Any = None,
    md: Metadata | None = None,
) -> MsgGenerator[str | None]:
    """Charge by steps to a voltage; after each a rest, diffraction and absorption.

    Parameters
    ----------
    cell : object
        Potentiostat: settable to a technique, with the read-backs ``voltage``, ``soc``,
        ``temperature``, ``end_voltage``, ``reason`` and ``time``, and a ``stream`` to monitor.
    detectors : XraySide
        The X-ray side.
    step, rest, until, c_rate, max_soc, rest_slope, xrd_exposure, repeats, dose_limit, time_limit
        See `SocSettings`.
    rest_rule : Decides, optional
        Ends a rest when it knows where the voltage goes to, as
        `operando.agents.relaxation.RestRule` does; its decisions are the stream
        ``rest_decisions``. Rests end by time or slope without one.
    completed : collection of int
        Steps that an earlier run measured (see `completed_steps`) and this one leaves out.
    ended_at : float, optional
        Voltage at which an earlier run's charge has come to its end (see `voltage_reached`), V.
        The cell has relaxed since and would take more: it is rested and measured as it is.
    dry_run : bool
        Report the timetable and do nothing else.
    report : callable
        Given the timetable's text before anything starts.
    sample : str
        Name of the cell.
    seed : int, optional
        Seed of whatever is random about the measurement.
    agent : object, optional
        Agent that follows the run; only its description is used, for the start document.
    md : mapping, optional
        More for the start document.

    Returns
    -------
    str or None
        The run's uid; None after a dry run.

    Raises
    ------
    BadInput
        If a setting makes no sense, before anything flows.

    Notes
    -----
    Streams: ``primary`` (one event a step: state of charge, voltage before the current stopped,
    open-circuit voltage, overpotential, temperature), ``xrd``, one for each of
    ``detectors.scans``, and ``electrochemistry`` (the potentiostat's own, all the time). Every
    event but the last kind carries the step (``soc_step_...``).

    The charge of a step is absolute, so it goes on where it stood: after a pause by itself, after
    an abort or a crash when the plan is run again, as the potentiostat keeps its count. The reason
    of the stop document says what ended the run: voltage, capacity, dose or time.
    """
    settings = SocSettings(
        step,
        rest,
        until,
        c_rate,
        max_soc,
        rest_slope,
        xrd_exposure,
        repeats,
        dose_limit,
        time_limit,
    )
    now = yield from bps.rd(cell.soc)
    table = timetable(settings, float(now), xray_seconds(detectors, settings), completed)
    report(table.text())
    if dry_run:
        return None
    progress = Progress()
    start = {
        "plan_name": "soc_stepped",
        **asdict(settings),
        "timetable": table.as_dict(),
        "completed": sorted(completed),
        "ended_at": ended_at,
        "sample": sample,
        "seed": seed,
        "agent": spec_of(agent),
        "detectors": [detectors.xrd.name, *(scan.name for scan in detectors.scans.values())],
        "motors": [cell.name],
        "hints": {"dimensions": [[["soc_step_soc"], "primary"]]},
        **(md or {}),
    }
    resting = None if rest_rule is None else Resting(rest_rule)
    staged = [detectors.xrd, *detectors.scans.values(), detectors.shutter]
    steps = _steps(cell, detectors, table, progress, resting, ended_at)
    inner = bpp.stage_wrapper(steps, staged)
    return (yield from soc_run(inner, start, progress))


def _steps(
    cell: Any,
    detectors: XraySide,
    table: Timetable,
    progress: Progress,
    resting: Resting | None,
    ended_at: float | None,
) -> MsgGenerator:
    progress.began = yield from bps.rd(cell.time)
    yield from bps.abs_set(detectors.xrd.exposure, table.settings.xrd_exposure, wait=True)
    yield from bps.monitor(cell.stream, name="electrochemistry")
    for row in table.rows:
        stop = yield from broken_limit(cell, detectors, table.settings, row.seconds, progress)
        if stop:
            progress.ended = stop
            break
        reason = yield from soc_step(
            cell,
            detectors,
            table.settings,
            row.index,
            row.soc,
            progress.recorder,
            resting,
            ended_at,
        )
        if reason == "voltage":
            progress.ended = "voltage"
            break
    yield from bps.unmonitor(cell.stream)
