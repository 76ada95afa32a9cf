"""Settings of the phase-mapping agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operando.agents.spatial import SpatialPrior
from operando.errors import BadInput
from operando.physics.phases import LABELS


@dataclass(frozen=True)
class MappingConfig:
    """Everything that decides what the agent decides, besides its model and the documents.

    Parameters
    ----------
    spatial : SpatialPrior
        How far neighbours count. With the usual one, complete maps of steps up to 4 µm are
        left to the network of `map_network`, and sparse ones to `map_gaps`, which know such maps
        better.
    model : str
        ``"shipped"`` or the path of a model file.
    seed : int
        Recorded for completeness: this agent draws no random numbers.
    labels : tuple of str
        Labels whose uncertainty decides where to look next.
    target : float, optional
        Share of all points of the map, measured or not, that must be expected to have all nine
        labels right before the agent says that it has seen enough. None leaves the end of the
        map to its budget.

    Raises
    ------
    BadInput
        If a label is none, or the target not between 0 and 1.
    """

    spatial: SpatialPrior = field(default_factory=SpatialPrior)
    model: str = "shipped"
    seed: int = 0
    labels: tuple[str, ...] = LABELS
    target: float | None = None

    def __post_init__(self) -> None:
        if not self.labels or not set(self.labels) <= set(LABELS):
            raise BadInput(
                f"labels are {list(self.labels)}; one or more of {', '.join(LABELS)} are needed"
            )

        if self.target is not None and not 0.0 < self.target < 1.0:
            raise BadInput(f"the target is {self.target}; it must lie between 0 and 1")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> MappingConfig:
        """Rebuild from what :func:`dataclasses.asdict` gave.

        Raises
        ------
        BadInput
            If a name is not a setting of the agent.
        """
        try:
            rest = dict(values)
            spatial = dict(rest.pop("spatial", {}))
            if "lengths_um" in spatial:
                spatial["lengths_um"] = tuple(spatial["lengths_um"])
            if "labels" in rest:
                rest["labels"] = tuple(rest["labels"])
            return cls(spatial=SpatialPrior(**spatial), **rest)
        except TypeError as error:
            raise BadInput(f"no such setting of the mapping agent: {error}") from error
