"""Settings that take effect at once, with units, limits and an honest description."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ophyd import Signal
from ophyd.status import Status

from operando.errors import LimitError

_JSON_TYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "string"}


def done() -> Status:
    """Return a status that is already finished.

    Examples
    --------
    >>> done().success
    True
    """
    status = Status()
    status.set_finished()
    return status


def check_range(name: str, value: float, low: float, high: float, units: str) -> None:
    """Refuse a value that is not a number in a range.

    Parameters
    ----------
    name : str
        What the value is for; it opens the message.
    value, low, high : float
        The value and the lowest and highest that is allowed, in `units`.
    units : str
        Unit of the three numbers.

    Raises
    ------
    LimitError
        If `value` is outside the range, or NaN.

    Examples
    --------
    >>> check_range("stage_x", 3.0, -5.0, 5.0, "um")
    >>> check_range("stage_x", 7.0, -5.0, 5.0, "um")
    Traceback (most recent call last):
    ...
    operando.errors.LimitError: stage_x = 7 um is outside its range of -5 to 5 um
    """
    if not low <= value <= high:
        unit = f" {units}" if units else ""
        raise LimitError(
            f"{name} = {value:g}{unit} is outside its range of {low:g} to {high:g}{unit}"
        )


class SoftSignal(Signal):  # type: ignore[misc]
    """A setting of a device: a number, text or a list of numbers.

    Parameters
    ----------
    units : str
        Unit of the value, written in every descriptor.
    limits : tuple of float, optional
        Lowest and highest value, in `units`. Any number is allowed without it.
    writable : bool
        Whether plans may set it.
    **kwargs
        What ophyd's signals take (name, value, kind, ...).
    """

    def __init__(
        self,
        *,
        units: str = "",
        limits: tuple[float, float] | None = None,
        writable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._units = units
        self._limits = limits
        self._metadata["write_access"] = writable

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value allowed."""
        return self._limits or (-math.inf, math.inf)

    def check_value(self, value: float | str | Sequence[float]) -> None:
        """Refuse a value outside the limits.

        Parameters
        ----------
        value : float, str or sequence of float
            The value to be set.

        Raises
        ------
        LimitError
            If there are limits and the value is outside them.
        """
        if self._limits is not None:
            check_range(self.name, float(value), *self._limits, self._units)  # type: ignore[arg-type]

    def set(self, value: Any, **kwargs: Any) -> Status:
        """Take a new value.

        Parameters
        ----------
        value : float, str or sequence of float
            The new value.
        **kwargs
            Ignored: the value is there at once.

        Returns
        -------
        Status
            Already finished.

        Raises
        ------
        LimitError
            If the value is outside the limits.
        """
        self.put(value)
        return done()

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the value: type, shape, units and limits."""
        value = np.asarray(self.get())
        key: dict[str, Any] = {
            "source": self.source_name,
            "dtype": "array" if value.ndim else _JSON_TYPES[value.dtype.kind],
            "dtype_numpy": value.dtype.str,
            "shape": list(value.shape),
        }
        if self._units:
            key["units"] = self._units
        return {self.name: key}
