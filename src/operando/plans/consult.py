"""Asking an agent without holding up the RunEngine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol


class Suggests(Protocol):
    """What a plan needs of an agent."""

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give points to measure."""
        ...


class Consultation:
    """One question to an agent, answered on a thread of its own.

    The thread is a daemon: an agent that hangs holds up neither the plan nor the interpreter's
    exit.

    Parameters
    ----------
    agent : Suggests
        Whom to ask.
    num_points : int
        How many points to ask for.

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

    def __init__(self, agent: Suggests, num_points: int) -> None:
        self._agent = agent
        self._num_points = num_points
        self._answer: Future[None] = Future()
        self._suggestions: list[Mapping[str, Any]] = []
        self._began = time.perf_counter()
        self.error: Exception | None = None
        self.seconds = 0.0
        threading.Thread(target=self._ask, name="operando-consultation", daemon=True).start()

    def _ask(self) -> None:
        try:
            self._suggestions = list(self._agent.suggest(self._num_points))
        except Exception as error:
            self.error = error
        self.seconds = time.perf_counter() - self._began
        self._answer.set_result(None)

    def awaitable(self) -> Awaitable[None]:
        """Return something to await for the answer; it may be called again."""
        return asyncio.wrap_future(self._answer)

    @property
    def done(self) -> bool:
        """Whether the agent has answered or failed."""
        return self._answer.done()

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
        return self._suggestions[: self._num_points]

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
        self._answer.result(timeout)
        return self.result()
