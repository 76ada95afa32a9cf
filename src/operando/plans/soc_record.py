"""What is known about a step of charge, as a device that plans read into every stream."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any

from ophyd.status import Status


@dataclass(frozen=True)
class SocStep:
    """One step of charge.

    Parameters
    ----------
    index : int
        Number of the step.
    target : float
        State of charge that was aimed at, 1 = nominal capacity.
    soc : float
        State of charge that was counted.
    v_end : float
        Voltage just before the current stopped, V; the open-circuit voltage at a step without
        a charge.
    ocv : float
        Voltage at the end of the rest, V.
    overpotential : float
        Their difference, V.
    temperature : float
        At the end of the rest, degrees Celsius.
    rested : float
        How long the rest was, s.
    reason : str
        Why the charge ended: "charge", "voltage", or "" where there was none.
    """

    index: int
    target: float
    soc: float = 0.0
    v_end: float = 0.0
    ocv: float = 0.0
    overpotential: float = 0.0
    temperature: float = 0.0
    rested: float = 0.0
    reason: str = ""


_UNITS = {
    "v_end": "V",
    "ocv": "V",
    "overpotential": "V",
    "temperature": "degC",
    "rested": "s",
    "rest": "s",
    "rest_slope": "V/s",
    "think_time": "s",
}
_DTYPES = {"int": ("integer", "<i8"), "float": ("number", "<f8"), "str": ("string", "<U200")}


@dataclass(frozen=True)
class SocDecision:
    """Where the charge goes next, and why.

    Parameters
    ----------
    index : int
        Number of the step it leads to.
    soc : float
        State of charge to go to.
    repeats : int
        Number of XAFS scans of each kind.
    rest : float
        Longest rest, s.
    rest_slope : float
        abs(dV/dt) that ends the rest, V/s; 0 for none.
    reason : str
        "agent", or "fallback: " and what went wrong.
    acquisition : float
        Value the agent gave the step; 0 when it gave none.
    model_version : str
        Version of the agent's model.
    think_time : float
        Time the agent took to answer, real seconds.
    id : str
        The suggestion's ``_id``.
    """

    index: int
    soc: float
    repeats: int
    rest: float
    rest_slope: float
    reason: str
    acquisition: float = 0.0
    model_version: str = ""
    think_time: float = 0.0
    id: str = ""


class SocRecorder:
    """A device that is set to a step; its event in every stream tells what belongs together.

    Parameters
    ----------
    name : str
        Prefix of the keys.
    row : SocStep or SocDecision
        What it has before it is set; tells which keys there are.

    Examples
    --------
    >>> recorder = SocRecorder()
    >>> recorder.set(SocStep(3, 0.3, ocv=3.766)).success
    True
    >>> recorder.read()["soc_step_ocv"]["value"]
    3.766
    """

    parent = None

    def __init__(self, name: str = "soc_step", row: SocStep | SocDecision | None = None) -> None:
        self._name = name
        self._step: SocStep | SocDecision = row or SocStep(-1, 0.0)
        self._timestamp = time.time()

    @property
    def name(self) -> str:
        """Prefix of the keys."""
        return self._name

    def check_value(self, value: SocStep | SocDecision) -> None:
        """Any step can be recorded."""

    def set(self, value: SocStep | SocDecision) -> Status:
        """Take a step.

        Parameters
        ----------
        value : SocStep or SocDecision
            What is known about it.

        Returns
        -------
        Status
            Already finished.
        """
        self._step, self._timestamp = value, time.time()
        status = Status()
        status.set_finished()
        return status

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the step."""
        return {
            f"{self._name}_{item.name}": {
                "value": getattr(self._step, item.name),
                "timestamp": self._timestamp,
            }
            for item in fields(self._step)
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the keys of a step."""
        described: dict[str, dict[str, Any]] = {}
        for item in fields(self._step):
            dtype, dtype_numpy = _DTYPES[str(item.type)]
            described[f"{self._name}_{item.name}"] = {
                "source": "plan",
                "dtype": dtype,
                "dtype_numpy": dtype_numpy,
                "shape": [],
                **({"units": _UNITS[item.name]} if item.name in _UNITS else {}),
            }
        return described

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}
