"""Scans in a file of plain arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.beam_profile import KnifeScan
from operando.agents.document_values import number, whole
from operando.agents.npz_file import read_arrays, refusing, write_arrays


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
    with refusing(path, "checkpoint of scans"):
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        scans, first = [], 0
        for one in about["scans"]:
            part = slice(first, first := first + whole(one, "points"))
            scans.append(
                KnifeScan(
                    one["direction"],
                    arrays["position"][part],
                    arrays["diode"][part],
                    arrays["i0"][part],
                    {key: number(one["setting"], key) for key in one["setting"]},
                    number(one, "time"),
                )
            )
        return dict(about["spec"]), scans, whole(about, "began")
