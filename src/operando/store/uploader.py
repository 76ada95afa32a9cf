"""The background thread that keeps Tiled up with the journals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operando.errors import OperandoError
from operando.store.journal import JournalFile
from operando.store.upload import Upload, Waiting

logger = logging.getLogger(__name__)

# Who watches a run in Tiled sees it at most this late, unless writing is slow: the thread keeps
# to a small share of the processor, for the RunEngine shares it.
_INTERVAL = 1.0
_SHARE = 0.05
_LONGEST_INTERVAL = 30.0


class Uploader:
    """Uploads runs, one thread for all of them.

    Parameters
    ----------
    connect : callable
        Returns the catalog's client; raises when Tiled is away.
    sent : pathlib.Path
        Folder to which the journals of uploaded runs move.
    """

    def __init__(self, connect: Callable[[], Any], sent: Path) -> None:
        self._connect = connect
        self._sent = sent
        self._uploads: dict[str, Upload] = {}
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Condition(self._guard)
        self._closing = False
        self._thread: threading.Thread | None = None

    def add(self, uid: str, journal: JournalFile, name: str = "start") -> None:
        """Follow a journal, or learn that its run was closed."""
        with self._guard:
            upload = self._uploads.get(uid)
            if upload is None:
                upload = self._uploads[uid] = Upload(uid, journal)
            if name == "stop":
                upload.closed = True
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(
                    target=self._work, name="operando-store", daemon=True
                )
                self._thread.start()
        if name == "stop":
            self._wake.set()

    def states(self) -> tuple[Waiting, ...]:
        """Return the runs that Tiled does not have as a whole."""
        with self._guard:
            return tuple(upload.state() for upload in self._uploads.values())

    def sync(self, timeout: float) -> bool:
        """Try everything once, now; tell whether all closed runs are in Tiled.

        Parameters
        ----------
        timeout : float
            Longest wait, s.
        """
        with self._guard:
            before = {uid: upload.failures for uid, upload in self._uploads.items()}
            for upload in self._uploads.values():
                upload.hurry()
        self._wake.set()
        deadline = time.monotonic() + timeout
        with self._idle:
            while self._hopeful(before) and time.monotonic() < deadline:
                self._idle.wait(0.1)
            return not any(upload.closed for upload in self._uploads.values())

    def _hopeful(self, before: dict[str, int]) -> bool:
        """Tell whether a closed run waits that has not failed since."""
        return self._thread is not None and any(
            upload.closed and upload.failures <= before.get(uid, 0)
            for uid, upload in self._uploads.items()
        )

    def close(self, timeout: float) -> tuple[Upload, ...]:
        """Finish what can be finished and stop the thread.

        Returns
        -------
        tuple of Upload
            What is left in journals for the next time.
        """
        self.sync(timeout)
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=max(timeout, 5.0))
        with self._guard:
            left = tuple(self._uploads.values())
            self._uploads.clear()
        return left

    def _work(self) -> None:
        interval = _INTERVAL
        while not self._closing:
            self._wake.wait(interval)
            self._wake.clear()
            if self._closing:
                return
            began = time.monotonic()
            self._round()
            spent = time.monotonic() - began
            interval = min(max(_INTERVAL, spent / _SHARE), _LONGEST_INTERVAL)

    def _round(self) -> None:
        """Give each run one step."""
        now = time.monotonic()
        with self._guard:
            uploads = [upload for upload in self._uploads.values() if upload.due(now)]
        for upload in uploads:
            upload.journal.flush()
            upload.journal.settle()
            try:
                upload.step(self._connect())
            except OperandoError as error:
                if upload.problem is None:
                    upload.fail(str(error))
                logger.debug("run %s waits: %s", upload.uid, error)
            if upload.finished:
                self._finish(upload)

    def _finish(self, upload: Upload) -> None:
        """File the journal of a run that Tiled has."""
        try:
            self._sent.mkdir(exist_ok=True)
            upload.path.replace(self._sent / upload.path.name)
        except OSError as error:
            logger.warning("journal %s stays where it is: %s", upload.path, error)
        upload.journal.close()
        with self._idle:
            self._uploads.pop(upload.uid, None)
            self._idle.notify_all()
