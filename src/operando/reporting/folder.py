"""Where reports of runs go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operando.confined import short_name

_JOBS = {"map": "mapping", "soc": "battery", "measure_ends": "kinetics", "watch": "kinetics"}


def report_path(folder: Path, start: Mapping[str, Any]) -> Path:
    """Say where the report of a run goes: beside the figures of its demonstration.

    Parameters
    ----------
    folder : Path
        For all reports.
    start : mapping
        Start document of the run.

    Examples
    --------
    >>> start = {"uid": "0123456789", "plan_name": "map_two_pass"}
    >>> report_path(Path("out"), start).as_posix()
    'out/mapping-01234567/report.html'
    """
    plan = str(start.get("plan_name", "run"))
    job = _JOBS.get(plan) or _JOBS.get(plan.partition("_")[0]) or re.sub(r"\W", "_", plan)
    return folder / f"{job}-{short_name(str(start.get('uid', '')))}" / "report.html"
