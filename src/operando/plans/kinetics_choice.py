"""The agent's answers while gas is let in, made into decisions that can be carried out."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from operando.plans.asking import NOT_ASKED, ask
from operando.plans.consult import Consultation
from operando.plans.kinetics_record import KineticsDecision, decision_from, decision_recorder
from operando.plans.kinetics_settings import KineticsStation, WatchSettings

logger = logging.getLogger(__name__)


class Chooser:
    """Turn an agent's answers into decisions that can be carried out, within the limits.

    Parameters
    ----------
    agent : object or None
        Whom to ask.
    station : KineticsStation
        Its train and dwell refuse what cannot be done.
    settings : WatchSettings
    """

    def __init__(self, agent: Any, station: KineticsStation, settings: WatchSettings) -> None:
        self._agent, self._station, self._settings = agent, station, settings
        self._recorder = decision_recorder()
        self._question: Consultation | None = None
        self._index = 0

    def decide(self, spent: float, passed: float) -> MsgGenerator[KineticsDecision]:
        """Ask, and record what comes of it.

        Parameters
        ----------
        spent, passed : float
            Exposure and time since the record began, s.

        Returns
        -------
        KineticsDecision
        """
        put = True
        if self._agent is not None:
            self._question, put = yield from ask(
                self._agent, self._question, self._settings.timeout
            )
        answer = self._answer() if put else self._fall_back(NOT_ASKED)
        decision = self._limited(answer, spent, passed)
        yield Msg("checkpoint")
        yield from bps.abs_set(self._recorder, decision, wait=True)
        yield from bps.create(name="decisions")
        yield from bps.read(self._recorder)
        yield from bps.save()
        self._index += 1
        return decision

    def _answer(self) -> KineticsDecision:
        settings, question = self._settings, self._question
        if question is None:
            return self._fall_back("no agent")
        if not question.done:
            return self._fall_back(f"no answer within {settings.timeout:g} s")
        try:
            (suggestion,) = question.result()
            decision = decision_from(
                suggestion, self._index, settings.exposure, settings.frames, question.seconds
            )
            if decision.num or not decision.pause:
                portion = {"exposure": decision.exposure, "num": decision.num}
                self._station.train.check_value(portion)
            self._station.dwell.check_value(decision.pause)
            seconds = decision.exposure * decision.num + decision.pause
            if not seconds <= settings.longest:
                raise ValueError(f"{seconds:g} s are more than the whole record may have")
            return decision
        except Exception as error:
            return self._fall_back(f"{type(error).__name__}: {error}")

    def _fall_back(self, why: str) -> KineticsDecision:
        settings = self._settings
        if self._agent is not None:
            logger.warning("going on as before: %s", why)
        reason = f"fallback: {why}"[:200]
        return KineticsDecision(self._index, "go on", settings.exposure, settings.frames, reason)

    def _limited(self, decision: KineticsDecision, spent: float, passed: float) -> KineticsDecision:
        """Note the limit that the next portion would break, if any."""
        settings, more = self._settings, decision.exposure * decision.num
        if passed + more + decision.pause > settings.longest:
            return replace(decision, limit=f"the longest record, {settings.longest:g} s")
        if spent + more > settings.dose_limit:
            return replace(decision, limit=f"the dose limit, {settings.dose_limit:g} s")
        return decision
