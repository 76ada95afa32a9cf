"""Make any number small, or large: an agent chooses where some motors go."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.asking import ask, wait_for
from operando.plans.consult import Consultation, report_failures
from operando.plans.recorder import Column, Recorder
from operando.plans.stubs import one_run, plan, spec_of

logger = logging.getLogger(__name__)

_NUMBER, _TEXT = Column("number", "<f8"), Column("string", "<U200")
#: Questions in a row without an answer that can be carried out, after which the run ends.
TRIES = 3


@plan
def optimise(
    motors: Sequence[Any],
    detectors: Sequence[Any],
    agent: Any,
    *,
    num: int = 40,
    measure: Callable[[], MsgGenerator[Any]] | None = None,
    finish: str = "best",
    timeout: float = 60.0,
    sample: str = "",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure where the motors are, then where an agent sends them, until it has seen enough.

    Parameters
    ----------
    motors : sequence of movable and readable
        Their names are the agent's knobs.
    detectors : sequence of readable
        Triggered and read at every point.
    agent : object
        Its ``suggest(1)`` gives a value for each motor; ``should_stop()`` and
        ``get_best_points()`` are used where it has them. It must be subscribed to the run.
    num : int
        Most points.
    measure : callable, optional
        A plan without arguments in place of triggering and reading; it makes the events of the
        point.
    finish : str
        Where the motors go in the end: "best", or "stay".
    timeout : float
        Longest wait for an answer, real seconds.
    sample : str
        Name of what is there.
    md : mapping, optional
        More for the start document.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    BadInput
        If there is nothing to move or no point to measure.

    Notes
    -----
    Streams: ``primary`` (a point: motors and detectors) and ``decisions``, one before each move.
    An answer that is late, wrong or outside the limits of a motor moves nothing and is asked for
    again; after three of them in a row the run ends.
    """
    if not motors or num < 1 or finish not in ("best", "stay"):
        raise BadInput("optimise needs a motor, a point, and 'best' or 'stay' to finish")
    start = {
        "plan_name": "optimise",
        "num_points": num,
        "sample": sample,
        "agent": spec_of(agent),
        "motors": [motor.name for motor in motors],
        "detectors": [detector.name for detector in detectors],
        "hints": {"dimensions": [[["time"], "primary"]]},
        **(md or {}),
    }

    def point() -> MsgGenerator[Any]:
        yield Msg("checkpoint")
        if measure is not None:
            return (yield from measure())
        return (yield from bps.trigger_and_read([*detectors, *motors]))

    loop = _loop(_Asking(agent, motors, timeout), point, num, finish)
    staged = bpp.stage_wrapper(loop, [*motors, *detectors])
    return (yield from one_run(staged, start))


def _loop(
    asking: _Asking, point: Callable[[], MsgGenerator[Any]], num: int, finish: str
) -> MsgGenerator[str]:
    yield from point()
    why, failures = f"{num} points have been measured", 0
    for _ in range(num - 1):
        decision = yield from asking.decide()
        failures = failures + 1 if decision.reason.startswith("fallback") else 0
        if decision.action == "stop" or failures == TRIES:
            why = decision.reason
            break
        if not failures:
            yield from asking.move(decision)
            yield from point()
    if finish == "best" and (decision := (yield from asking.best())) is not None:
        yield from asking.move(decision)
    return why


class _Best:
    """An agent that is asked for the best point it knows, in its turn."""

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    def suggest(self, num_points: int | None = None) -> list[Mapping[str, Any]]:
        """Give the setting of its best point."""
        return [setting for _, setting, _ in self._agent.get_best_points()[:1]]

    def in_turn(self, ask: Callable[[], None]) -> Future[None]:
        """Ask between two documents, where the agent can."""
        in_turn = getattr(self._agent, "in_turn", None)
        if in_turn is not None:
            reply: Future[None] = in_turn(ask)
            return reply
        done: Future[None] = Future()
        try:
            ask()
            done.set_result(None)
        except Exception as error:
            done.set_exception(error)
        return done


class _Asking:
    """Turn an agent's answers into moves that can be made, and record them."""

    def __init__(self, agent: Any, motors: Sequence[Any], timeout: float) -> None:
        self._agent, self._motors, self._timeout = agent, motors, timeout
        columns = {motor.name: Column("number", "<f8", _units(motor)) for motor in motors}
        columns |= dict.fromkeys(("action", "reason", "id"), _TEXT)
        columns |= dict.fromkeys(("acquisition", "expected", "expected_sd"), _NUMBER)
        columns["think_time"] = Column("number", "<f8", "s")
        self._recorder = Recorder("decision", columns, SimpleNamespace())
        self._question: Consultation | None = None

    def decide(self) -> MsgGenerator[SimpleNamespace]:
        """Ask, and record what comes of it."""
        self._question, put = yield from ask(
            self._agent, self._question, self._timeout, may_stop=True, patient=True
        )
        decision = yield from self._read(self._question, put=put)
        yield Msg("checkpoint")
        yield from bps.abs_set(self._recorder, decision, wait=True)
        yield from bps.create(name="decisions")
        yield from bps.read(self._recorder)
        yield from bps.save()
        return decision

    def best(self) -> MsgGenerator[SimpleNamespace | None]:
        """Ask for the best point, if the agent tells such."""
        if not hasattr(self._agent, "get_best_points"):
            return None
        question = Consultation(_Best(self._agent), 1)
        yield from wait_for(question, self._timeout)
        decision = yield from self._read(question)
        return None if decision.reason.startswith("fallback") else decision

    def move(self, decision: SimpleNamespace) -> MsgGenerator[None]:
        """Move all motors at once."""
        yield Msg("checkpoint")
        for motor in self._motors:
            yield Msg("set", motor, getattr(decision, motor.name), group="motors")
        yield Msg("wait", None, group="motors")

    def _read(self, question: Consultation, *, put: bool = True) -> MsgGenerator[SimpleNamespace]:
        where = {}
        for motor in self._motors:
            where[motor.name] = float((yield from bps.rd(motor)))
        facts: dict[str, Any] = {
            "action": "measure",
            "reason": "agent",
            "id": "",
            "acquisition": 0.0,
            "expected": 0.0,
            "expected_sd": 0.0,
            "think_time": question.seconds,
        }
        answer: list[Mapping[str, Any]] = []
        try:
            if not (put and question.done):
                raise TimeoutError(f"no answer within {self._timeout:g} s")
            answer = question.result()
            if question.stop is not None:
                facts |= {"action": "stop", "reason": question.stop}
            else:
                (suggestion,) = answer
                goals = {motor.name: float(suggestion[motor.name]) for motor in self._motors}
                for motor in self._motors:
                    _check(motor, goals[motor.name])
                where, facts = goals, {**facts, **_told(suggestion)}
        except Exception as error:
            logger.warning("nothing moves: %s", error)
            facts["reason"] = f"fallback: {type(error).__name__}: {error}"[:200]
            report_failures(self._agent, answer)
        return SimpleNamespace(**facts, **where)


def _told(suggestion: Mapping[str, Any]) -> dict[str, Any]:
    """Read what else an agent said of its suggestion."""
    why = getattr(suggestion, "why", {})
    known = {
        key: float(why[key])
        for key in ("acquisition", "expected", "expected_sd")
        if math.isfinite(float(why.get(key, math.nan)))
    }
    reason = f"agent: {why['decision']}" if "decision" in why else "agent"
    return {**known, "reason": reason, "id": str(suggestion.get("_id", ""))}


def _check(motor: Any, value: float) -> None:
    if not math.isfinite(value):
        raise BadInput(f"{motor.name} cannot go to {value!r}")
    if hasattr(motor, "check_value"):
        motor.check_value(value)


def _units(motor: Any) -> str:
    return str(getattr(motor, "egu", ""))
