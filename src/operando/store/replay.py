"""A stored run's documents, as the agents saw them.

Three sources, the best that is there: the journal (the same bytes); the run's own ``journal``
stream in Tiled, which holds the journal's lines compressed (the same bytes as well); for a run
that something else wrote, the catalog's tables, put in order by their times.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.errors import BadInput, StoreError
from operando.store.journal import Entry, journal_name, read, unseal
from operando.store.places import Places

if TYPE_CHECKING:
    from operando.store.facade import Store

Document = tuple[str, dict[str, Any]]


class Source(StrEnum):
    """Where a run's documents are read."""

    BEST = "best"
    JOURNAL = "journal"
    TILED = "tiled"
    TABLES = "tables"


def journal_file(folders: tuple[Path, ...], uid: str) -> Path | None:
    """Return a run's journal in the first folder that has it."""
    paths = (folder / journal_name(uid) for folder in folders)
    return next((path for path in paths if path.exists()), None)


def from_journal(path: Path) -> Iterator[Entry]:
    """Read the documents of a journal; damaged lines are left out."""
    for _, entry in read(path):
        if entry is not None:
            yield entry


def lines_of(run: Any) -> Any | None:
    """Return the stream with a run's own journal, or None; one request, the way may be long."""
    from operando.store.live_writer import JOURNAL_KEY, JOURNAL_STREAM

    try:
        stream = run.base[JOURNAL_STREAM]
    except KeyError:
        return None
    return stream if JOURNAL_KEY in stream.metadata.get("data_keys", {}) else None


def from_lines(stream: Any, uid: str) -> Iterator[Entry]:
    """Read the documents in a run's ``journal`` stream.

    Parameters
    ----------
    stream : tiled.client.composite.CompositeClient
        As `lines_of` gives it.
    uid : str
        Of the run, for messages.

    Raises
    ------
    operando.errors.StoreError
        A line's checksum is wrong, or documents are missing.
    """
    from operando.store.live_writer import JOURNAL_KEY, unpack

    table = stream.base["internal"].read()
    expected = None
    for text in table.sort_values("seq_num")[JOURNAL_KEY]:
        for line in unpack(text).splitlines(keepends=True):
            entry = unseal(line)
            if entry is None:
                raise StoreError(f"run {uid}: a stored line is damaged")
            # A line damaged on the disk before it was uploaded leaves a gap, never a step back.
            if expected is not None and entry.n < expected:
                raise StoreError(f"run {uid}: lines out of order")
            expected = entry.n + 1
            yield entry


def from_tables(run: Any) -> Iterator[Document]:
    """Rebuild documents from the catalog's tables, in the order of their times.

    For runs that operando did not write. Event uids are not the original ones, and each
    stream resource has one stream datum.

    Parameters
    ----------
    run : bluesky_tiled_plugins.BlueskyRun
        The run.
    """
    documents = [(name, dict(doc)) for name, doc in run.documents()]
    last = {"start": -1, "stop": 1}

    def order(position: int) -> tuple[int, float, int]:
        name, doc = documents[position]
        when = float(doc.get("time", 0.0)) if name in ("descriptor", "event") else _began(run)
        return last.get(name, 0), when, position

    for position in sorted(range(len(documents)), key=order):
        name, doc = documents[position]
        if name != "stop" or doc:
            yield name, doc


def _began(run: Any) -> float:
    return float(run.metadata["start"]["time"])


def entries(
    store: Store, places: Places, key: str | int, source: Source
) -> Iterator[Entry] | Iterator[Document]:
    """Return a run's documents from one source; see `Store.documents`."""
    if source in (Source.BEST, Source.JOURNAL):
        path = find_journal(store, places, key)
        if path is not None:
            return from_journal(path)
        if source is Source.JOURNAL:
            raise BadInput(f"run {key!r} has no journal in {places.journal}")
    run = store[key]
    if source in (Source.BEST, Source.TILED):
        if (lines := lines_of(run)) is not None:
            return from_lines(lines, str(run.metadata["start"]["uid"]))
        if source is Source.TILED:
            raise BadInput(f"run {key!r} was not written by operando; use the tables")
    return from_tables(run)


def find_journal(store: Store, places: Places, key: str | int) -> Path | None:
    """Return the journal of a run; of one that Tiled does not know, by its full uid."""
    folders = (places.journal, places.sent)
    if isinstance(key, str) and (path := journal_file(folders, key)) is not None:
        return path
    return journal_file(folders, str(store[key].metadata["start"]["uid"]))


def documents(store: Store, places: Places, key: str | int, source: Source) -> Iterator[Document]:
    """Return a run's documents; see `Store.documents`."""
    found = entries(store, places, key, source)
    return (_pair(item) for item in found)


def _pair(item: Entry | Document) -> Document:
    return (item.name, item.doc) if isinstance(item, Entry) else item
