"""What is known about a step of charge, as a device that plans read into every stream."""

from __future__ import annotations

from dataclasses import dataclass

from operando.plans.row_recorder import RowRecorder


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


class SocRecorder(RowRecorder):
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

    def __init__(self, name: str = "soc_step", row: SocStep | SocDecision | None = None) -> None:
        super().__init__(name, row or SocStep(-1, 0.0), _UNITS)
