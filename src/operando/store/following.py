"""A run's documents while it is measured, by another process or on another machine."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from operando.errors import OperandoError
from operando.store.journal import Entry, read, unseal
from operando.store.places import Places
from operando.store.replay import Document, journal_file

if TYPE_CHECKING:
    from operando.store.running import RunningRuns

logger = logging.getLogger(__name__)

#: How often a growing journal is looked at, s.
POLL_S = 0.25
#: How often a server is asked for a run that it does not have yet, s.
_KNOCK_S = 1.0
#: Longest message of a subscription, bytes: the lines of a second, compressed.
_LONGEST_MESSAGE = 50_000_000


def follow(
    store: RunningRuns, places: Places, uid: str, stopped: threading.Event
) -> Iterator[Document]:
    """Yield a run's documents as they come; see `Store.follow`."""
    if journal_file((places.journal, places.sent), uid) is not None:
        entries = _growing(places, uid, stopped)
    else:
        entries = _subscribed(store, uid, stopped)
    for entry in entries:
        yield entry.name, entry.doc
        if entry.name == "stop":
            return


def _growing(places: Places, uid: str, stopped: threading.Event) -> Iterator[Entry]:
    """Read a journal on this machine from its beginning, wherever it is moved to."""
    offset = 0
    while True:
        path = journal_file((places.journal, places.sent), uid)
        if path is not None:
            for end, entry in read(path, offset):
                offset = end
                if entry is not None:
                    yield entry
        if stopped.wait(POLL_S):
            return


def _subscribed(store: RunningRuns, uid: str, stopped: threading.Event) -> Iterator[Entry]:
    """Read the run's ``journal`` stream in Tiled, and then what a subscription to it brings."""
    table = _table(store, uid, stopped)
    if table is None:
        return
    news: queue.Queue[Any] = queue.Queue()
    subscription = table.subscribe()
    # The registry keeps weak references only.
    arrive = news.put
    subscription.new_data.add_callback(keep := _Arrival(arrive))
    # From as far back as the server remembers: what is there twice is left out by its number.
    threading.Thread(
        target=_listen, args=(subscription,), name="operando-follow", daemon=True
    ).start()
    known = 0
    try:
        frame = table.read()
        while True:
            for entry in _lines(frame):
                if entry.n >= known:
                    known = entry.n + 1
                    yield entry
            frame = None
            while frame is None:
                if stopped.is_set():
                    return
                try:
                    frame = news.get(timeout=POLL_S).data()
                except queue.Empty:
                    continue
    finally:
        subscription.disconnect()
        del keep


class _Arrival:
    """A callable that can be referred to weakly."""

    def __init__(self, arrive: Any) -> None:
        self._arrive = arrive

    def __call__(self, update: Any) -> None:
        self._arrive(update)


def _listen(subscription: Any) -> None:
    try:
        subscription.start(0, max_size=_LONGEST_MESSAGE)
    except Exception as error:  # the server is gone; what was followed stays as it is
        logger.warning("no more news from the server: %s", error)


def _table(store: RunningRuns, uid: str, stopped: threading.Event) -> Any:
    """Wait until the server has the first lines of a run."""
    from operando.store.live_writer import JOURNAL_STREAM

    while not stopped.is_set():
        try:
            return store.catalog.new_variation()[uid].base[JOURNAL_STREAM].base["internal"]
        except (KeyError, OperandoError) as error:
            logger.debug("run %s is not there yet: %s", uid, error)
        stopped.wait(_KNOCK_S)
    return None


def _lines(frame: Any) -> Iterator[Entry]:
    from operando.store.live_writer import JOURNAL_KEY, unpack

    for text in frame.sort_values("seq_num")[JOURNAL_KEY]:
        for line in unpack(text).splitlines(keepends=True):
            entry = unseal(line)
            if entry is not None:
                yield entry
