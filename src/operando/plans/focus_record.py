"""What a focusing run records of its decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from operando.plans.row_recorder import RowRecorder

#: The knobs of a station's mirrors, in the order of the light.
KNOBS = ("pitch_v", "bend_v", "pitch_h", "bend_h")


@dataclass(frozen=True)
class FocusDecision:
    """Where the mirrors go, what is scanned there, and why.

    Parameters
    ----------
    index : int
        Number of the decision, from 0.
    action : str
        "measure" or "stop".
    reason : str
        "agent", or "fallback: " and what went wrong; then nothing moves.
    pitch_v, pitch_h : float
        Where the pitches go, mrad.
    bend_v, bend_h : float
        Where the benders go, um.
    v_centre, v_half, h_centre, h_half : float
        Middle and half width of the scans, um.
    v_num, h_num : int
        Points of the scans; 0 for none.
    why : str
        The agent's own words.
    decision_v, decision_h : str
        "start", "design" or an acquisition function; empty for a mirror that stays.
    size_v, size_v_sd, size_h, size_h_sd : float
        Size of the beam by the scans before, FWHM and its standard deviation, um; 0: unknown.
    expected_v, expected_v_sd, expected_h, expected_h_sd : float
        What the agent expects of the new setting, um; 0: nothing.
    acquisition_v, acquisition_h : float
        Value of the acquisition function.
    model_version : str
        Of the agent.
    think_time : float
        Time the agent took, real seconds.
    id : str
        The suggestion's ``_id``.
    """

    index: int
    action: str
    reason: str
    pitch_v: float
    bend_v: float
    pitch_h: float
    bend_h: float
    v_centre: float = 0.0
    v_half: float = 0.0
    v_num: int = 0
    h_centre: float = 0.0
    h_half: float = 0.0
    h_num: int = 0
    why: str = ""
    decision_v: str = ""
    decision_h: str = ""
    size_v: float = 0.0
    size_v_sd: float = 0.0
    size_h: float = 0.0
    size_h_sd: float = 0.0
    expected_v: float = 0.0
    expected_v_sd: float = 0.0
    expected_h: float = 0.0
    expected_h_sd: float = 0.0
    acquisition_v: float = 0.0
    acquisition_h: float = 0.0
    model_version: str = ""
    think_time: float = 0.0
    id: str = ""

    def window(self, direction: str) -> tuple[float, float, int]:
        """Give middle, half width (um) and number of points of a scan."""
        return tuple(getattr(self, f"{direction}_{key}") for key in ("centre", "half", "num"))


_MICRONS = [
    *(f"{d}_{key}" for d in "vh" for key in ("centre", "half")),
    *(f"{key}_{d}{sd}" for key in ("size", "expected") for d in "vh" for sd in ("", "_sd")),
    *("bend_v", "bend_h"),
]
UNITS: Mapping[str, str] = MappingProxyType(
    {**dict.fromkeys(_MICRONS, "um"), "pitch_v": "mrad", "pitch_h": "mrad", "think_time": "s"}
)
_TYPES = {"int": int, "float": float, "str": str}
_OWN = {"index", "reason", "think_time", "id"}


def decision_recorder() -> RowRecorder:
    """Make the device that decisions are read from."""
    first = FocusDecision(-1, "measure", "", 0.0, 0.0, 0.0, 0.0)
    return RowRecorder("decision", first, UNITS)


def decision_from(
    suggestion: Mapping[str, Any], index: int, stands: Mapping[str, float], seconds: float
) -> FocusDecision:
    """Turn what an agent suggested into a decision.

    Parameters
    ----------
    suggestion : mapping
        ``action`` and whatever else a decision has.
    index : int
        Number of the decision.
    stands : mapping
        Where the knobs are; those that are not suggested stay there.
    seconds : float
        Time the agent took, real seconds.

    Raises
    ------
    KeyError, ValueError, TypeError
        If it lacks an action or holds something that is not what it should be.
    """
    if suggestion["action"] not in ("measure", "stop"):
        raise ValueError(f"action {suggestion['action']!r} is neither 'measure' nor 'stop'")
    kinds = {item.name: str(item.type) for item in fields(FocusDecision)}
    told = {
        key: _TYPES[kinds[key]](value)
        for key, value in suggestion.items()
        if key in kinds and key not in _OWN
    }
    told["why"] = str(told.get("why", ""))[:200]
    return FocusDecision(
        index=index,
        reason="agent",
        think_time=seconds,
        id=str(suggestion.get("_id", "")),
        **{**stands, **told},
    )
