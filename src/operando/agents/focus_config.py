"""What an agent that focuses a pair of mirrors is told before the first scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from operando.agents.bayes_config import BayesOptConfig, Knob
from operando.agents.known_settings import known_settings
from operando.errors import BadInput

#: The directions, in the order of the light.
DIRECTIONS = ("v", "h")
#: Least improvement that PI looks for, in standard deviations of all squared sizes: without one it
#: goes for ever smaller ones beside the best point.
_PI_LEAST = 0.002


@dataclass(frozen=True)
class FocusConfig:
    """Settings of `FocusAgent` and `CoordinateScanAgent`.

    Parameters
    ----------
    target_um : tuple of float
        Size of the beam that is aimed at (vertical, horizontal), FWHM, um.
    margin : float
        How much larger than that it may be.
    confidence : float
        Probability with which that is known, by scans made after the setting was chosen.
    acquisition : str
        See `BayesOptConfig`.
    model : str
        "quadratic": the square of the size is a polynomial of second degree in pitch and bend.
        "matern": nothing is known of it but that it is smooth.
    initial : int
        Settings of each mirror before the model has the say.
    spread : float
        Share of the ranges that they fill, about where the mirrors stand.
    pitch_mrad, bend_um : tuple of float
        Ranges in which the settings are looked for.
    smallest : tuple of float
        Moves of pitch (mrad) and bend (um) that are not worth making.
    speed : tuple of float
        Of pitch (mrad/s) and bend (um/s).
    reach : tuple of float
        Longest moves of pitch (mrad) and bend (um) at a time.
    drift_per_hour : float
        By how much the size at a setting may change in an hour, um.
    misfit : float
        Share of the squared size by which the model may be wrong.
    lever_um_per_mrad : tuple of float
        How far a pitch throws the beam on the sample: twice the distance from mirror to sample.
    mirrors : str
        Name of the mirrors in documents.
    search_um : float
        Where the edge is looked for at first: to this distance from the middle, um.
    points : int
        Of a usual scan.
    most : int
        Scans of one run after which the agent stops.
    seed : int
        Of everything random.

    Raises
    ------
    BadInput
        If a number makes no sense.
    """

    target_um: tuple[float, float] = (1.25, 2.0)
    margin: float = 0.05
    confidence: float = 0.9
    acquisition: str = "EI"
    model: str = "quadratic"
    initial: int = 5
    spread: float = 0.4
    pitch_mrad: tuple[float, float] = (3.75, 4.25)
    bend_um: tuple[float, float] = (900.0, 1100.0)
    smallest: tuple[float, float] = (0.002, 0.3)
    speed: tuple[float, float] = (0.02, 5.0)
    reach: tuple[float, float] = (0.5, 200.0)
    drift_per_hour: float = 0.5
    misfit: float = 0.01
    lever_um_per_mrad: tuple[float, float] = (500.0, 260.0)
    mirrors: str = "kb"
    search_um: float = 300.0
    points: int = 21
    most: int = 80
    seed: int = 0

    def __post_init__(self) -> None:
        if not (min(self.target_um) > 0 and self.margin > 0 and 0.5 <= self.confidence < 1):
            raise BadInput("target and margin must be positive, the confidence from 0.5 to below 1")
        if self.initial < 1 or self.most < 1:
            raise BadInput("initial and most: at least 1 each")
        if self.points < 11 or not self.search_um > 0:
            raise BadInput("a scan needs 11 points or more, and a distance to look at")
        for direction in DIRECTIONS:
            self.search(direction)

    def knobs(self, direction: str) -> tuple[str, str]:
        """Name pitch and bend of a mirror in documents."""
        return f"{self.mirrors}_pitch_{direction}", f"{self.mirrors}_bend_{direction}"

    def goal_um(self, direction: str) -> float:
        """Size that is small enough, um."""
        return self.target_um[DIRECTIONS.index(direction)] * (1.0 + self.margin)

    def lever(self, direction: str) -> float:
        """How far the pitch throws the beam, um/mrad."""
        return self.lever_um_per_mrad[DIRECTIONS.index(direction)]

    def search(self, direction: str) -> BayesOptConfig:
        """Give the settings of the search for one mirror."""
        ranges = (self.pitch_mrad, self.bend_um)
        knobs = tuple(
            Knob(name, low, high, reach=reach, smallest=smallest, speed=speed)
            for name, (low, high), reach, smallest, speed in zip(
                self.knobs(direction), ranges, self.reach, self.smallest, self.speed, strict=True
            )
        )
        return BayesOptConfig(
            knobs,
            objective=f"size_{direction}_um",
            acquisition=self.acquisition,
            initial=self.initial,
            spread=self.spread,
            surrogate=self.model,
            scale="square" if self.model == "quadratic" else "log",
            misfit=self.misfit,
            drift_per_hour=self.drift_per_hour,
            xi=_PI_LEAST if self.acquisition == "PI" else 0.0,
            seed=2 * self.seed + DIRECTIONS.index(direction),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> FocusConfig:
        """Make a configuration from names and values; unknown names are refused.

        Examples
        --------
        >>> FocusConfig.from_mapping({"target_um": [1.0, 1.0]}).goal_um("h")
        1.05
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known_settings(cls, settings).items()
        }
        return cls(**values)
