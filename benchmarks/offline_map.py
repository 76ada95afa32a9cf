"""Maps of simulated sections without devices: frames from the beamline, patterns to the agent.

Plans and devices add time, not information, so the benchmarks of what an agent can know leave
them out. Truth stays in :class:`OfflineMap` and is looked at only to score.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.agents.map_checkpoint import AgentState, write_checkpoint
from operando.agents.map_state import MapGrid, MapMemory
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_mapping import MappingConfig, PhaseMappingAgent
from operando.agents.reduction import Reducer, ReductionConfig
from operando.physics.phases import LABELS
from operando.simulations.beamline import MapBeamline
from operando.simulations.specimen import CorrodedSteel

_FRAMES = 160  # at a time: 60 MB


def sections(usual: tuple[int, ...], number: int, first: int | None) -> tuple[int, ...]:
    """Give the usual seeds and more from 200 on, or as many from another first one."""
    return tuple(range(first, first + number)) if first else (*usual, *range(200, 1000))[:number]


class OfflineMap:
    """One simulated section, its beamline and the way from frames to patterns.

    Parameters
    ----------
    seed : int
        Of the specimen; the instrument's noise takes another.
    shape : tuple of int
        Rows and columns, 2 µm apart.
    """

    def __init__(self, seed: int, shape: tuple[int, int] = (95, 80)) -> None:
        self.seed = seed
        self.specimen = CorrodedSteel(seed, shape, 2.0)
        self.grid = MapGrid(shape, (0.0, 0.0), (2.0, 2.0))
        self.truth: NDArray[np.bool_] = self.specimen.truth().reshape(-1, len(LABELS))

    def beamline(self, noise: int) -> MapBeamline:
        """Give a fresh instrument."""
        return MapBeamline(self.specimen, seed=1000 * self.seed + noise)

    def measure(
        self, beamline: MapBeamline, points: NDArray[np.int64], exposure_s: float
    ) -> PowderPatterns:
        """Expose points one after the other."""
        geometry = beamline.geometry
        reducer = Reducer(
            ReductionConfig(
                geometry.shape,
                geometry.pixel_size,
                geometry.poni(),
                beamline.energy_kev,
                mask=tuple(beamline.mask().tolist()),
            )
        )
        xy = self.grid.position(points)
        parts = [
            reducer.stream(beamline.frames(*xy[k : k + _FRAMES].T, exposure_s))
            for k in range(0, len(points), _FRAMES)
        ]
        return PowderPatterns(
            parts[0].two_theta,
            parts[0].wavelength,
            np.concatenate([p.intensity for p in parts]),
            np.concatenate([p.sigma for p in parts]),
        )

    def agent(
        self,
        two_theta: NDArray[np.float64],
        wavelength: float,
        config: MappingConfig | None = None,
        label_path: Path | None = None,
    ) -> PhaseMappingAgent:
        """Give an agent that knows the grid and has measured nothing."""
        fresh = PhaseMappingAgent(config)
        state = AgentState(MapMemory(self.grid, two_theta, wavelength), set(), 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "agent.npz"
            write_checkpoint(path, fresh.spec(), state)
            return PhaseMappingAgent.from_checkpoint(path, label_path=label_path)

    def exact_match(self, present: NDArray[np.bool_]) -> float:
        """Share of points whose nine labels are all right."""
        right = present.reshape(self.truth.shape) == self.truth
        return float(right.all(axis=1).mean())
