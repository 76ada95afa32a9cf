"""What every agent stands on: a bounded queue and one worker thread that reads documents.

The RunEngine never waits for analysis: a document is put in the queue and the call returns.
An agent that raises is marked failed and says so when asked; the measurement goes on, and with the
next run the agent is back.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from operando.agents.one_run import describe
from operando.errors import AgentError

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Documents are small (frames stay in files), so the bound is there to catch a stuck worker.
QUEUE_SIZE = 100_000

Handler = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class _Question(Generic[T]):
    """A question that waits between two documents."""

    ask: Callable[[], T]
    run: int
    answer: Future[T] = field(default_factory=Future)

    def put(self, failed: AgentError | None) -> None:
        """Answer, unless the agent has failed already; what is raised is the answer as well."""
        if failed is not None:
            self.answer.set_exception(failed)
            return
        try:
            self.answer.set_result(self.ask())
        except BaseException as error:  # a worker that ends here answers nobody any more
            self.answer.set_exception(error)


@dataclass(frozen=True)
class _Document:
    """A document that waits, and the number of the run in which it came."""

    name: str
    doc: Mapping[str, Any]
    run: int


#: A document, a question, or the end.
Item = _Document | _Question[Any] | None


class DocumentWorker:
    """Feed documents to a handler on a thread of its own, in order.

    A handler that raises has failed for the run at hand: the next ``start`` gives it another try.

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
        self._queue: queue.Queue[Item] = queue.Queue(size)
        self._error: Exception | None = None
        self._words = ""
        # Runs whose start was put, and the one in which the error came about.
        self._run = 0
        self._failed_in = -1
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._worker_ident = 0

    @property
    def error(self) -> Exception | None:
        """What made the worker fail in the run that began last, or None."""
        return self._error if self._failed_in >= self._run else None

    @property
    def remarks(self) -> list[str]:
        """What the handler says that it passed over in the run that began last."""
        return list(getattr(self._handler, "remarks", ()))

    def put(self, name: str, doc: Mapping[str, Any]) -> None:
        """Queue a document and return at once."""
        if name == "start":
            self._run += 1
        elif self.error is not None:
            return
        self._start()
        try:
            self._queue.put_nowait(_Document(name, doc, self._run))
        except queue.Full:
            self._fall_behind()

    def in_turn(self, ask: Callable[[], T]) -> Future[T]:
        """Queue a question: it is answered after the documents before it and before any later.

        So the answer does not depend on how fast the agent is, and a replay that asks at the
        same place gets the same one.

        Parameters
        ----------
        ask : callable
            Called without arguments on the worker thread. What it raises reaches whoever asked
            and does not fail the worker.

        Returns
        -------
        concurrent.futures.Future
            The answer; it has an AgentError when the worker has failed.
        """
        question = _Question(ask, self._run)
        if self.error is not None:
            question.put(self._failure())
            return question.answer
        self._start()
        try:
            self._queue.put_nowait(question)
        except queue.Full:
            self._fall_behind()
            question.put(self._failure())
        return question.answer

    def drain(self, timeout: float | None = None) -> None:
        """Wait until every queued document has been read.

        On the worker's own thread, where questions asked `in_turn` are answered, every document
        before the question has been read, and the call returns at once.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        AgentError
            If the handler raised, now or before, or the time is up.
        """
        if threading.get_ident() == self._worker_ident:
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and self.error is None:
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise AgentError(
                        f"agent {self._name}: {self._queue.unfinished_tasks} documents not read "
                        f"within {timeout} s"
                    )
                self._queue.all_tasks_done.wait(remaining)
        if (failure := self._failure()) is not None:
            raise failure from self._error

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
            self._queue.put(None, timeout=timeout if self.error is None else 0.0)
        except queue.Full:
            self._drop_queued()
            self._queue.put_nowait(None)
        thread.join(max(deadline - time.monotonic(), 0.0))

    def give_up(self, why: str) -> None:
        """Fail, because somebody wants it; see `ReadsDocuments.give_up`."""
        if self.error is None:
            self._fail(AgentError(why), why, self._run)

    def _drop_queued(self) -> None:
        while not self._queue.empty():
            try:
                item = self._queue.get_nowait()
            except queue.Empty:  # the worker took the last one meanwhile
                return
            if isinstance(item, _Question):
                item.put(AgentError(f"agent {self._name} was closed"))
            self._queue.task_done()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=f"agent-{self._name}", daemon=True
                )
                self._thread.start()

    def _work(self) -> None:
        self._worker_ident = threading.get_ident()
        while (item := self._queue.get()) is not None:
            try:
                if isinstance(item, _Question):
                    item.put(self._failure(item.run))
                elif item.run > self._failed_in:
                    self._handler(item.name, item.doc)
            except BaseException as raised:  # a thread that ends here would read nothing more
                error = raised if isinstance(raised, Exception) else AgentError(repr(raised))
                if isinstance(item, _Document):
                    words = f"{_said(error)} ({describe(item.name, item.doc)})"
                    self._fail(error, words, item.run)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _failure(self, run: int | None = None) -> AgentError | None:
        """Give what says that the worker failed in a run, the last one unless told."""
        if self._failed_in < (self._run if run is None else run):
            return None
        return AgentError(f"agent {self._name} failed: {self._words}")

    def _fall_behind(self) -> None:
        self.give_up(f"agent {self._name}: {self._queue.maxsize} documents behind")

    def _fail(self, error: Exception, words: str, run: int) -> None:
        # An error that was only made says all it has to say; where the memory ended is by chance.
        told = error.__traceback__ is None or isinstance(error, MemoryError)
        trace = None if told else error
        try:  # the log first: whoever is told of the failure may read there at once
            logger.error(
                "agent %s failed and is out of the run: %s", self._name, words, exc_info=trace
            )
        finally:
            self._error, self._words, self._failed_in = error, words, run
            with self._queue.all_tasks_done:
                self._queue.all_tasks_done.notify_all()


def _said(error: Exception) -> str:
    """Say in a line what an error says; one that only names a key, or nothing, in words."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return " ".join(str(error).split()) or type(error).__name__


class ReadsDocuments:
    """The face of an agent that has a `DocumentWorker`: documents in, questions in their turn."""

    _worker: DocumentWorker

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Queue a document; the call returns at once."""
        self._worker.put(name, doc)

    @property
    def error(self) -> Exception | None:
        """What put the agent out of the run, or None."""
        return self._worker.error

    @property
    def remarks(self) -> list[str]:
        """What was passed over in the run that began last, and why; see `OneRun`."""
        return self._worker.remarks

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all documents received so far have been read; see `DocumentWorker.drain`."""
        self._worker.drain(timeout)

    def in_turn(self, ask: Callable[[], T]) -> Future[T]:
        """Answer a question between two documents; see `DocumentWorker.in_turn`."""
        return self._worker.in_turn(ask)

    def give_up(self, why: str) -> None:
        """Put the agent out of the run, as if it had failed: the measurement goes on without.

        Parameters
        ----------
        why : str
            Said wherever the record says that the agent failed.
        """
        self._worker.give_up(why)

    def close(self) -> None:
        """Stop the worker thread."""
        self._worker.close()
