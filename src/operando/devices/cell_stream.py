"""The potentiostat's own stream: its records, at its own rate, beside whatever a plan reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from operando.devices.cell_faults import CellFault
from operando.devices.driver_port import Record

if TYPE_CHECKING:
    from operando.devices.potentiostat import Potentiostat

Reading = dict[str, dict[str, Any]]


class CellStream:
    """Voltage, current, charge and temperature at the driver's own rate, to be monitored.

    Parameters
    ----------
    cell : Potentiostat
        The device.
    """

    parent = None

    def __init__(self, cell: Potentiostat) -> None:
        self._cell = cell
        self._callback: Callable[[Reading], None] | None = None
        self._last: Record = {}
        self.cursor = 0

    @property
    def name(self) -> str:
        """Prefix of the keys."""
        return f"{self._cell.name}_stream"

    @property
    def watched(self) -> bool:
        """Whether somebody is subscribed."""
        return self._callback is not None

    def subscribe(self, function: Callable[[Reading], None]) -> None:
        """Have a function called with every new record."""
        self._callback = function
        self._cell.watch()

    def clear_sub(self, function: Callable[[Reading], None]) -> None:
        """Hand out what is there, then call the function no more."""
        with contextlib.suppress(CellFault):
            self._cell.refresh()
        self._callback = None

    def emit(self, records: list[Record]) -> None:
        """Hand out records."""
        for record in records:
            self._last, self.cursor = record, record["number"]
            if self._callback is not None:
                self._callback(self._reading(record))

    def read(self) -> Reading:
        """Read the last record."""
        if not self._last:
            self._last = self._cell.refresh()
        return self._reading(self._last)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe a record."""
        numbers = {"voltage": "V", "current": "A", "charge": "Ah", "temperature": "degC"}
        described = {
            f"{self.name}_{key}": {
                "source": f"SIM:{self.name}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": units,
            }
            for key, units in {**numbers, "time": "s"}.items()
        }
        state = {"source": f"SIM:{self.name}", "dtype": "string", "dtype_numpy": "<U8", "shape": []}
        return {**described, f"{self.name}_state": state}

    def read_configuration(self) -> Reading:
        """Read the cell's configuration: capacity, mass and limits."""
        return dict(self._cell.read_configuration())

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Describe the cell's configuration."""
        return dict(self._cell.describe_configuration())

    def _reading(self, record: Mapping[str, Any]) -> Reading:
        keys = ("voltage", "current", "charge", "temperature", "time", "state")
        return {
            f"{self.name}_{key}": {"value": record[key], "timestamp": record["time"]}
            for key in keys
        }
