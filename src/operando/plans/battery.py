"""Charge a cell step by step, and measure it with X-rays at rest after every step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import FailedStatus, MsgGenerator, RunEngineControlException

from operando.plans.soc_record import SocRecorder
from operando.plans.soc_steps import XraySide, soc_step, xray_seconds
from operando.plans.soc_timetable import SocSettings, Timetable, timetable
from operando.plans.stubs import plan

Metadata = Mapping[str, Any]


@dataclass
class _Progress:
    """Where a run stands."""

    began: float = 0.0
    ended: str = "capacity"
    recorder: SocRecorder = field(default_factory=SocRecorder)


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
    completed: Collection[int] = (),
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
    completed : collection of int
        Steps that an earlier run measured (see `completed_steps`) and this one leaves out.
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
    progress = _Progress()
    start = {
        "plan_name": "soc_stepped",
        **asdict(settings),
        "timetable": table.as_dict(),
        "completed": sorted(completed),
        "sample": sample,
        "seed": seed,
        "agent": dict(agent.spec()) if hasattr(agent, "spec") else None,
        "detectors": [detectors.xrd.name, *(scan.name for scan in detectors.scans.values())],
        "motors": [cell.name],
        "hints": {"dimensions": [[["soc_step_soc"], "primary"]]},
        **(md or {}),
    }
    staged = [detectors.xrd, *detectors.scans.values(), detectors.shutter]
    inner = bpp.stage_wrapper(_steps(cell, detectors, table, progress), staged)
    return (yield from _one_run(inner, start, progress))


def _steps(cell: Any, detectors: XraySide, table: Timetable, progress: _Progress) -> MsgGenerator:
    progress.began = yield from bps.rd(cell.time)
    yield from bps.abs_set(detectors.xrd.exposure, table.settings.xrd_exposure, wait=True)
    yield from bps.monitor(cell.stream, name="electrochemistry")
    for row in table.rows:
        stop = yield from _limit(cell, detectors, table.settings, row.seconds, progress)
        if stop:
            progress.ended = stop
            break
        reason = yield from soc_step(
            cell, detectors, table.settings, row.index, row.soc, progress.recorder
        )
        if reason == "voltage":
            progress.ended = "voltage"
            break
    yield from bps.unmonitor(cell.stream)


def _limit(
    cell: Any, detectors: XraySide, settings: SocSettings, seconds: float, progress: _Progress
) -> MsgGenerator[str]:
    """Name the limit that the next step would break, if any."""
    if settings.dose_limit is not None:
        dose = yield from bps.rd(detectors.dose)
        more = detectors.dose.rate * xray_seconds(detectors, settings)
        if dose + more > settings.dose_limit:
            return "dose"
    if settings.time_limit is not None:
        now = yield from bps.rd(cell.time)
        if now - progress.began + seconds > 3600.0 * settings.time_limit:
            return "time"
    return ""


def _one_run(inner: MsgGenerator, md: Metadata, progress: _Progress) -> MsgGenerator[str]:
    """Enclose in a run whose stop document says what ended it."""
    uid: str = yield from bps.open_run(dict(md))

    def fail(error: Exception) -> MsgGenerator:
        if isinstance(error, RunEngineControlException):
            yield from bps.null()  # the RunEngine knows the reason that was given to it
            return
        cause = error.__cause__ if isinstance(error, FailedStatus) else None
        told = error if cause is None else cause
        reason = f"{type(told).__name__}: {told}"
        yield from bps.close_run(exit_status="fail", reason=reason)

    def close() -> MsgGenerator:
        yield from bps.close_run(exit_status="success", reason=f"ended by {progress.ended}")

    yield from bpp.contingency_wrapper(inner, except_plan=fail, else_plan=close)
    return uid
