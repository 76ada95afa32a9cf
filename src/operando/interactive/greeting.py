"""What one screen says as a session begins."""

from __future__ import annotations

import math
from typing import Any

from operando import __version__
from operando.stations.station_file import JOBS, StationFile

_BEGIN = (
    ("plans", "what can be measured", "plans   plans.map_two_pass?   plans.<Tab>"),
    ("RE", "measures it", "{example}"),
    ("agents", "what the data say", "agents.mapping.report()"),
    ("station", "devices, by job", "station.mapping.stage.x.position   %wa   %mov"),
    ("catalog", "stored runs", "catalog[-1]   %runs   %show -1   %report -1"),
)


def greeting(file: StationFile, example: str) -> str:
    """Say where one is and how to begin.

    Parameters
    ----------
    file : StationFile
    example : str
        Something to paste.

    Returns
    -------
    str
        Lines of up to 100 characters.

    Examples
    --------
    >>> from operando.stations import read_station_file
    >>> print(greeting(read_station_file("sim"), "RE()").splitlines()[2])
    store    operando-out/store
    """
    kinds: dict[str, list[str]] = {}
    for job, part in _parts(file):
        if part is not None:
            kinds.setdefault(part.kind, []).append(job)
    devices = "; ".join(f"{', '.join(jobs)}: {kind}" for kind, jobs in kinds.items())
    lines = [
        f"operando {__version__}   station {file.name}: {file.title}",
        f"devices  {devices}{_pace(file)}",
        f"store    {file.store}",
        "",
        *(f"  {name:<9}{about:<22}{how}" for name, about, how in _BEGIN),
        "",
        "Ctrl-C pauses after the point or line, twice aborts; what was measured stays stored.",
    ]
    return "\n".join(lines).format(example=example) + "\n"


def _parts(file: StationFile) -> list[tuple[str, Any]]:
    return [(job, getattr(file, job)) for job in (*JOBS, "ring")]


def _pace(file: StationFile) -> str:
    if not any(getattr(part, "kind", "") in ("simulated", "soft-ioc") for _, part in _parts(file)):
        return ""
    pace = "no waiting" if math.isinf(file.speed) else f"{file.speed:g} × real time"
    return f" (seed {file.seed}, {pace})"
