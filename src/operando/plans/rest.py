"""Let a cell rest until somebody knows where its voltage goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import bluesky.plan_stubs as bps
from bluesky.run_engine import WaitForTimeoutError
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.consult import Consultation
from operando.plans.row_recorder import RowRecorder
from operando.plans.stubs import plan
from operando.plans.time_limits import set_within


class Decides(Protocol):
    """Says whether a rest may end, as `operando.agents.relaxation.RestRule` does."""

    def decide(self, time: Sequence[float], value: Sequence[float]) -> tuple[bool, str]:
        """Take times since the rest began (s) and voltages (V); give the answer and its reason."""
        ...


@dataclass(frozen=True)
class RestDecision:
    """What was decided about a rest.

    Parameters
    ----------
    rested : float
        How long the cell has rested, s.
    voltage : float
        V.
    stop : int
        1 if the rest ends.
    why : str
        The rule's own words, or what ends the rest without it.
    """

    rested: float
    voltage: float
    stop: int
    why: str


def rest_recorder() -> RowRecorder:
    """Make what carries decisions into documents; one for all rests of a run."""
    empty = RestDecision(0.0, 0.0, 0, "")
    return RowRecorder("rest_decision", empty, {"rested": "s", "voltage": "V"})


@dataclass(frozen=True)
class Resting:
    """A rule for all rests of a run, with what carries its decisions.

    Parameters
    ----------
    rule : Decides
    recorder : RowRecorder
    """

    rule: Decides
    recorder: RowRecorder = field(default_factory=rest_recorder)


class _Asked:
    """A rule with the record of a rest, as an agent that is asked for one suggestion."""

    def __init__(self, rule: Decides, times: list[float], values: list[float]) -> None:
        self._rule, self._times, self._values = rule, times, values

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give the rule's answer."""
        stop, why = self._rule.decide(self._times, self._values)
        return [{"stop": stop, "why": why}]


@plan
def rest_until_known(
    cell: Any,
    rule: Decides,
    *,
    longest: float = 600.0,
    every: float = 5.0,
    ask: int = 6,
    timeout: float = 10.0,
    recorder: RowRecorder | None = None,
) -> MsgGenerator[RestDecision]:
    """Let a cell rest until a rule says that the plateau of its voltage is known.

    To be called within a run. A rule that fails or is late is overruled: the rest goes on.

    Parameters
    ----------
    cell : object
        Potentiostat, at rest or about to be; it has ``time`` (s) and ``voltage`` (V).
    rule : Decides
    longest : float
        The rest ends then in any case, s.
    every : float
        Time between two readings of the voltage, s.
    ask : int
        Readings between two questions to the rule.
    timeout : float
        Longest wait for an answer, real seconds.
    recorder : RowRecorder, optional
        Of a run with several rests; see `rest_recorder`.

    Returns
    -------
    RestDecision
        The last one.

    Notes
    -----
    Every decision is an event of the stream ``rest_decisions``.
    """
    if not 0.0 < every <= longest or ask < 1:
        raise BadInput(f"a reading every {every:g} s of {longest:g} s, a question every {ask}")
    recorder = recorder or rest_recorder()
    times: list[float] = []
    values: list[float] = []
    began = yield from bps.rd(cell.time)
    while True:
        yield Msg("checkpoint")
        left = longest - (times[-1] if times else 0.0)
        technique = {"technique": "rest", "duration": min(every, left), "slope": None}
        yield from set_within(cell, technique, every)
        times.append((yield from bps.rd(cell.time)) - began)
        values.append((yield from bps.rd(cell.voltage)))
        over = times[-1] >= longest - 1e-6
        if len(times) % ask and not over:
            continue
        stop, why = yield from _consult(_Asked(rule, list(times), list(values)), timeout)
        if over and not stop:
            stop, why = True, f"the longest rest, {longest:g} s; {why}"
        decision = RestDecision(times[-1], values[-1], int(stop), why)
        yield Msg("checkpoint")
        yield from bps.abs_set(recorder, decision, wait=True)
        yield from bps.create(name="rest_decisions")
        yield from bps.read(recorder)
        yield from bps.save()
        if stop:
            return decision


def _consult(asked: _Asked, timeout: float) -> MsgGenerator[tuple[bool, str]]:
    question = Consultation(asked, 1)
    try:
        yield from bps.wait_for([question.awaitable], timeout=timeout)
    except WaitForTimeoutError:
        pass  # the question is not done, which is what counts
    if not question.done:
        return False, f"fallback: no answer within {timeout:g} s"
    try:
        (answer,) = question.result()
    except Exception as error:
        return False, f"fallback: {type(error).__name__}: {error}"[:200]
    return bool(answer["stop"]), str(answer["why"])
