"""Decisions as data: a soft device that the plan reads into the run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ophyd.status import Status

#: Number of labels a probability is given for.
N_LABELS = 9


@dataclass(frozen=True)
class Decision:
    """Where the beam goes next, and why.

    Parameters
    ----------
    x, y : float
        Position, um.
    point : int
        Index of the point in the map.
    reason : str
        "agent", or "fallback: " and what went wrong.
    acquisition : float
        Value the agent gave the point; 0 when it gave none.
    probability : sequence of float
        Probability of each label at the time, nine numbers; zeros when there were none.
    model_version : str
        Version of the agent's model.
    think_time : float
        Time the agent took to answer, real seconds.
    round : int
        Number of the question, from 0; -1 for a point that nobody was asked about.
    after : int
        Number of points of this run (of all its passes) measured when the agent was asked.
    id : str
        The suggestion's ``_id``.

    Notes
    -----
    `round` and `after` are what a replay needs. All decisions of a round come of one question,
    which asked for as many points as the round has decisions (for fewer only where an agent
    gave fewer). It was put between two documents: after the event (or the page of events) that
    is number `after` in the streams ``primary`` and ``revisits`` together, and before the next
    event of any stream. Rounds may begin before the last one's points are all measured
    (``lookahead``), so `after` says when to ask, not where the decision stands in its stream.
    Decisions of a round come in the order in which they are measured, not in that of the
    agent's preference. A round whose reasons are "fallback: the agent has not answered an
    earlier question" was asked about by nobody; after "fallback: no answer within" the question
    was put and its answer, if one came, thrown away. A run whose start document has
    ``resumes`` continues another: the agent has read that run's documents first.
    """

    x: float
    y: float
    point: int
    reason: str
    acquisition: float = 0.0
    probability: Sequence[float] = field(default=(0.0,) * N_LABELS)
    model_version: str = ""
    think_time: float = 0.0
    round: int = 0
    after: int = 0
    id: str = ""


_DTYPES = {
    "x": ("number", "<f8"),
    "y": ("number", "<f8"),
    "point": ("integer", "<i8"),
    "reason": ("string", "<U200"),
    "acquisition": ("number", "<f8"),
    "probability": ("array", "<f8"),
    "model_version": ("string", "<U80"),
    "think_time": ("number", "<f8"),
    "round": ("integer", "<i8"),
    "after": ("integer", "<i8"),
    "id": ("string", "<U80"),
}
_UNITS = {"x": "um", "y": "um", "think_time": "s"}


class DecisionRecorder:
    """A device that is set to a decision and read into the stream ``decisions``.

    Parameters
    ----------
    name : str
        Prefix of the keys.

    Examples
    --------
    >>> recorder = DecisionRecorder()
    >>> recorder.set(Decision(2.0, 4.0, point=161, reason="agent")).success
    True
    >>> recorder.read()["decision_point"]["value"]
    161
    """

    parent = None

    def __init__(self, name: str = "decision") -> None:
        self._name = name
        self._decision = Decision(0.0, 0.0, -1, "none")
        self._timestamp = time.time()

    @property
    def name(self) -> str:
        """Prefix of the keys."""
        return self._name

    def check_value(self, value: Decision) -> None:
        """Any decision can be recorded."""

    def set(self, value: Decision) -> Status:
        """Take a decision.

        Parameters
        ----------
        value : Decision
            What was decided.

        Returns
        -------
        Status
            Already finished.
        """
        self._decision = value
        self._timestamp = time.time()
        status = Status()
        status.set_finished()
        return status

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the decision."""
        reading: dict[str, dict[str, Any]] = {}
        for item in fields(self._decision):
            value = getattr(self._decision, item.name)
            if item.name == "probability":
                value = [float(number) for number in value]
            reading[f"{self._name}_{item.name}"] = {"value": value, "timestamp": self._timestamp}
        return reading

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the keys of a decision."""
        described: dict[str, dict[str, Any]] = {}
        for key, (dtype, dtype_numpy) in _DTYPES.items():
            described[f"{self._name}_{key}"] = {
                "source": "plan",
                "dtype": dtype,
                "dtype_numpy": dtype_numpy,
                "shape": [N_LABELS] if dtype == "array" else [],
                **({"units": _UNITS[key]} if key in _UNITS else {}),
            }
        return described

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Nothing to configure."""
        return {}


def decision_from(suggestion: Mapping[str, Any], **facts: Any) -> Decision:
    """Turn what an agent suggested into a decision.

    Parameters
    ----------
    suggestion : mapping
        ``stage_x``, ``stage_y`` and, if there are, ``point``, ``acquisition``, ``probability``,
        ``model_version`` and ``_id``.
    **facts
        Fields of `Decision` that the plan knows.

    Returns
    -------
    Decision
        With the reason "agent".

    Raises
    ------
    KeyError, TypeError, ValueError
        If the suggestion lacks a position or holds something that is not what it should be.
    """
    probability = suggestion.get("probability")
    numbers = (0.0,) * N_LABELS if probability is None else tuple(float(p) for p in probability)
    if len(numbers) != N_LABELS:
        raise ValueError(f"{len(numbers)} probabilities for {N_LABELS} labels")
    return Decision(
        x=float(suggestion["stage_x"]),
        y=float(suggestion["stage_y"]),
        reason="agent",
        acquisition=float(suggestion.get("acquisition", 0.0)),
        probability=numbers,
        model_version=str(suggestion.get("model_version", "")),
        id=str(suggestion.get("_id", "")),
        **facts,
    )
