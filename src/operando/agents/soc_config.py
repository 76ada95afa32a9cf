"""Settings of the agent that makes the table of a charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operando.errors import BadInput


@dataclass(frozen=True)
class SocTableConfig:
    """Settings of the agent.

    Parameters
    ----------
    states : tuple of float
        States of charge of the references.
    library : str
        File of a library from an earlier cell; empty for none.
    learn : bool
        Take this charge's own steps for reference states that the library lacks, and fit all
        steps anew whenever one arrives.
    seed : int
        Of the regression's drawn folds and permutations.
    """

    states: tuple[float, ...] = (0.0, 0.2, 0.4, 0.8, 1.3)
    library: str = ""
    learn: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.states or list(self.states) != sorted(set(self.states)):
            raise BadInput(f"reference states must rise, not {list(self.states)}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> SocTableConfig:
        """Rebuild from what :func:`dataclasses.asdict` gave.

        Raises
        ------
        BadInput
            If a name is not a setting of the agent.
        """
        rest = dict(values)
        states = tuple(float(soc) for soc in rest.pop("states", cls.states))
        try:
            return cls(states=states, **rest)
        except TypeError as error:
            raise BadInput(f"no such setting of the table's agent: {error}") from error


@dataclass(frozen=True)
class SocStepperConfig(SocTableConfig):
    """Settings of the agent that chooses the steps.

    Parameters
    ----------
    budget : int
        Measurements of the whole charge, first and last included.
    end : float
        State of charge at which the voltage is expected to end it.
    rest, rest_slope : float
        Longest rest, s, and abs(dV/dt) that ends it, V/s.
    target_sd : float
        Standard deviation that the Ni fractions should have; decides the repeats.
    most_repeats : int
        XAFS scans of each kind at a step, at most.
    earlier : tuple of tuple of float, (n, 4)
        What an earlier cell had: state of charge, progress through the Ni references, 003
        spacing (Å), open-circuit voltage (V); see `operando.agents.soc_curves.point_of`.
    """

    budget: int = 12
    end: float = 1.56
    rest: float = 1800.0
    rest_slope: float = 2e-5
    target_sd: float = 0.02
    most_repeats: int = 8
    earlier: tuple[tuple[float, float, float, float], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget < 2 or self.most_repeats < 1:
            raise BadInput(
                f"a budget of {self.budget} steps with up to {self.most_repeats} repeats; at "
                "least 2 and 1 are needed"
            )
        for name in ("end", "rest", "rest_slope", "target_sd"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be positive, got {getattr(self, name)!r}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> SocStepperConfig:
        """Rebuild from what :func:`dataclasses.asdict` gave."""
        rest = dict(values)
        points = tuple(tuple(float(x) for x in one) for one in rest.pop("earlier", ()))
        if any(len(one) != 4 for one in points):
            raise BadInput("a point of an earlier cell has four numbers")
        states = tuple(float(soc) for soc in rest.pop("states", cls.states))
        try:
            return cls(states=states, earlier=points, **rest)  # type: ignore[arg-type]
        except TypeError as error:
            raise BadInput(f"no such setting of the stepping agent: {error}") from error
