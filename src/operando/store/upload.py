"""One run on its way from its journal to Tiled."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.confined import file_name, printable
from operando.errors import StoreError
from operando.store.journal import JournalFile, read

if TYPE_CHECKING:
    from operando.store.live_writer import LiveRunWriter

logger = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Waiting:
    """A run that is not in Tiled as a whole yet.

    Parameters
    ----------
    uid : str
        The run.
    documents : int
        Documents that this process has taken for it, or has read of its journal.
    uploaded : int
        Documents of them that Tiled has.
    in_memory : int
        Documents that the journal could not take, and why is in `problem`.
    closed : bool
        Whether the run has its ``stop``.
    problem : str or None
        What keeps it, in one line.
    """

    uid: str
    documents: int
    uploaded: int
    in_memory: int
    closed: bool
    problem: str | None


class Upload:
    """Follows a journal and writes what it finds to Tiled.

    An upload that fails begins anew, with the partial run deleted from Tiled, so no event
    is ever there twice.

    Parameters
    ----------
    uid : str
        The run.
    journal : JournalFile
        Its journal, locked by this process.
    """

    def __init__(self, uid: str, journal: JournalFile) -> None:
        self.uid = uid
        self.journal = journal
        self.closed = False
        self.finished = False
        self.problem: str | None = None
        self.failures = 0
        self._writer: LiveRunWriter | None = None
        self._offset = 0
        self._read = 0
        self._uploaded = 0
        self._again_at = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self.journal.path

    def state(self) -> Waiting:
        """Return what waits."""
        held = self.journal.held
        return Waiting(
            uid=self.uid,
            documents=max(self.journal.count, self._read),
            uploaded=self._uploaded,
            in_memory=held,
            closed=self.closed,
            problem=self.journal.problem if held else self.problem,
        )

    def due(self, now: float) -> bool:
        """Tell whether the pause after a failure is over."""
        return now >= self._again_at

    def hurry(self) -> None:
        """Forget the pause after a failure."""
        self._again_at = 0.0

    def step(self, catalog: Any) -> None:
        """Write what the journal has gained since the last step.

        Raises
        ------
        operando.errors.StoreError
            Tiled refused something; a later step begins the run anew.
        """
        try:
            if self._writer is None:
                self._begin(catalog)
            if not self.finished:
                self._advance()
        except Exception as error:
            self._writer = None
            self._uploaded = 0
            self.fail(f"{type(error).__name__}: {error}".splitlines()[0])
            logger.debug("upload of run %s failed", self.uid, exc_info=True)
            raise StoreError(self.problem) from error
        self.problem = None
        self._pause = _FIRST_PAUSE

    def fail(self, problem: str) -> None:
        """Note a failure and wait, longer each time."""
        self.problem = problem
        self.failures += 1
        self._again_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _begin(self, catalog: Any) -> None:
        """Start the run in Tiled, after removing what an earlier attempt left there."""
        from operando.store.live_writer import LiveRunWriter

        if file_name(self.uid) != self.uid:
            raise StoreError(
                f"the uid {printable(self.uid)} is no key for Tiled; its journal has it"
            )
        self._offset = self._read = 0
        if self.uid in catalog:
            if self._is_whole(catalog):
                self.closed = self.finished = True
                return
            catalog.delete_contents(self.uid, recursive=True, external_only=False)
        self._writer = LiveRunWriter(catalog)

    def _is_whole(self, catalog: Any) -> bool:
        """Tell whether Tiled has the run's ``stop``, which is written last."""
        return bool(catalog[self.uid].metadata.get("stop"))

    def _advance(self) -> None:
        assert self._writer is not None
        damaged = 0
        for end, entry in read(self.path, self._offset):
            self._offset = end
            if entry is None:
                damaged += 1
                continue
            self._writer.take(entry.name, entry.doc, entry.line)
            self._read += 1
            if entry.name == "stop":
                self.closed = self.finished = True
        if damaged:
            logger.error("journal %s: %d damaged lines left out", self.path, damaged)
        if not self.finished:
            self._writer.flush()
        self._uploaded = self._read
