"""Runs whose process ended before they were whole in Tiled."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operando.errors import StoreError
from operando.store.journal import SUFFIX, JournalFile, read
from operando.store.places import Places
from operando.store.upload import Waiting

logger = logging.getLogger(__name__)

REASON = "the measuring process ended without closing the run; closed on recovery"


@dataclass
class _Survey:
    """What a journal holds."""

    start: str | None = None
    stopped: bool = False
    documents: int = 0
    end: int = 0
    time: float = 0.0
    streams: dict[str, str] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, doc: dict[str, Any]) -> None:
        """Count one document; one that lacks what it should say counts as far as it says it."""
        with suppress(KeyError, TypeError, ValueError, OverflowError, AttributeError):
            self._take(name, doc)

    def _take(self, name: str, doc: dict[str, Any]) -> None:
        self.time = max(self.time, _latest(doc.get("time", 0.0)))
        if name == "start":
            self.start = doc["uid"]
        elif name == "stop":
            self.stopped = True
        elif name == "descriptor":
            self.streams[doc["uid"]] = doc["name"]
            self.events.setdefault(doc["name"], 0)
        elif name in ("event", "event_page"):
            self._reach(doc["descriptor"], int(_latest(doc["seq_num"])))
        elif name == "stream_datum":
            self._reach(doc["descriptor"], int(doc["seq_nums"]["stop"]) - 1)

    def _reach(self, descriptor: str, seq_num: int) -> None:
        stream = self.streams.get(descriptor)
        if stream is not None:
            self.events[stream] = max(self.events[stream], seq_num)


def _latest(value: Any) -> float:
    """Return the largest of one number or a page's list of them."""
    return float(max(value, default=0)) if isinstance(value, list) else float(value)


def abandoned(folder: Path) -> Iterator[JournalFile]:
    """Lock and yield the journals that no living process writes, the last written last.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the journals.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_written):
        try:
            yield JournalFile(path)
        except BlockingIOError:
            continue  # being measured, here or in another process
        except OSError as error:
            logger.error("journal %s: %s", path, error)


def _written(path: Path) -> float:
    """Return when a journal was last written; 0 when another process has just taken it away."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def close_run(journal: JournalFile, damaged: Path) -> str | None:
    """Make an abandoned journal whole.

    A line cut short at the end is set aside; a run without ``stop`` gets one with
    ``exit_status`` ``"abort"`` and the reason.

    Parameters
    ----------
    journal : JournalFile
        The journal, locked by this process.
    damaged : pathlib.Path
        Folder for what cannot be read; made when needed.

    Returns
    -------
    str or None
        The run's uid; nothing when not even its ``start`` can be read, and the file is then
        in `damaged`.
    """
    survey = _survey(journal.path)
    size = journal.path.stat().st_size
    if survey.start is None:
        logger.error("journal %s has no start document; set aside", journal.path)
        damaged.mkdir(exist_ok=True)
        journal.path.replace(damaged / journal.path.name)
        journal.close()
        return None
    if size > survey.end:
        _set_aside(journal.path, survey.end, damaged)
        journal.truncate(survey.end)
    journal.count = survey.documents
    if not survey.stopped:
        journal.append("stop", _stop(survey, journal.path.stat().st_mtime))
        journal.settle()
    return survey.start


def waiting(places: Places) -> tuple[tuple[Waiting, ...], tuple[str, ...]]:
    """Say what lies in journals, without changing any.

    Parameters
    ----------
    places : Places
        Where the store is.

    Returns
    -------
    waiting : tuple of Waiting
        Runs that no living process writes or uploads.
    elsewhere : tuple of str
        Runs that another process has in hand.
    """
    left, elsewhere = [], []
    for path in sorted(places.journal.glob(f"*{SUFFIX}")):
        try:
            JournalFile(path).close()
        except BlockingIOError:
            elsewhere.append(path.stem)
            continue
        except OSError:
            pass  # a read-only store can still be looked into
        left.append(_left(path, None))
    for path in _spilt(places):
        left.append(_left(path, f"its disk was full; the rest is in {path}"))
    return tuple(left), tuple(elsewhere)


def _left(path: Path, problem: str | None) -> Waiting:
    survey = _survey(path)
    return Waiting(path.stem, survey.documents, 0, 0, survey.stopped, problem)


def _survey(path: Path) -> _Survey:
    survey = _Survey()
    for end, entry in read(path):
        survey.end = end
        if entry is None:
            continue
        survey.documents = entry.n + 1
        survey.take(entry.name, entry.doc)
    return survey


def _set_aside(path: Path, start: int, damaged: Path) -> None:
    """Keep the bytes of a line that was cut short, for whoever can make sense of them."""
    damaged.mkdir(exist_ok=True)
    with path.open("rb") as file:
        file.seek(start)
        (damaged / f"{path.stem}.tail").write_bytes(file.read())


def _stop(survey: _Survey, written: float) -> dict[str, Any]:
    """Return the ``stop`` of a run that never got one."""
    return {
        "uid": str(uuid.uuid4()),
        "time": max(survey.time, written),
        "run_start": survey.start,
        "exit_status": "abort",
        "reason": REASON,
        "num_events": survey.events,
    }


def spill(journals: Iterable[JournalFile], places: Places) -> None:
    """Close journals; write what their disk did not take to a folder of the system's.

    Parameters
    ----------
    journals : iterable of JournalFile
        The journals.
    places : Places
        Where their store is.

    Raises
    ------
    StoreError
        If there is no room either: it says how many documents are lost. All journals are closed.
    """
    lost, number = [], 0
    for journal in journals:
        left = journal.close()
        if not left:
            continue
        try:
            _spill(journal, left, places)
        except OSError as error:
            number += len(left)
            lost.append(f"{journal.path}: {journal.problem}; {places.spill}: {error}")
    if lost:
        words = "1 document is" if number == 1 else f"{number} documents are"
        raise StoreError(f"{words} lost: {'; '.join(lost)}")


def _spill(journal: JournalFile, left: list[bytes], places: Places) -> None:
    places.spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = places.spill
    if not _own(folder):  # somebody else's, or a link to where they want it
        folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    path = folder / journal.path.name
    with path.open("ab") as file:
        file.writelines(left)
    logger.error("%s: %s; %d documents are in %s", journal.path, journal.problem, len(left), path)


def _spilt(places: Places) -> list[Path]:
    """List what `spill` wrote: not what others put there."""
    folders = places.spill.parent.glob(f"{places.spill.name}*")
    return sorted(path for one in folders if _own(one) for path in one.glob(f"*{SUFFIX}"))


def _own(folder: Path) -> bool:
    """Tell whether nobody else can have put something in a folder of the system's."""
    try:
        about = folder.lstat()
    except OSError:
        return False
    private = not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and private


def unspill(places: Places) -> None:
    """Bring back what `spill` wrote, as far as the disk takes it.

    Parameters
    ----------
    places : Places
        Where the store is.
    """
    for path in _spilt(places):
        try:
            journal = JournalFile(places.journal / path.name)
        except OSError:
            continue
        survey = _survey(journal.path)
        journal.truncate(survey.end)
        journal.count = survey.documents
        for _, entry in read(path):
            if entry is not None and entry.n >= journal.count:
                journal.count = entry.n
                journal.append(entry.name, entry.doc)
        if not journal.close():
            path.unlink()
