"""Settings of the kinetics agent: what the engine compares, and when it has seen enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_design import DesignConfig
from operando.agents.kinetics_stopping import StopConfig
from operando.errors import BadInput


@dataclass(frozen=True)
class KineticsAgentConfig:
    """Everything that decides what the agent decides, besides the documents.

    Parameters
    ----------
    kinetics : KineticsConfig
        Laws and priors.
    use_valve : bool
        Whether the onset cannot lie before the valve opened, which the run says. Without it the
        onset is free, and whether it lies after the valve is something that is found.
    target_sd_t0, target_sd_k : float, optional
        Standard deviations of onset (s) and rate (1/s), over all laws, that are enough.
    target_odds : float, optional
        Bayes factor of the best law against each other one that is enough.
    settled : int
        For so many updates one after the other all targets must be met.
    stop : StopConfig, optional
        When to stop in more words than the targets above, which are left out then.
    design : DesignConfig, optional
        Propose exposures and pauses by what frames are expected to tell. Without it frames go
        on as the plan begins them.
    seed : int
        Recorded for completeness: this agent draws no random numbers.

    Raises
    ------
    BadInput
        If a target makes no sense.

    Examples
    --------
    >>> KineticsAgentConfig(target_sd_t0=0.03).targets
    {'sd_t0': 0.03}
    """

    kinetics: KineticsConfig = field(default_factory=KineticsConfig)
    use_valve: bool = False
    target_sd_t0: float | None = None
    target_sd_k: float | None = None
    target_odds: float | None = None
    settled: int = 3
    stop: StopConfig | None = None
    design: DesignConfig | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in self.targets.items():
            if not value > 0:
                raise BadInput(f"the target of {name} is {value}; it must be above 0")
        if self.settled < 1:
            raise BadInput(f"targets must hold for 1 update or more, not {self.settled}")
        if self.stop is not None and self.targets:
            raise BadInput(f"targets of {', '.join(self.targets)} and stop: one of them is needed")

    @property
    def targets(self) -> dict[str, float]:
        """The targets that were set."""
        every = {
            "sd_t0": self.target_sd_t0,
            "sd_k": self.target_sd_k,
            "odds": self.target_odds,
        }
        return {name: float(value) for name, value in every.items() if value is not None}

    @property
    def stopping(self) -> StopConfig:
        """When to stop, from `stop` or from the targets, which must all be met."""
        if self.stop is not None:
            return self.stop
        return StopConfig(
            sd_t0=self.target_sd_t0,
            sd_k=self.target_sd_k,
            odds=self.target_odds,
            every=True,
            settled=self.settled,
        )

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them."""
        return {
            "kinetics": self.kinetics.to_mapping(),
            "use_valve": self.use_valve,
            "target_sd_t0": self.target_sd_t0,
            "target_sd_k": self.target_sd_k,
            "target_odds": self.target_odds,
            "settled": self.settled,
            "stop": None if self.stop is None else self.stop.to_mapping(),
            "design": None if self.design is None else self.design.to_mapping(),
            "seed": self.seed,
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> KineticsAgentConfig:
        """Rebuild from what `to_mapping` gave.

        Raises
        ------
        BadInput
            If a name is not a setting of the agent.
        """
        rest = dict(values)
        kinetics = KineticsConfig.from_mapping(dict(rest.pop("kinetics", {})))
        for name, kind in (("stop", StopConfig), ("design", DesignConfig)):
            if rest.get(name) is not None:
                rest[name] = kind.from_mapping(rest[name])
        try:
            return cls(kinetics=kinetics, **rest)
        except TypeError as error:
            raise BadInput(f"no such setting of the kinetics agent: {error}") from error
