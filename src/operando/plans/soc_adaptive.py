"""Charge a cell to wherever an agent wants to look next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.asking import NOT_ASKED, WhetherToStop, ask
from operando.plans.consult import Consultation
from operando.plans.rest import Decides, Resting
from operando.plans.soc_record import SocDecision, SocRecorder
from operando.plans.soc_run import Progress, broken_limit, soc_run
from operando.plans.soc_steps import XraySide, soc_step, xray_seconds
from operando.plans.soc_timetable import SocSettings, timetable
from operando.plans.stubs import plan, spec_of

logger = logging.getLogger(__name__)

#: Smallest step, share of the nominal capacity, and most repeats that an agent may ask for.
SMALLEST_STEP, MOST_REPEATS = 0.005, 20


@plan
def soc_adaptive(
    cell: Any,
    detectors: XraySide,
    agent: Any,
    *,
    settings: SocSettings | None = None,
    timeout: float = 60.0,
    rest_rule: Decides | None = None,
    report: Callable[[str], Any] = print,
    sample: str = "",
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge to a voltage by steps that an agent chooses, measuring after each.

    Parameters
    ----------
    cell, detectors : object
        See `soc_stepped`.
    agent : object
        Its ``suggest(1)`` gives the next step: ``soc`` and, if it likes, ``repeats``, ``rest``
        (s), ``rest_slope`` (V/s), ``acquisition``, ``model_version`` and ``_id``. If it has
        ``should_stop()``, that may end the charge.
    settings : SocSettings, optional
        What is done where the agent says nothing; `step` is what the plan falls back on.
    timeout : float
        Longest wait for an answer, real seconds.
    rest_rule : Decides, optional
        Ends a rest when it knows where the voltage goes to, as
        `operando.agents.relaxation.RestRule` does; its decisions are the stream
        ``rest_decisions``. Rests end by time or slope without one.
    report : callable
        Given the timetable of the fixed steps, which is what it may take at most.
    sample : str
        Name of the cell.
    seed : int, optional
        Seed of whatever is random about the measurement.
    md : mapping, optional
        More for the start document.

    Returns
    -------
    str
        The run's uid.

    Notes
    -----
    Streams as of `soc_stepped`, and ``decisions``: where the charge went and why, an event before
    each step but the first, which is where the cell stands. An agent that is late, fails, or asks
    for what cannot be done is overruled by the fixed step, and the record says so.
    """
    settings = settings or SocSettings()
    now = float((yield from bps.rd(cell.soc)))
    table = timetable(settings, now, xray_seconds(detectors, settings))
    report(table.text())
    progress = Progress()
    start = {
        "plan_name": "soc_adaptive",
        **asdict(settings),
        "sample": sample,
        "seed": seed,
        "agent": spec_of(agent),
        "detectors": [detectors.xrd.name, *(scan.name for scan in detectors.scans.values())],
        "motors": [cell.name],
        "hints": {"dimensions": [[["soc_step_soc"], "primary"]]},
        **(md or {}),
    }
    resting = None if rest_rule is None else Resting(rest_rule)
    staged = [detectors.xrd, *detectors.scans.values(), detectors.shutter]
    inner = bpp.stage_wrapper(
        _steps(cell, detectors, agent, settings, timeout, progress, resting), staged
    )
    return (yield from soc_run(inner, start, progress))


def _steps(
    cell: Any,
    detectors: XraySide,
    agent: Any,
    settings: SocSettings,
    timeout: float,
    progress: Progress,
    resting: Resting | None,
) -> MsgGenerator:
    progress.began = yield from bps.rd(cell.time)
    yield from bps.abs_set(detectors.xrd.exposure, settings.xrd_exposure, wait=True)
    yield from bps.monitor(cell.stream, name="electrochemistry")
    soc = yield from bps.rd(cell.soc)
    chooser = StepChooser(agent, settings, timeout)
    decision = SocDecision(0, soc, settings.repeats, settings.rest, 0.0, "start")
    while True:
        wanted = chooser.settings_of(decision)
        charge = max(0.0, decision.soc - soc) / settings.c_rate * 3600.0
        seconds = charge + wanted.rest + xray_seconds(detectors, wanted)
        stop = yield from broken_limit(cell, detectors, wanted, seconds, progress)
        if stop:
            break
        stop = yield from soc_step(
            cell, detectors, wanted, decision.index, decision.soc, progress.recorder, resting
        )
        soc = yield from bps.rd(cell.soc)
        if stop == "voltage":
            break
        full = soc > settings.max_soc - SMALLEST_STEP
        stop = "capacity" if full else (yield from chooser.stop())
        if stop:
            break
        decision = yield from chooser.decide(decision.index + 1, soc)
    progress.ended = stop
    yield from bps.unmonitor(cell.stream)


class StepChooser:
    """Turn an agent's answers into steps that can be made.

    Parameters
    ----------
    agent : object
        Whom to ask.
    settings : SocSettings
        What is done where the agent says nothing.
    timeout : float
        Longest wait for an answer, real seconds.
    """

    def __init__(self, agent: Any, settings: SocSettings, timeout: float) -> None:
        self._agent, self._settings, self._timeout = agent, settings, timeout
        empty = SocDecision(-1, 0.0, 1, 0.0, 0.0, "")
        self._recorder = SocRecorder("decision", empty)
        self._question: Consultation | None = None
        self._whether: Consultation | None = None

    def settings_of(self, decision: SocDecision) -> SocSettings:
        """Return the settings with what was decided."""
        return replace(
            self._settings,
            repeats=decision.repeats,
            rest=decision.rest,
            rest_slope=decision.rest_slope or self._settings.rest_slope,
        )

    def stop(self) -> MsgGenerator[str]:
        """Ask the agent whether it has seen enough; the empty string if not, or nobody knows."""
        if not hasattr(self._agent, "should_stop"):
            return ""
        question, put = yield from ask(WhetherToStop(self._agent), self._whether, self._timeout)
        self._whether = question
        if not put or not question.done or question.error is not None:
            logger.warning(
                "the agent cannot say whether to stop: %r", question.error or "no answer"
            )
            return ""
        (answer,) = question.result()
        return f"agent ({answer['reason']})" if answer["stop"] else ""

    def decide(self, index: int, soc: float) -> MsgGenerator[SocDecision]:
        """Ask for a step and record what comes of it.

        Parameters
        ----------
        index : int
            Number of the step.
        soc : float
            State of charge now.

        Returns
        -------
        SocDecision
        """
        self._question, put = yield from ask(self._agent, self._question, self._timeout)
        if put:
            decision = self._answer(index, soc, self._question)
        else:
            decision = self._fall_back(index, soc, NOT_ASKED)
        yield Msg("checkpoint")
        yield from bps.abs_set(self._recorder, decision, wait=True)
        yield from bps.create(name="decisions")
        yield from bps.read(self._recorder)
        yield from bps.save()
        return decision

    def _answer(self, index: int, soc: float, question: Consultation) -> SocDecision:
        if not question.done:
            return self._fall_back(index, soc, f"no answer within {self._timeout:g} s")
        try:
            (suggestion,) = question.result()
            return self._accept(index, soc, suggestion, question.seconds)
        except Exception as error:
            return self._fall_back(index, soc, f"{type(error).__name__}: {error}")

    def _accept(
        self, index: int, soc: float, suggestion: Mapping[str, Any], seconds: float
    ) -> SocDecision:
        target, most = float(suggestion["soc"]), self._settings.max_soc
        if not soc + SMALLEST_STEP <= target <= most:
            raise BadInput(f"soc {target:g} is not from {soc + SMALLEST_STEP:g} to {most:g}")
        repeats = int(suggestion.get("repeats", self._settings.repeats))
        if not 1 <= repeats <= MOST_REPEATS:
            raise BadInput(f"{repeats} repeats are not from 1 to {MOST_REPEATS}")
        decision = SocDecision(
            index,
            target,
            repeats,
            float(suggestion.get("rest", self._settings.rest)),
            float(suggestion.get("rest_slope") or 0.0),
            "agent",
            float(suggestion.get("acquisition", 0.0)),
            str(suggestion.get("model_version", "")),
            seconds,
            str(suggestion.get("_id", "")),
        )
        self.settings_of(decision)  # refuses what makes no sense
        return decision

    def _fall_back(self, index: int, soc: float, why: str) -> SocDecision:
        s = self._settings
        target = min(s.target(s.first(soc + SMALLEST_STEP)), s.max_soc)
        logger.warning("falling back to %g SOC: %s", target, why)
        reason = f"fallback: {why}"[:200]
        return SocDecision(index, target, s.repeats, s.rest, s.rest_slope or 0.0, reason)
