"""The mapping agent's state as a file of plain arrays: data, never code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.map_state import MapGrid, MapMemory
from operando.agents.npz_file import read_arrays, refusing, write_arrays
from operando.errors import BadInput


@dataclass
class AgentState:
    """What a mapping agent has to remember besides its settings.

    Parameters
    ----------
    memory : MapMemory
    suggested : set of int
        Points that have been suggested.
    next_id : int
        Number of suggestions made.
    runs : list of str
        Uids of the runs that the map was measured in.
    """

    memory: MapMemory
    suggested: set[int]
    next_id: int
    runs: list[str] = field(default_factory=list)


def write_checkpoint(path: Path, spec: Mapping[str, Any], state: AgentState) -> None:
    """Write an npz file that :func:`read_checkpoint` understands.

    Parameters
    ----------
    path : Path
        Replaced as a whole, so that a process that dies here leaves the old file.
    spec : mapping
        What a start document says of the agent.
    state : AgentState
    """
    memory = state.memory
    header = {
        "spec": dict(spec),
        "grid": asdict(memory.grid),
        "next_id": state.next_id,
        "runs": state.runs,
    }
    write_arrays(
        path,
        header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        two_theta=memory.two_theta,
        wavelength=np.array(memory.wavelength),
        intensity=memory.intensity,
        variance=memory.variance,
        exposure_s=memory.exposure_s,
        visits=memory.visits,
        suggested=np.array(sorted(state.suggested), dtype=np.int64),
    )


def read_checkpoint(path: Path) -> tuple[dict[str, Any], AgentState]:
    """Read what :func:`write_checkpoint` wrote: the agent's description and its state.

    Raises
    ------
    BadInput
        If the file is absent or no checkpoint of a mapping agent.
    """
    with refusing(path, "checkpoint of a mapping agent"):
        arrays = read_arrays(path)
        header = json.loads(arrays["header"].tobytes().decode())
        grid = MapGrid(**{key: tuple(value) for key, value in header["grid"].items()})
        two_theta = arrays["two_theta"]
        for name in ("intensity", "variance"):
            if two_theta.ndim != 1 or arrays[name].shape != (grid.size, two_theta.size):
                raise BadInput(f"{name} has the shape {arrays[name].shape}, which is no such map's")
        memory = MapMemory(grid, two_theta, float(arrays["wavelength"]))
        for name in ("intensity", "variance", "exposure_s", "visits"):
            getattr(memory, name)[:] = arrays[name]
        memory.mark_changed()
        suggested = {int(point) for point in arrays["suggested"]}
        runs = [str(uid) for uid in header.get("runs", [])]
        spec = dict(header["spec"])
        return spec, AgentState(memory, suggested, int(header["next_id"]), runs)
