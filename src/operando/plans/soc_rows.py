"""Rows of an agent's table as a stream of the run that they are about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.run_engine import WaitForTimeoutError
from bluesky.utils import Msg, MsgGenerator

from operando.plans.recorder import Column, Recorder
from operando.plans.stubs import plan

logger = logging.getLogger(__name__)
#: Name of the stream, and prefix of its keys.
STREAM = "soc_table"
_DTYPE_NUMPY = {"number": "<f8", "integer": "<i8", "string": "<U200"}


class WritesRows(Protocol):
    """What a plan needs of an agent whose table it records."""

    def columns(self) -> Mapping[str, Any]:
        """Give each column's ``dtype`` and ``units``."""
        ...

    def request_rows(self, after: int = 0) -> Future[list[dict[str, Any]]]:
        """Give the rows written since the first `after`."""
        ...


class TableRecorder(Recorder):
    """A device that is set to a row of an agent's table and read into the stream ``soc_table``.

    Parameters
    ----------
    columns : mapping
        Columns, each with ``dtype`` and ``units``.
    name : str
        Prefix of the keys.
    """

    def __init__(self, columns: Mapping[str, Any], name: str = STREAM) -> None:
        kept = {
            key: Column(column.dtype, _DTYPE_NUMPY[column.dtype], column.units)
            for key, column in columns.items()
        }
        super().__init__(name, kept, {}, source="agent")

    def _value(self, key: str) -> Any:
        return self._record[key]


@plan
def with_rows(inner: MsgGenerator, agent: WritesRows, *, timeout: float = 60.0) -> MsgGenerator:
    """Let a plan record an agent's rows as they are written.

    Parameters
    ----------
    inner : generator
        A plan of one run, such as `operando.plans.battery.soc_stepped`.
    agent : WritesRows
        Must be subscribed to the documents.
    timeout : float
        How long the end of the run waits for the last rows, real seconds.

    Returns
    -------
    object
        What `inner` returns.

    Notes
    -----
    After every event the agent is asked, and at the next checkpoint where it has answered the
    rows are recorded; only the end of the run waits for it. An agent that fails leaves no more
    rows, and the run goes on.
    """
    return (yield from bpp.plan_mutator(inner, _Rows(agent, timeout)))


class _Rows:
    """Message processor that slips the recording in."""

    def __init__(self, agent: WritesRows, timeout: float) -> None:
        self._agent, self._timeout = agent, timeout
        self._recorder = TableRecorder(agent.columns())
        self._known = 0
        self._stale = False
        self._answer: Future[list[dict[str, Any]]] | None = None

    def __call__(self, msg: Msg) -> tuple[Any, Any]:
        if msg.command == "create" and msg.kwargs.get("name") != STREAM:
            self._stale = True
        elif msg.command == "checkpoint" and (self._stale or self._answer is not None):
            return self._before(msg, wait=False), None
        elif msg.command == "close_run":
            return self._before(msg, wait=True), None
        return None, None

    def _before(self, msg: Msg, *, wait: bool) -> MsgGenerator:
        if wait:
            self._answer = self._agent.request_rows(self._known)
            yield from self._await(self._answer)
        elif self._answer is None:
            self._answer, self._stale = self._agent.request_rows(self._known), False
        if self._answer.done():
            answer, self._answer = self._answer, None
            yield from self._record(answer)
        return (yield msg)

    def _await(self, answer: Future[Any]) -> MsgGenerator:
        # Shielded, so that an aborted wait does not cancel what the agent is doing.
        shielded = lambda: asyncio.shield(asyncio.wrap_future(answer))  # noqa: E731
        try:
            yield from bps.wait_for([shielded], timeout=self._timeout)
        except WaitForTimeoutError:
            logger.warning("the last rows of the table are missing: no answer in time")

    def _record(self, answer: Future[list[dict[str, Any]]]) -> MsgGenerator:
        error = answer.exception()
        if error is not None:
            logger.warning("no rows from the agent: %s", error)
            return
        for row in answer.result():
            yield from bps.abs_set(self._recorder, row, wait=True)
            yield from bps.create(name=STREAM)
            yield from bps.read(self._recorder)
            yield from bps.save()
            self._known += 1
