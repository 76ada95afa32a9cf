"""What a gas-loading run records of its decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from operando.plans.row_recorder import RowRecorder


@dataclass(frozen=True)
class KineticsDecision:
    """What comes after a portion of frames, and why.

    Parameters
    ----------
    index : int
        Number of the decision, from 0.
    action : str
        "go on" or "stop".
    exposure : float
        Exposure of the next frames, s.
    num : int
        Number of frames of the next portion; 0 if there is only a pause.
    reason : str
        "agent", or "fallback: " and what went wrong.
    limit : str
        The plan's limit that ends the run whatever the agent says; usually empty.
    pause : float
        Time with the shutter closed after the frames, s.
    why : str
        The agent's own words.
    frames : int
        Frames of the record that the agent knew.
    t0, t0_sd : float
        Onset on the record's clock, which begins with the first frame, s.
    k, k_sd : float
        Rate, 1/s.
    best : str
        The most probable law.
    probability : float
        Of that law among those compared.
    p_begun : float
        Probability that something has begun.
    p_t0_at_ts : float
        Probability that the onset is at the valve's opening; -1 before it opened.
    locking_on : int
        1 in the few frames of the onset.
    model_version : str
        Version of the agent's end patterns.
    think_time : float
        Time the agent took, real seconds.
    id : str
        The suggestion's ``_id``.
    """

    index: int
    action: str
    exposure: float
    num: int
    reason: str
    limit: str = ""
    pause: float = 0.0
    why: str = ""
    frames: int = 0
    t0: float = 0.0
    t0_sd: float = 0.0
    k: float = 0.0
    k_sd: float = 0.0
    best: str = ""
    probability: float = 0.0
    p_begun: float = 0.0
    p_t0_at_ts: float = -1.0
    locking_on: int = 0
    model_version: str = ""
    think_time: float = 0.0
    id: str = ""


UNITS: Mapping[str, str] = MappingProxyType(
    {
        "exposure": "s",
        "pause": "s",
        "t0": "s",
        "t0_sd": "s",
        "k": "1/s",
        "k_sd": "1/s",
        "think_time": "s",
    }
)
#: Fields that an agent's answer fills.
_ANSWERED = frozenset(item.name for item in fields(KineticsDecision)) - {
    "index",
    "reason",
    "limit",
    "id",
    "think_time",
}
_TYPES = {"int": int, "float": float, "str": str}


def decision_recorder() -> RowRecorder:
    """Make the device that decisions are read from."""
    return RowRecorder("decision", KineticsDecision(-1, "go on", 0.0, 0, ""), UNITS)


def decision_from(
    suggestion: Mapping[str, Any], index: int, exposure: float, num: int, seconds: float
) -> KineticsDecision:
    """Turn what an agent suggested into a decision.

    Parameters
    ----------
    suggestion : mapping
        ``action`` and whatever else a decision has.
    index : int
        Number of the decision.
    exposure, num : float, int
        What the next portion is unless the agent says otherwise.
    seconds : float
        Time the agent took, real seconds.

    Raises
    ------
    ValueError, TypeError
        If it holds something that is not what it should be.
    """
    if suggestion["action"] not in ("go on", "stop"):
        raise ValueError(f"action {suggestion['action']!r} is neither 'go on' nor 'stop'")
    kinds = {item.name: str(item.type) for item in fields(KineticsDecision)}
    told = {key: _TYPES[kinds[key]](value) for key, value in suggestion.items() if key in _ANSWERED}
    told = {"exposure": exposure, "num": num, **told}
    return KineticsDecision(
        index=index,
        reason="agent",
        think_time=seconds,
        id=str(suggestion.get("_id", "")),
        **told,
    )
