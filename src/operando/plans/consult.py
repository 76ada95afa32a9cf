"""Asking an agent without holding up the RunEngine."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

logger = logging.getLogger(__name__)


class Suggests(Protocol):
    """What a plan needs of an agent; it may also have `should_stop` and `in_turn`."""

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give points to measure."""
        ...


class Consultation:
    """One question to an agent, answered on another thread.

    An agent with a queue of documents answers ``in_turn``: after the documents emitted before
    the question and before any emitted after it, so that the answer does not depend on how fast
    anything is. Any other agent is asked on a thread of its own. Both are daemons: an agent
    that hangs holds up neither the plan nor the interpreter's exit.

    Parameters
    ----------
    agent : Suggests
        Whom to ask.
    num_points : int
        How many points to ask for.
    may_stop : bool
        Whether to ask first if the agent has seen enough (``should_stop``, when it has that).

    Notes
    -----
    A plan awaits `awaitable` with ``bps.wait_for``, which can be interrupted and has a timeout,
    and looks at `done` and `result` afterwards. It must not use what ``wait_for`` returns: after
    a pause the RunEngine repeats the message and keeps the answer to itself.

    Examples
    --------
    >>> class Agent:
    ...     def suggest(self, num_points=None):
    ...         return [{"stage_x": 1.0, "stage_y": 2.0}] * num_points
    >>> question = Consultation(Agent(), 2)
    >>> len(question.wait(timeout=10))
    2
    """

    def __init__(self, agent: Suggests, num_points: int, *, may_stop: bool = False) -> None:
        self._agent = agent
        self._num_points = num_points
        self._may_stop = may_stop
        self._answered: Future[None] = Future()
        self._answered.set_running_or_notify_cancel()  # so that an aborted wait cannot cancel it
        self._began = time.perf_counter()
        self._suggestions: list[Mapping[str, Any]] = []
        #: Why the agent would measure no more; None when it would.
        self.stop: str | None = None
        self.error: Exception | None = None
        #: Time the agent took, queue included, real seconds.
        self.seconds = 0.0
        _in_turn(agent, self._ask).add_done_callback(self._take)

    def _ask(self) -> None:
        should_stop = getattr(self._agent, "should_stop", None) if self._may_stop else None
        if should_stop is not None:
            stop, reason = should_stop()
            if stop:
                self.stop = str(reason or "the agent has seen enough")
                return
        # No more than were asked for: whatever it is that gives them may have no end.
        suggested = self._agent.suggest(self._num_points)
        self._suggestions = list(itertools.islice(suggested, self._num_points))

    def _take(self, reply: Future[None]) -> None:
        self.seconds = time.perf_counter() - self._began
        error = reply.exception()
        if error is None or isinstance(error, Exception):
            self.error = error
        else:  # SystemExit and its like end whoever raises them, not who asked
            self.error = RuntimeError(f"{type(error).__name__}: {error}")
        self._answered.set_result(None)

    def awaitable(self) -> Awaitable[None]:
        """Return something to await for the answer; it may be called again."""
        return asyncio.wrap_future(self._answered)

    @property
    def done(self) -> bool:
        """Whether the agent has answered or failed."""
        return self._answered.done()

    def result(self) -> list[Mapping[str, Any]]:
        """Return the suggestions.

        Returns
        -------
        list of mapping
            What the agent suggested, no more than was asked for.

        Raises
        ------
        Exception
            What the agent raised.
        """
        if self.error is not None:
            raise self.error
        return self._suggestions

    def wait(self, timeout: float | None = None) -> list[Mapping[str, Any]]:
        """Wait for the suggestions outside a plan.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        list of mapping
            What the agent suggested.

        Raises
        ------
        TimeoutError
            If the time is up.
        Exception
            What the agent raised.
        """
        self._answered.result(timeout)
        return self.result()


def report_failures(agent: Any, suggestions: Sequence[Mapping[str, Any]]) -> None:
    """Tell an agent that wants to know (``register_failures``) what could not be measured.

    Parameters
    ----------
    agent : object
        Nothing happens when it has no such method; what it raises is logged.
    suggestions : sequence of mapping
        What it had suggested.
    """
    register = getattr(agent, "register_failures", None)
    if register is None or not suggestions:
        return

    def log(reply: Future[None]) -> None:
        if (error := reply.exception()) is not None:
            logger.warning("the agent did not take note of its failures: %r", error)

    told = list(suggestions)
    _in_turn(agent, lambda: register(told)).add_done_callback(log)


def _in_turn(agent: Any, ask: Callable[[], None]) -> Future[None]:
    in_turn: Callable[[Callable[[], None]], Future[None]]
    in_turn = getattr(agent, "in_turn", _on_own_thread)
    try:
        return in_turn(ask)
    except Exception as error:
        failed: Future[None] = Future()
        failed.set_exception(error)
        return failed


def _on_own_thread(ask: Callable[[], None]) -> Future[None]:
    reply: Future[None] = Future()

    def answer() -> None:
        try:
            ask()
        except BaseException as error:
            reply.set_exception(error)
        else:
            reply.set_result(None)

    threading.Thread(target=answer, name="operando-consultation", daemon=True).start()
    return reply
