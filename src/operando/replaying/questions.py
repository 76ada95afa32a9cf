"""What a stored run's ``decisions`` stream says an agent was asked, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = tuple[str, Mapping[str, Any]]

STREAM = "decisions"
_PREFIX = "decision_"
_FALLBACK = "fallback"
_NOT_ASKED = "has not answered an earlier question"


@dataclass
class Question:
    """One question to an agent, and what the plan recorded of the answer.

    Parameters
    ----------
    wanted : int
        Number of points asked for.
    at : int
        Index of the document before which it was asked.
    rows : list of dict
        The decisions that came of it, in the order in which they were carried out; keys without
        their prefix ``decision_``, and ``_number``, that of the decision in the run, from 0.
    """

    wanted: int
    at: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def asked(self) -> bool:
        """Whether the plan asked at all: not while an earlier question was unanswered."""
        return not all(_NOT_ASKED in str(row.get("reason", "")) for row in self.rows)

    @property
    def answered(self) -> list[dict[str, Any]]:
        """The decisions that are the agent's own."""
        return [row for row in self.rows if not str(row.get("reason", "")).startswith(_FALLBACK)]


def questions(documents: Sequence[Document]) -> list[Question]:
    """Find the questions in a run.

    Parameters
    ----------
    documents : sequence
        The run's documents, in the order in which they were emitted.

    Returns
    -------
    list of Question
        By the time of asking.

    Notes
    -----
    Decisions of one ``round`` answer one question; without rounds each decision does. A
    question is put before the first of its decisions, or earlier, where ``after`` points had
    begun to be measured, if it was asked while something was exposed.
    """
    start: Mapping[str, Any] = next((doc for name, doc in documents if name == "start"), {})
    found: dict[int, Question] = {}
    decided = unasked = 0
    for index, row in _decisions(documents):
        key = int(row.get("round", decided))
        if key < 0:  # nobody was asked about this point
            unasked += 1
            continue
        if key not in found:
            found[key] = Question(_wanted(start, decided), index)
        found[key].rows.append({**row, "_number": decided + unasked})
        decided += 1
    for question in found.values():
        question.wanted = question.wanted or len(question.rows)
    _ask_early(documents, list(found.values()))
    return sorted(found.values(), key=lambda question: question.at)


def _wanted(start: Mapping[str, Any], decided: int) -> int:
    """Return how many points a plan asked for; 0 when the start document does not say.

    An aborted run has fewer decisions in its last round than were asked for.
    """
    plan = start.get("revisits", start.get("adaptive"))
    if not isinstance(plan, Mapping) or not {"num", "batch"} <= set(plan):
        return 0
    return max(min(int(plan["batch"]), int(plan["num"]) - decided), 0)


def _decisions(documents: Sequence[Document]) -> Iterator[tuple[int, dict[str, Any]]]:
    own: set[str] = set()
    for index, (name, doc) in enumerate(documents):
        if name == "descriptor" and doc["name"] == STREAM:
            own.add(doc["uid"])
        elif name in ("event", "event_page") and doc["descriptor"] in own:
            for row in _rows(name, doc):
                yield index, {key.removeprefix(_PREFIX): value for key, value in row.items()}


def _rows(name: str, doc: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if name == "event":
        yield dict(doc["data"])
        return
    for i in range(len(doc["seq_num"])):
        yield {key: values[i] for key, values in doc["data"].items()}


def _ask_early(documents: Sequence[Document], asked: list[Question]) -> None:
    """Move each question to before the first document of a point later than its ``after``."""
    begun = list(_points_begun(documents))
    for question in asked:
        after = question.rows[0].get("after")
        if after is None:
            continue
        index = next((i for i, count in enumerate(begun) if count > int(after)), question.at)
        question.at = min(index, question.at)


def _points_begun(documents: Sequence[Document]) -> Iterator[int]:
    """Count the points of which something is known once each document has been read."""
    others: set[str] = set()
    reached: dict[str, int] = {}
    for name, doc in documents:
        if name == "descriptor" and doc["name"] == STREAM:
            others.add(doc["uid"])
        elif "descriptor" in doc and doc["descriptor"] not in others:
            if name == "stream_datum":
                last = int(doc["seq_nums"]["stop"]) - 1
            elif name == "event_page":
                last = max(map(int, doc["seq_num"]), default=0)
            else:
                last = int(doc["seq_num"])
            reached[doc["descriptor"]] = max(reached.get(doc["descriptor"], 0), last)
        yield sum(reached.values())
