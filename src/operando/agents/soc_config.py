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
