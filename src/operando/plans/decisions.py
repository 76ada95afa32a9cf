"""Decisions as data: a soft device that the plan reads into the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operando.plans.recorder import Column, Recorder

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


_COLUMNS = {
    "x": Column("number", "<f8", "um"),
    "y": Column("number", "<f8", "um"),
    "point": Column("integer", "<i8"),
    "reason": Column("string", "<U200"),
    "acquisition": Column("number", "<f8"),
    "probability": Column("array", "<f8", shape=(N_LABELS,)),
    "model_version": Column("string", "<U80"),
    "think_time": Column("number", "<f8", "s"),
    "round": Column("integer", "<i8"),
    "after": Column("integer", "<i8"),
    "id": Column("string", "<U80"),
}


class DecisionRecorder(Recorder):
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

    def __init__(self, name: str = "decision") -> None:
        super().__init__(name, _COLUMNS, Decision(0.0, 0.0, -1, "none"))


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
        # As long as their columns are wide.
        model_version=str(suggestion.get("model_version", ""))[:80],
        id=str(suggestion.get("_id", ""))[:80],
        **facts,
    )
