"""What runs that charge a cell by steps have in common: limits, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator, RunEngineControlException

from operando.plans.soc_record import SocRecorder
from operando.plans.soc_steps import XraySide, xray_seconds
from operando.plans.soc_timetable import SocSettings
from operando.plans.stubs import why_failed
from operando.plans.time_limits import with_limits


@dataclass
class Progress:
    """Where a run stands.

    Parameters
    ----------
    began : float
        Time of the potentiostat at the beginning, s.
    ended : str
        What ended the charge: voltage, capacity, dose, time, or the agent's reason.
    recorder : SocRecorder
        Has the step that is being measured.
    """

    began: float = 0.0
    ended: str = "capacity"
    recorder: SocRecorder = field(default_factory=SocRecorder)


def broken_limit(
    cell: Any, detectors: XraySide, settings: SocSettings, seconds: float, progress: Progress
) -> MsgGenerator[str]:
    """Name the limit that the next step would break, if any.

    Parameters
    ----------
    cell, detectors : object
        See `soc_step`.
    settings : SocSettings
        Has the limits.
    seconds : float
        How long the next step may take, s.
    progress : Progress
        Has the beginning.

    Returns
    -------
    str
        "dose", "time" or "".
    """
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


def soc_run(inner: MsgGenerator, md: Mapping[str, Any], progress: Progress) -> MsgGenerator[str]:
    """Enclose in a run whose stop document says what ended it.

    Parameters
    ----------
    inner : generator
        What happens in the run.
    md : mapping
        For the start document.
    progress : Progress
        Has what ended it.

    Returns
    -------
    str
        The run's uid.
    """
    uid: str = yield from bps.open_run(dict(md))

    def fail(error: Exception) -> MsgGenerator:
        if isinstance(error, RunEngineControlException):
            yield from bps.null()  # the RunEngine knows the reason that was given to it
            return
        yield from bps.close_run(exit_status="fail", reason=why_failed(error))

    def close() -> MsgGenerator:
        yield from bps.close_run(exit_status="success", reason=f"ended by {progress.ended}")

    yield from bpp.contingency_wrapper(with_limits(inner), except_plan=fail, else_plan=close)
    return uid
