"""A run that is paused, resumed, aborted or freed of its agent from somewhere else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from bluesky import RunEngine
from bluesky.utils import TransitionError

from operando.store.requests import Request

logger = logging.getLogger(__name__)

#: How often requests are looked for, s.
POLL_S = 0.5


class AsksRuns(Protocol):
    """Where requests are kept: a store."""

    def asked(self, uid: str) -> list[Request]:
        """Give what has been asked of a run, in order."""
        ...


class RemoteControl:
    """Look for requests while a plan runs, and do what they ask.

    A context manager, and a callback of the RunEngine: it learns from start documents which run
    is measured.

    Parameters
    ----------
    engine : RunEngine
        What runs the plan.
    store : AsksRuns
    agents : iterable
        Which "stop-agent" means; those that cannot ``give_up`` are left alone.
    tell : callable
        Called with a line for the person at the keyboard.

    Attributes
    ----------
    paused : bool
        Whether the last that was asked of the run is a pause.

    Notes
    -----
    While the RunEngine is paused it cannot be resumed from another thread: whoever waits for the
    person at the keyboard asks `answer` as well.
    """

    def __init__(
        self,
        engine: RunEngine,
        store: AsksRuns,
        agents: Iterable[Any] = (),
        tell: Callable[[str], None] = logger.info,
    ) -> None:
        self._engine, self._store, self._tell = engine, store, tell
        self._agents = [agent for agent in agents if hasattr(agent, "give_up")]
        self.paused = False
        self._uid = ""
        self._done: set[str] = set()
        self._answer: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="operando-remote", daemon=True)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "start":
            self._uid = str(doc["uid"])

    def __enter__(self) -> RemoteControl:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join(5.0)

    def answer(self) -> str | None:
        """Say what somebody wants done with a paused run: "resume" or "abort", once."""
        answer, self._answer = self._answer, None
        return answer

    def _watch(self) -> None:
        troubled = False
        while not self._over.wait(POLL_S):
            if not self._uid:
                continue
            try:
                requests = self._store.asked(self._uid)
            except Exception as error:  # a store that is away must not end a measurement
                if not troubled:
                    logger.warning("no requests can be read: %s", error)
                troubled = True
                continue
            troubled = False
            for request in requests:
                if request.id not in self._done:
                    self._done.add(request.id)
                    self._do(request.action)

    def _do(self, action: str) -> None:
        self._tell(f"asked from elsewhere: {action}")
        self.paused = action == "pause"
        if action == "stop-agent":
            for agent in self._agents:
                agent.give_up("it was stopped from elsewhere")
        elif action == "pause":
            self._answer = None
            self._pause(defer=True)
        elif action == "abort":
            self._answer = "abort"
            self._pause(defer=False)
        elif self._engine.state == "paused":
            self._answer = action

    def _pause(self, *, defer: bool) -> None:
        if self._engine.state != "running":
            return
        try:
            self._engine.request_pause(defer=defer)
        except TransitionError as error:  # it has just come to its end
            logger.debug("no pause: %s", error)
