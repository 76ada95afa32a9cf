"""Rows that an agent writes of what was measured, beside those that were recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from operando.replaying.comparing import Difference, close_to, same
from operando.replaying.questions import Document

#: The stream that rows are recorded in, and what its keys begin with.
STREAM = "soc_table"
#: How long it took is another matter each time.
_PASSED_OVER = {"reduction_s"}


def recorded_rows(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Find the rows that an agent's plan recorded.

    Parameters
    ----------
    documents : sequence
        The run's documents.

    Returns
    -------
    list of dict
        In the order in which they were written, keys without the stream's prefix.
    """
    return [
        {key.removeprefix(f"{STREAM}_"): value for key, value in data.items()}
        for data in _events(documents)
    ]


def compare_rows(
    recorded: Sequence[Mapping[str, Any]], written: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    """Compare rows, column by column.

    Parameters
    ----------
    recorded : sequence of mapping
        Those of the run.
    written : sequence of mapping
        What an agent writes of the same documents; there may be more of them, if the run ended
        before all were recorded.

    Returns
    -------
    list of Difference

    Examples
    --------
    >>> nan = float("nan")
    >>> compare_rows([{"soc": 0.1, "d003": nan}], [{"soc": 0.1, "d003": nan}])
    []
    >>> compare_rows([{"soc": 0.1}], [{"soc": 0.2}])
    [Difference(decision=0, key='soc', stored=0.1, replayed=0.2, rounding=False)]
    """
    found = []
    for number, row in enumerate(recorded):
        if number >= len(written):
            found.append(Difference(number, "row", dict(row), None, stream=STREAM))
            continue
        for key, stored in row.items():
            replayed = written[number].get(key)
            nothing = stored != stored and replayed != replayed  # neither is a number
            if key not in _PASSED_OVER and not nothing and not same(stored, replayed):
                near = close_to(stored, replayed)
                found.append(Difference(number, key, stored, replayed, near, STREAM))
    return found


def _events(documents: Sequence[Document]) -> Iterator[Mapping[str, Any]]:
    own: set[str] = set()
    for name, doc in documents:
        if name == "descriptor" and doc["name"] == STREAM:
            own.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in own:
            yield doc["data"]
        elif name == "event_page" and doc["descriptor"] in own:
            for i in range(len(doc["seq_num"])):
                yield {key: values[i] for key, values in doc["data"].items()}
