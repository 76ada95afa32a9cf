"""The callback that a RunEngine is subscribed to: documents go to their runs' journals."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from operando.store.journal import JournalFile, journal_name

logger = logging.getLogger(__name__)

# The key that says which document a document belongs to, by its kind.
_PARENT = {
    "descriptor": "run_start",
    "stop": "run_start",
    "resource": "run_start",
    "stream_resource": "run_start",
    "event": "descriptor",
    "event_page": "descriptor",
    "stream_datum": "descriptor",
    "datum": "resource",
    "datum_page": "resource",
}


class Intake:
    """Writes documents to journals, one a run, in the order in which they come.

    Any number of runs may be open at a time. Nothing that goes wrong with the disk reaches
    the caller, so a plan is never aborted by its store.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the journals.
    notify : callable
        Called as ``notify(uid, journal, name)`` after a ``start`` or ``stop`` is written.
    """

    def __init__(self, folder: Path, notify: Callable[[str, JournalFile, str], None]) -> None:
        self._folder = folder
        self._notify = notify
        self._run_of: dict[str, str] = {}
        self._open: dict[str, JournalFile] = {}
        self._guard = threading.Lock()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document."""
        try:
            self._take(name, doc)
        except Exception:  # a measurement is worth more than one document
            logger.exception("a %s could not be stored", name)

    def _take(self, name: str, doc: Mapping[str, Any]) -> None:
        with self._guard:
            uid = self._route(name, doc)
            journal = self._open.get(uid)
            if journal is None:
                logger.error("a %s of no open run is not stored (run %s)", name, uid)
                return
            journal.append(name, doc)
            if name == "stop":
                self._forget(uid)
        if name in ("start", "stop"):
            self._notify(uid, journal, name)

    def _route(self, name: str, doc: Mapping[str, Any]) -> str:
        """Return the uid of the run that a document belongs to."""
        if name == "start":
            uid = str(doc["uid"])
            if uid not in self._open:
                self._begin(uid)
            return uid
        parent = str(doc.get(_PARENT.get(name, "run_start"), ""))
        uid = parent if parent in self._open else self._run_of.get(parent, self._fallback(name))
        if name in ("descriptor", "resource", "stream_resource") and "uid" in doc:
            self._run_of[str(doc["uid"])] = uid
        return uid

    def _fallback(self, name: str) -> str:
        """Return the run of a document that does not say, or of which nobody knows its parent."""
        # A resource of before 2019 does not say; anything else only goes to the one run there is.
        if name in ("resource", "datum", "datum_page") or len(self._open) == 1:
            return next(reversed(self._open), "")
        return ""

    def _begin(self, uid: str) -> None:
        path = self._folder / journal_name(uid)
        try:
            self._open[uid] = JournalFile(path)
        except OSError as error:
            logger.error("journal %s: %s; run %s waits in memory", path, error, uid)
            self._open[uid] = JournalFile(path, wait=True)

    def _forget(self, uid: str) -> None:
        del self._open[uid]
        self._run_of = {key: run for key, run in self._run_of.items() if run != uid}
