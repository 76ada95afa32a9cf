"""Rounds of asking and measuring: the next batch is thought out while this one is exposed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.asking import NOT_ASKED, wait_for
from operando.plans.care import Care, Lookout
from operando.plans.chooser import Chooser, MapFull
from operando.plans.consult import Consultation, Suggests, report_failures
from operando.plans.decisions import Decision, DecisionRecorder
from operando.plans.grid import route
from operando.plans.measuring import measure_point, timestamp
from operando.plans.stubs import MappingStation, plan


@dataclass(frozen=True)
class Rounds:
    """How an agent is asked.

    Parameters
    ----------
    num : int
        Number of points to measure.
    batch : int
        Number of points to ask for at a time.
    lookahead : int
        The question for the next batch is put when this many points of the present one are
        left to measure, so that the agent thinks while they are exposed; 0 puts it when all
        are measured, and the beam waits for the answer.
    timeout : float
        Longest wait for an answer, real seconds.
    until : float, optional
        No point begins that would end later than this, s of the station's clock.
    point_s : float
        Time that a point takes, moving included, s; for `until`.
    """

    num: int
    batch: int
    lookahead: int = 0
    timeout: float = 60.0
    until: float | None = None
    point_s: float = 0.0

    def __post_init__(self) -> None:
        if self.batch < 1 < self.num:
            raise BadInput(f"a batch needs at least one point, not {self.batch}")
        if self.lookahead < 0:
            raise BadInput(f"lookahead must not be negative, but is {self.lookahead}")
        if not self.timeout > 0:
            raise BadInput(f"a timeout must be positive, not {self.timeout!r} s")

    def over(self, now: float | None) -> bool:
        """Whether there is no time for another point."""
        return self.until is not None and now is not None and now + self.point_s > self.until


class Asker:
    """Puts questions to an agent and numbers them.

    Parameters
    ----------
    agent : Suggests
        Whom to ask.
    rounds : Rounds
        How.
    chooser : Chooser
        Makes decisions of the answers.
    measured : int
        Number of points measured before the first question.
    lookout : Lookout
        Knows how many points were measured more than once.
    """

    def __init__(
        self, agent: Suggests, rounds: Rounds, chooser: Chooser, measured: int, lookout: Lookout
    ) -> None:
        self._agent, self._rounds, self._chooser = agent, rounds, chooser
        self._lookout = lookout
        self._before = measured
        self._question: Consultation | None = None
        self._waiting = False
        self._late = False
        self._wanted = 0
        self._facts: dict[str, int] = {}
        self._round = 0

    def ask(self, done: int, left: int) -> None:
        """Put the next question, unless it has been put.

        Parameters
        ----------
        done : int
            Number of points measured in these rounds.
        left : int
            Number of points decided on and not measured yet.
        """
        if self._waiting:
            return
        self._waiting = True
        self._wanted = min(self._rounds.batch, self._rounds.num - done - left)
        self._facts = {"round": self._round, "after": self._before + done + self._lookout.repeated}
        self._round += 1
        unanswered = self._question is not None and not self._question.done
        if not unanswered:
            self._question = Consultation(self._agent, self._wanted, may_stop=True)
        self._late = unanswered

    def decisions(self) -> MsgGenerator[list[Decision] | str]:
        """Wait for the answer.

        Returns
        -------
        list of Decision or str
            What to measure, or why the agent would measure no more.

        Raises
        ------
        MapFull
            If nothing may be measured any more.
        """
        self._waiting = False
        question = self._question
        assert question is not None, "nothing was asked"
        if self._late:
            return self._chooser.fall_back_all(self._wanted, NOT_ASKED, **self._facts)
        yield from bps.checkpoint()
        yield from wait_for(question, self._rounds.timeout)
        if question.done and question.error is None and question.stop is not None:
            return question.stop
        decided = self._chooser.decide(question, self._wanted, self._rounds.timeout, self._facts)
        refused, self._chooser.refused = self._chooser.refused, []
        report_failures(self._agent, refused)
        return decided


@plan
def measure_chosen(
    station: MappingStation,
    agent: Suggests,
    chooser: Chooser,
    rounds: Rounds,
    *,
    stream: str,
    measured: int,
    position: tuple[float, float],
    recorder: DecisionRecorder | None = None,
    lookout: Lookout | None = None,
) -> MsgGenerator[str | None]:
    """Measure points that an agent chooses, with the reasons in the stream ``decisions``.

    Parameters
    ----------
    station : MappingStation
        The devices; the detector must have been prepared.
    agent : Suggests
        Whom to ask.
    chooser : Chooser
        Makes decisions of the answers.
    rounds : Rounds
        How many points, how many at a time, and when to ask.
    stream : str
        Stream of the measured points.
    measured : int
        Number of points measured before.
    position : tuple of float
        Where the stage is (x, y), um.
    recorder : DecisionRecorder, optional
        The one that the run has used before.
    lookout : Lookout, optional
        The same; without one everything that is read will do.

    Returns
    -------
    str or None
        Why the rounds ended early.
    """
    recorder = recorder or DecisionRecorder()
    lookout = lookout or Lookout(Care(least_beam=None, tries=0))
    asker = Asker(agent, rounds, chooser, measured, lookout)
    done = 0
    now = timestamp((yield Msg("read", station.stage)))
    while done < rounds.num:
        asker.ask(done, 0)
        try:
            decisions = yield from asker.decisions()
        except MapFull as full:
            return str(full)
        if isinstance(decisions, str):
            return decisions
        total = len(decisions)
        for k, decision in enumerate(routed(decisions, position)):
            if rounds.over(now):
                return "the time is up"
            left = total - k
            if left <= rounds.lookahead and done + left < rounds.num:
                asker.ask(done, left)
            now = yield from measure_decided(station, recorder, decision, stream, lookout)
            position = (decision.x, decision.y)
            done += 1
    return None


def measure_decided(
    station: MappingStation,
    recorder: DecisionRecorder,
    decision: Decision,
    stream: str,
    lookout: Lookout,
) -> MsgGenerator[float | None]:
    """Record a decision and measure its point; each time that it must be measured, one of each.

    What is measured again has the reason "again: " and what was wrong, and the round -1.
    """

    def again(why: str) -> MsgGenerator[None]:
        retry = replace(decision, reason=f"again: {why}", round=-1, think_time=0.0, id="")
        yield from record(recorder, retry)

    yield from record(recorder, decision)
    at = decision.x, decision.y
    return (yield from measure_point(station, *at, stream, lookout, again))


def routed(decisions: list[Decision], position: tuple[float, float]) -> list[Decision]:
    """Order decisions so that the stage travels little; see `route`."""
    x = np.array([decision.x for decision in decisions])
    y = np.array([decision.y for decision in decisions])
    return [decisions[k] for k in route(x, y, position)]


def record(recorder: DecisionRecorder, decision: Decision) -> MsgGenerator[Any]:
    """Emit a decision as one event of the stream ``decisions``."""
    reason = decision.reason[:200]
    yield Msg("checkpoint")
    yield Msg("set", recorder, replace(decision, reason=reason), group="decide")
    yield Msg("wait", None, group="decide")
    yield Msg("create", None, name="decisions")
    yield Msg("read", recorder)
    yield Msg("save")
