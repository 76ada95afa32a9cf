"""Settings of ``operando demo mapping``, and how they travel in a run's start document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from operando.errors import BadInput
from operando.plans import MapGrid
from operando.plans.budget import PLANS, Choice, usual_choice
from operando.session import check_station

#: Fields that say where things go, not what is measured.
_PLACES = ("speed", "out", "store", "resume", "station", "live")


@dataclass(frozen=True)
class MappingDemo:
    """Settings of the demonstration.

    Parameters
    ----------
    seed : int
        Seed of specimen and instrument.
    speed : float
        Simulated seconds in a real one.
    out : Path
        Directory for figures, and for the store unless `store` names another.
    store : str, optional
        Directory or address of the store.
    shape : tuple of int
        Rows (y) and columns (x) of the map.
    step_um : float
        Distance of the points, µm.
    dwell_s : float
        Mean exposure a point, s: the dose of both maps is this times the number of points.
    first_share : float
        Share of the dose that the first pass of two spends.
    revisit_fraction : float
        Share of the points that the second pass visits.
    rounds : int
        Number of times the agent is asked in the second pass.
    plan : str
        "two-pass", "sparse", "fly" or "raster".
    budget_s : float, optional
        Time the map may take, s; it decides plan and exposures in place of the fields above.
    can_fly : bool
        Whether a time budget may be spent on flying.
    target : float, optional
        Share of points with all labels right, as the agent expects it, that is good enough.
    dose_limit_s : float
        Most exposure a point may have in all, s.
    resume : str, optional
        Run of an earlier demonstration that is to be completed.
    station : str
        "sim", or "epics-sim" for the same one behind EPICS process variables.
    live : bool
        Whether there is a live picture, ``live.png``.
    """

    seed: int = 7
    speed: float = float("inf")
    out: Path = field(default_factory=lambda: Path("operando-out"))
    store: str | None = None
    shape: tuple[int, int] = (95, 80)
    step_um: float = 2.0
    dwell_s: float = 0.0375
    first_share: float = 0.5
    revisit_fraction: float = 0.2
    rounds: int = 4
    plan: str = "two-pass"
    budget_s: float | None = None
    can_fly: bool = True
    target: float | None = None
    dose_limit_s: float = math.inf
    resume: str | None = None
    station: str = "sim"
    live: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"--seed is {self.seed}; 0 or more is needed")
        check_station(self.station)
        if min(self.shape) < 2 or not 0 < self.step_um < math.inf:
            raise BadInput(
                f"a map of {self.shape[0]} x {self.shape[1]} points, {self.step_um} µm apart, is "
                "none: 2 x 2 points and a step above 0 are needed"
            )
        if not 0 < self.dwell_s < math.inf:
            raise BadInput(f"--dwell is {self.dwell_s} s; it must be above 0 and finite")
        if self.plan not in PLANS:
            raise BadInput(f"--plan is {self.plan!r}; one of {', '.join(PLANS)} is needed")
        if self.budget_s is not None and not 0 < self.budget_s < math.inf:
            raise BadInput(f"--budget is {self.budget_s} s; it must be above 0 and finite")
        if self.rounds < 1:
            raise BadInput(f"{self.rounds} rounds are none; 1 or more is needed")

    @property
    def grid(self) -> MapGrid:
        """The points of the map."""
        return MapGrid(self.shape, self.step_um)

    @property
    def points(self) -> int:
        """Points of the grid."""
        return self.shape[0] * self.shape[1]

    @property
    def revisits(self) -> int:
        """Points of a second pass."""
        return self.choice().n_revisits

    @property
    def revisit_s(self) -> float:
        """Exposure of a revisit that spends the dose the first pass has left, s."""
        return self.choice().revisit_exposure

    @property
    def sample(self) -> str:
        """Name of the sample."""
        return f"corroded steel, seed {self.seed}"

    def choice(self) -> Choice:
        """Return plan and exposures as the settings have them, the time budget aside."""
        return usual_choice(
            self.plan,
            self.points,
            self.dwell_s,
            first_share=self.first_share,
            revisit_fraction=self.revisit_fraction,
        )

    def metadata(self) -> dict[str, Any]:
        """Return what a start document carries, so that the map can be completed later."""
        values = {key: value for key, value in asdict(self).items() if key not in _PLACES}
        values["shape"] = list(self.shape)
        if math.isinf(self.dose_limit_s):  # JSON has no infinity
            del values["dose_limit_s"]
        return values

    def completing(self, start: Mapping[str, Any]) -> MappingDemo:
        """Return the settings of an earlier demonstration, with the places of this one.

        Parameters
        ----------
        start : mapping
            Start document of its run.

        Raises
        ------
        BadInput
            If the run is of no demonstration of mapping.
        """
        try:
            values = dict(start["demo"])
            values["shape"] = tuple(values["shape"])
            places = {key: getattr(self, key) for key in _PLACES}
            return replace(MappingDemo(**values), **places)
        except (KeyError, TypeError) as error:
            raise BadInput(
                f"run {start.get('uid', '?')} is not of operando demo mapping: {error}"
            ) from error
