"""A row of facts as a device that plans read into a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from operando.plans.recorder import Column, Recorder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_DTYPES = {"int": ("integer", "<i8"), "float": ("number", "<f8"), "str": ("string", "<U200")}


class RowRecorder(Recorder):
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

    def __init__(
        self, name: str, row: DataclassInstance, units: Mapping[str, str] | None = None
    ) -> None:
        units = units or {}
        columns = {
            item.name: Column(
                *_DTYPES[getattr(item.type, "__name__", str(item.type))], units.get(item.name, "")
            )
            for item in fields(row)
        }
        super().__init__(name, columns, row)
