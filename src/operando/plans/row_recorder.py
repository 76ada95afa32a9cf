"""A row of facts as a device that plans read into a stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ophyd.status import Status

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_DTYPES = {"int": ("integer", "<i8"), "float": ("number", "<f8"), "str": ("string", "<U200")}


class RowRecorder:
    """A device that is set to a dataclass and read field by field.

    Parameters
    ----------
    name : str
        Prefix of the keys.
    row : dataclass instance
        What it has before it is set; tells which keys there are. Fields are int, float or str.
    units : mapping of str to str, optional
        Units of fields that have one.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Row:
    ...     index: int
    ...     delay: float
    >>> recorder = RowRecorder("step", Row(0, 0.0), {"delay": "s"})
    >>> recorder.set(Row(3, 0.25)).success
    True
    >>> recorder.read()["step_delay"]["value"], recorder.describe()["step_delay"]["units"]
    (0.25, 's')
    """

    parent = None

    def __init__(
        self, name: str, row: DataclassInstance, units: Mapping[str, str] | None = None
    ) -> None:
        self._name, self._row, self._units = name, row, dict(units or {})
        self._timestamp = time.time()

    @property
    def name(self) -> str:
        """Prefix of the keys."""
        return self._name

    def check_value(self, value: DataclassInstance) -> None:
        """Any row can be recorded."""

    def set(self, value: DataclassInstance) -> Status:
        """Take a row.

        Parameters
        ----------
        value : dataclass instance
            Of the same kind as the first one.

        Returns
        -------
        Status
            Already finished.
        """
        self._row, self._timestamp = value, time.time()
        status = Status()
        status.set_finished()
        return status

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the row."""
        return {
            f"{self._name}_{item.name}": {
                "value": getattr(self._row, item.name),
                "timestamp": self._timestamp,
            }
            for item in fields(self._row)
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the keys of a row."""
        described: dict[str, dict[str, Any]] = {}
        for item in fields(self._row):
            dtype, dtype_numpy = _DTYPES[getattr(item.type, "__name__", str(item.type))]
            described[f"{self._name}_{item.name}"] = {
                "source": "plan",
                "dtype": dtype,
                "dtype_numpy": dtype_numpy,
                "shape": [],
                **({"units": self._units[item.name]} if item.name in self._units else {}),
            }
        return described

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}
