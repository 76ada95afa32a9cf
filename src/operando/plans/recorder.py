"""What a plan or an agent has to say, as a device that plans read into a stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ophyd.status import Status


@dataclass(frozen=True)
class Column:
    """A key of a stream.

    Parameters
    ----------
    dtype : str
        "number", "integer", "string" or "array" (of numbers).
    dtype_numpy : str
        How it is kept.
    units : str
        Empty if it has none.
    shape : tuple of int
        Of an array.
    """

    dtype: str
    dtype_numpy: str
    units: str = ""
    shape: tuple[int, ...] = ()


class Recorder:
    """A device that is set to a record and read column by column.

    Parameters
    ----------
    name : str
        Prefix of the keys.
    columns : mapping of str to Column
        What a record has.
    record : object
        What it has before it is set.
    source : str
        Who says it: "plan" or "agent".
    """

    parent = None

    def __init__(
        self, name: str, columns: Mapping[str, Column], record: Any, source: str = "plan"
    ) -> None:
        self._name, self._columns, self._source = name, dict(columns), source
        self._record = record
        self._timestamp = time.time()

    @property
    def name(self) -> str:
        """Prefix of the keys."""
        return self._name

    def check_value(self, value: Any) -> None:
        """Any record will do."""

    def set(self, value: Any) -> Status:
        """Take a record.

        Parameters
        ----------
        value : object
            Of the same kind as the first one.

        Returns
        -------
        Status
            Already finished.
        """
        self._record, self._timestamp = value, time.time()
        status = Status()
        status.set_finished()
        return status

    def _value(self, key: str) -> Any:
        return getattr(self._record, key)

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the record."""
        reading: dict[str, dict[str, Any]] = {}
        for key, column in self._columns.items():
            value = self._value(key)
            if column.dtype == "array":
                value = [float(number) for number in value]
            reading[f"{self._name}_{key}"] = {"value": value, "timestamp": self._timestamp}
        return reading

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the columns."""
        return {
            f"{self._name}_{key}": {
                "source": self._source,
                "dtype": column.dtype,
                "dtype_numpy": column.dtype_numpy,
                "shape": list(column.shape),
                **({"units": column.units} if column.units else {}),
            }
            for key, column in self._columns.items()
        }

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}
