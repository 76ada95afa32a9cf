"""Scans in a file of plain arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.beam_profile import KnifeScan
from operando.agents.npz_file import write_arrays
from operando.errors import BadInput


def write_scans(
    path: Path, spec: Mapping[str, Any], scans: Sequence[KnifeScan], began: int
) -> None:
    """Write an agent's scans; `began` of them are of earlier runs."""
    about = {
        "spec": dict(spec),
        "began": began,
        "scans": [
            {
                "direction": scan.direction,
                "points": len(scan.position),
                "setting": dict(scan.setting),
                "time": scan.time,
            }
            for scan in scans
        ],
    }
    columns = {
        key: np.concatenate([getattr(scan, key) for scan in scans] or [np.zeros(0)])
        for key in ("position", "diode", "i0")
    }
    write_arrays(path, about=np.array(json.dumps(about)), **columns)


def read_scans(path: Path) -> tuple[dict[str, Any], list[KnifeScan], int]:
    """Read what `write_scans` wrote: the agent's spec, its scans, and how many are older.

    Raises
    ------
    BadInput
        If it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        about = json.loads(str(arrays["about"]))
        scans, first = [], 0
        for one in about["scans"]:
            part = slice(first, first := first + int(one["points"]))
            scans.append(
                KnifeScan(
                    one["direction"],
                    arrays["position"][part],
                    arrays["diode"][part],
                    arrays["i0"][part],
                    one["setting"],
                    float(one["time"]),
                )
            )
        return about["spec"], scans, int(about["began"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: not a checkpoint of scans ({error})") from None
