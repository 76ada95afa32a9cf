"""Settings of ``operando demo battery``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from operando.agents.relaxation import RelaxationConfig, RestRule
from operando.agents.soc_config import SocStepperConfig
from operando.errors import BadInput
from operando.plans.soc_timetable import SocSettings
from operando.session import check_station

PLANS = ("stepped", "adaptive")
#: What a run that is resumed says of itself, and so cannot be chosen again.
_OF_THE_RUN = ("seed", "step", "rest", "rest_slope", "until", "repeats")


@dataclass(frozen=True)
class BatteryDemo:
    """Settings of the demonstration.

    Parameters
    ----------
    seed : int
        Seed of the cell and the instrument; the cell of the references has another.
    speed : float
        Simulated seconds in a real one.
    out : Path
        Directory for figures, and for the store unless `store` names another.
    store : str, optional
        Directory or address of the store.
    plan : str
        ``stepped`` (equal steps) or ``adaptive`` (an agent chooses them).
    step : float
        Charge from one measurement to the next, share of the nominal capacity.
    rest : float
        Longest rest before each measurement, s.
    rest_slope : float, optional
        abs(dV/dt) that ends a rest earlier, V/s.
    rest_target : float, optional
        A rest ends when the voltage's plateau is known with this standard deviation, V.
    until : float
        Voltage that ends the charge, V.
    repeats : int
        XAFS scans of each kind at every step.
    budget : int, optional
        Measurements that the agent may spend.
    target_sd : float, optional
        Standard deviation that the Ni fractions should have: the agent asks for as many scans.
    reference_repeats : int
        XAFS scans of each kind for the references.
    resume : str, optional
        Uid of a charge by equal steps to go on with.
    live : bool
        Whether there is a live picture, ``live.png``.
    station : str
        "sim", or "epics-sim" for the same one behind EPICS process variables.
    """

    seed: int = 7
    speed: float = float("inf")
    out: Path = field(default_factory=lambda: Path("operando-out"))
    store: str | None = None
    plan: str = "stepped"
    step: float = 0.10
    rest: float = 600.0
    rest_slope: float | None = None
    rest_target: float | None = None
    until: float = 5.0
    repeats: int = 1
    budget: int | None = None
    target_sd: float | None = None
    reference_repeats: int = 4
    resume: str | None = None
    live: bool = False
    station: str = "sim"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"--seed is {self.seed}; 0 or more is needed")
        check_station(self.station)
        if self.plan not in PLANS:
            raise BadInput(f"--plan is {self.plan!r}; {' or '.join(PLANS)} is needed")
        if self.plan == "stepped" and (self.budget is not None or self.target_sd is not None):
            raise BadInput("--budget and --target-sd are the agent's: they need --plan adaptive")
        if self.rest_target is not None and self.rest_slope is not None:
            raise BadInput("--rest-target and --rest-slope each end a rest: give one of them")
        self.rest_rule()
        if self.plan == "adaptive" and self.resume is not None:
            raise BadInput(
                "--resume goes on with a charge by equal steps, not with --plan adaptive"
            )
        self.step_settings()
        self.stepper({})

    def rest_rule(self) -> RestRule | None:
        """Return what ends a rest by what is known, if that is wanted."""
        if self.rest_target is None:
            return None
        return RestRule(RelaxationConfig(target=self.rest_target))

    def step_settings(self) -> SocSettings:
        """Return what is done at every step."""
        return SocSettings(
            step=self.step,
            rest=self.rest,
            rest_slope=self.rest_slope,
            until=self.until,
            repeats=self.repeats,
        )

    def stepper(self, known: Mapping[str, Any]) -> SocStepperConfig:
        """Return the settings of the agent that chooses the steps.

        Parameters
        ----------
        known : mapping
            Further settings: library, what an earlier cell had.
        """
        chosen = {
            "rest": self.rest,
            "rest_slope": self.rest_slope,
            "budget": self.budget,
            "target_sd": self.target_sd,
            "seed": self.seed,
        }
        given: dict[str, Any] = {key: value for key, value in chosen.items() if value is not None}
        return SocStepperConfig(**given, **known)

    def of_run(self, start: Mapping[str, Any]) -> BatteryDemo:
        """Take over what the start document of a run says that was done.

        Raises
        ------
        BadInput
            If the run is no charge by equal steps.
        """
        if start.get("plan_name") != "soc_stepped" or not start.get("agent"):
            raise BadInput(f"run {start.get('uid')} is no charge by equal steps with an agent")
        same = {name: start[name] for name in _OF_THE_RUN}
        return replace(self, **same, rest_target=start.get("rest_target"))
