"""What every agent stands on: a bounded queue and one worker thread that reads documents.

The RunEngine never waits for analysis: a document is put in the queue and the call returns.
An agent that raises is marked failed and says so when asked; the measurement goes on.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from operando.errors import AgentError

logger = logging.getLogger(__name__)

#: Documents are small (frames stay in files), so the bound is there to catch a stuck worker.
QUEUE_SIZE = 100_000

Handler = Callable[[str, Mapping[str, Any]], None]


class DocumentWorker:
    """Feed documents to a handler on a thread of its own, in order.

    Parameters
    ----------
    handler : callable
        ``handler(name, doc)``, called on the worker thread only.
    name : str
        Name of the agent, for the log.
    size : int
        Longest queue. A full queue fails the agent instead of holding up the measurement.
    """

    def __init__(self, handler: Handler, name: str, size: int = QUEUE_SIZE) -> None:
        self._handler = handler
        self._name = name
        self._queue: queue.Queue[tuple[str, Mapping[str, Any]] | None] = queue.Queue(size)
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def error(self) -> Exception | None:
        """What made the worker fail, or None."""
        return self._error

    def put(self, name: str, doc: Mapping[str, Any]) -> None:
        """Queue a document and return at once."""
        if self._error is not None:
            return
        self._start()
        try:
            self._queue.put_nowait((name, doc))
        except queue.Full:
            self._fail(AgentError(f"agent {self._name}: {self._queue.maxsize} documents behind"))

    def drain(self, timeout: float | None = None) -> None:
        """Wait until every queued document has been read.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        AgentError
            If the handler raised, now or before, or the time is up.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and self._error is None:
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise AgentError(
                        f"agent {self._name}: {self._queue.unfinished_tasks} documents not read "
                        f"within {timeout} s"
                    )
                self._queue.all_tasks_done.wait(remaining)
        if self._error is not None:
            raise AgentError(f"agent {self._name} failed: {self._error}") from self._error

    def close(self, timeout: float = 60.0) -> None:
        """Stop the thread once it has read what is queued.

        Parameters
        ----------
        timeout : float
            Seconds to wait at most. What a stuck handler has not read by then is dropped.
        """
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        deadline = time.monotonic() + timeout
        try:
            # A worker that has failed reads nothing more: no use waiting for room in its queue.
            self._queue.put(None, timeout=timeout if self._error is None else 0.0)
        except queue.Full:
            self._drop_queued()
            self._queue.put_nowait(None)
        thread.join(max(deadline - time.monotonic(), 0.0))

    def _drop_queued(self) -> None:
        while not self._queue.empty():
            try:
                self._queue.get_nowait()
            except queue.Empty:  # the worker took the last one meanwhile
                return
            self._queue.task_done()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=f"agent-{self._name}", daemon=True
                )
                self._thread.start()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is None:
                    self._handler(*item)
            except Exception as error:
                self._fail(error)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _fail(self, error: Exception) -> None:
        self._error = error
        logger.error("agent %s failed and is out of the run: %s", self._name, error, exc_info=error)
        with self._queue.all_tasks_done:
            self._queue.all_tasks_done.notify_all()
