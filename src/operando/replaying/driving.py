"""One pass of stored documents through an agent, with the questions where they were asked."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operando.replaying.comparing import Difference, compare, same_points
from operando.replaying.questions import Document, Question, questions
from operando.replaying.rows import compare_rows, recorded_rows

logger = logging.getLogger(__name__)


@dataclass
class Replay:
    """What came of feeding a run to an agent.

    Parameters
    ----------
    uid : str
        The run.
    decisions : int
        Decisions in the run.
    compared : int
        Those of them that were the run's agent's own, not the plan's fallback.
    same_points : int
        Those of the compared whose point was suggested in answer to the same question.
    rows : int
        Rows of a table that the run's agent had recorded; all of them are compared.
    differences : list of Difference
        In the order of the decisions, then of the rows.
    rounded : int
        Figures that are the same but for rounding; they are not among the differences.
    documents : int
        Documents fed.
    seconds : float
        Time it took.
    run_seconds : float
        Time the run took, in the station's own (simulated) time, as its devices stamped it.
    report : dict
        What the agent says in the end; empty when it cannot.
    """

    uid: str = ""
    decisions: int = 0
    compared: int = 0
    same_points: int = 0
    rows: int = 0
    differences: list[Difference] = field(default_factory=list)
    rounded: int = 0
    documents: int = 0
    seconds: float = 0.0
    run_seconds: float = 0.0
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def identical(self) -> bool:
        """Whether each decision of the run's agent was made, each row written again."""
        return not self.differences

    @property
    def first_difference(self) -> dict[str, Any] | None:
        """The first figure that is not what it was, for JSON."""
        return self.differences[0].as_dict() if self.differences else None


def replay_run(
    documents: Iterable[Document],
    agent: Any,
    *,
    speed: float = math.inf,
    progress: Callable[[str, Mapping[str, Any]], None] | None = None,
) -> Replay:
    """Feed a run to an agent and ask it what the run's own agent was asked.

    Parameters
    ----------
    documents : iterable
        Names and documents of one run, in the order in which they were emitted.
    agent : object
        Called with each document; asked by its ``suggest``.
    speed : float
        Seconds of the run in a real one, by the documents' times; infinity does not wait.
    progress : callable, optional
        Called with each document when the agent has it.

    Returns
    -------
    Replay
    """
    run = list(documents)
    asked = questions(run)
    result = Replay(decisions=sum(len(question.rows) for question in asked), documents=len(run))
    pace = _Pace(speed, by_devices=any(doc.get("timestamps") for _, doc in run))
    began = time.perf_counter()
    waiting = iter(asked)
    question = next(waiting, None)
    for index, (name, doc) in enumerate(run):
        while question is not None and question.at <= index:
            _ask(agent, question, result)
            question = next(waiting, None)
        pace.wait(doc)
        if name == "start":
            result.uid = str(doc["uid"])
        agent(name, doc)
        if progress is not None:
            progress(name, doc)
    _compare_table(agent, recorded_rows(run), result)
    result.report = _report(agent)
    result.seconds = time.perf_counter() - began
    result.run_seconds = pace.span
    return result


def _ask(agent: Any, question: Question, result: Replay) -> None:
    rows = question.answered
    result.compared += len(rows)
    if not question.asked:
        return
    suggestions: Sequence[Mapping[str, Any]] = []
    try:
        suggestions = list(agent.suggest(question.wanted))
    except Exception as error:
        # An agent that failed in the run is expected to; what it failed to give shows below.
        logger.info(
            "the agent has no answer to a question for %d points: %s", question.wanted, error
        )
    _enter(compare(rows, suggestions), result)
    result.same_points += same_points(rows, suggestions)


def _compare_table(agent: Any, recorded: Sequence[Mapping[str, Any]], result: Replay) -> None:
    """Hold the rows that an agent writes against those that were recorded."""
    if not hasattr(agent, "request_rows"):
        return
    result.rows = len(recorded)
    try:
        written: Sequence[Mapping[str, Any]] = agent.request_rows().result()
    except Exception as error:
        logger.info("the agent has no rows: %s", error)
        written = []
    _enter(compare_rows(recorded, written), result)


def _enter(found: Sequence[Difference], result: Replay) -> None:
    result.differences += [difference for difference in found if not difference.rounding]
    result.rounded += sum(difference.rounding for difference in found)


def _report(agent: Any) -> dict[str, Any]:
    try:
        if hasattr(agent, "drain"):
            agent.drain()
        return dict(agent.report())
    except Exception as error:
        logger.info("the agent has nothing to report: %s", error)
        return {}


class _Pace:
    """Waits as long as the run did between documents, by `speed`."""

    def __init__(self, speed: float, *, by_devices: bool) -> None:
        self._speed = speed
        # A simulated station's clock may be hours ahead of the computer's, which stamps the rest.
        self._key = "timestamps" if by_devices else "time"
        self._origin: tuple[float, float] | None = None
        self.span = 0.0

    def wait(self, doc: Mapping[str, Any]) -> None:
        """Wait until a document is due."""
        when = _latest(doc.get(self._key))
        if when is None:
            return
        if self._origin is None:
            self._origin = (when, time.monotonic())
        self.span = max(self.span, when - self._origin[0])
        due = self._origin[1] + self.span / self._speed
        # To sleep for nought hands the processor to whoever else wants it: a millisecond each time.
        if (left := due - time.monotonic()) > 0:
            time.sleep(left)


def _latest(when: Any) -> float | None:
    """Return the last of one or more times, or of those of several devices."""
    times = when.values() if isinstance(when, Mapping) else (when,)
    known = [
        one if isinstance(one, float | int) else float(np.max(one))
        for one in times
        if one is not None and (isinstance(one, float | int) or np.size(one))
    ]
    return float(max(known)) if known else None
