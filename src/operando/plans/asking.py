"""Putting one question after the other: an answer that comes late is not taken for a later one."""

from __future__ import annotations

from typing import Any

import bluesky.plan_stubs as bps
from bluesky.run_engine import WaitForTimeoutError
from bluesky.utils import Msg, MsgGenerator

from operando.plans.consult import Consultation

#: Said of a question that was not put.
NOT_ASKED = "the agent has not answered an earlier question"


def ask(
    agent: Any,
    earlier: Consultation | None,
    timeout: float,
    *,
    may_stop: bool = False,
    patient: bool = False,
) -> MsgGenerator[tuple[Consultation, bool]]:
    """Put a question, unless an earlier one is unanswered, and wait for the answer.

    Parameters
    ----------
    agent : Suggests
        Whom to ask for one suggestion.
    earlier : Consultation or None
        The question before this one.
    timeout : float
        Longest wait, real s.
    may_stop : bool
        See `Consultation`.
    patient : bool
        Whether to wait, as long again, for the answer to the earlier question, which is then
        thrown away.

    Returns
    -------
    tuple of Consultation and bool
        The last question, and whether it was put now; it need not have been answered.
    """
    yield Msg("checkpoint")
    if earlier is not None and not earlier.done:
        if patient:
            yield from wait_for(earlier, timeout)
        if not (patient and earlier.done):
            return earlier, False
    question = Consultation(agent, 1, may_stop=may_stop)
    yield from wait_for(question, timeout)
    return question, True


def wait_for(question: Consultation, timeout: float) -> MsgGenerator[None]:
    """Wait for an answer, not longer than told; whether it is there, the question tells."""
    try:
        yield from bps.wait_for([question.awaitable], timeout=timeout)
    except WaitForTimeoutError:
        pass  # the question is not done, which is what counts


class WhetherToStop:
    """An agent that is asked for one suggestion, which is whether it has seen enough.

    Parameters
    ----------
    agent : object
        Has ``should_stop``.
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent
        if hasattr(agent, "in_turn"):
            self.in_turn = agent.in_turn

    def suggest(self, num_points: int | None = None) -> list[dict[str, Any]]:
        """Give ``stop`` and ``reason``."""
        stop, reason = self._agent.should_stop()
        return [{"stop": bool(stop), "reason": str(reason)}]
