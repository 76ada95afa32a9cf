"""Records for the kinetic benchmarks: areas with the noise that the model predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise
from operando.physics.kinetic_laws import LAWS, mean_extent

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """What a record is made from; times in s, rate in 1/s."""

    law: str = "first_order"
    t0: float = 7.4461
    rate: float = 0.6192
    shape: float = 1.0
    amplitudes: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Record:
    """Frames and the noise model that made them."""

    start: Floats
    stop: Floats
    areas: Floats
    dose: Floats
    noise: AreaNoise

    def part(self, first: int, last: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Frames as the engine takes them."""
        some = slice(first, last)
        return self.start[some], self.stop[some], self.areas[some], self.dose[some]

    @property
    def frames(self) -> tuple[Floats, Floats, Floats, Floats]:
        """All frames as the engine takes them."""
        return self.part(0, len(self.start))


def noise_of(level: float) -> AreaNoise:
    """Overlapping peaks on a background; `level` is the variance of a unit area in 1 s."""
    background = level * np.array([[0.4, -0.1], [-0.1, 0.4]])
    per_area = level * np.array([[[0.5, -0.05], [-0.05, 0.1]], [[0.1, -0.05], [-0.05, 0.5]]])
    return AreaNoise(background, per_area)


def record(
    truth: Truth, seed: int, level: float = 2.2e-4, end: float = 17.0, period: float = 1.0 / 3.0
) -> Record:
    """Simulate a record with 1 % dead time."""
    random = np.random.default_rng(seed)
    start = period * np.arange(round(end / period))
    stop = start + 0.99 * period
    alpha = mean_extent(LAWS[truth.law], start, stop, truth.t0, truth.rate, truth.shape)
    areas = np.stack([truth.amplitudes[0] * (1.0 - alpha), truth.amplitudes[1] * alpha], axis=1)
    dose, noise = stop - start, noise_of(level)
    root = np.linalg.cholesky(noise.of(areas) / dose[:, None, None])
    areas = areas + np.einsum("nij,nj->ni", root, random.standard_normal(areas.shape))
    return Record(start, stop, areas, dose, noise)
