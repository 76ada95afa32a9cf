"""What a potentiostat's driver offers, in this process or in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Record = dict[str, Any]
Snapshot = dict[str, Any]


class DriverPort(Protocol):
    """What the ophyd device needs of a driver, in this process or in another."""

    @property
    def waits(self) -> bool:
        """Whether time passes by itself; if not, `run` lets it pass."""
        ...

    def load(self, technique: Mapping[str, Any]) -> None:
        """Check and take a technique."""
        ...

    def start(self) -> None:
        """Begin the loaded technique."""
        ...

    def stop(self) -> None:
        """Switch the output off."""
        ...

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change parameters of the technique that runs."""
        ...

    def clear_fault(self) -> None:
        """Allow the output to be switched on again."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the present state and the last reading."""
        ...

    def records(self, after: int) -> list[Record]:
        """Return the records whose number is larger than `after`."""
        ...

    def run(self) -> None:
        """Let time pass until the technique ends (only if time does not pass by itself)."""
        ...


@dataclass(frozen=True)
class Recording:
    """When a reading becomes a record.

    Parameters
    ----------
    interval : float
        Longest time between two records, s.
    voltage_step : float
        Change of the voltage that makes one at once, V.
    log : Path, optional
        File to which the driver itself appends its records, one JSON object a line: they are
        kept when whoever started it is dead.
    """

    interval: float = 10.0
    voltage_step: float = 0.005
    log: Path | None = None
