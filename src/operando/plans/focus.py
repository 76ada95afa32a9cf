"""Focus the mirrors by scans of an edge, with an agent that has the say."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.asking import ask
from operando.plans.consult import Consultation
from operando.plans.focus_moves import FocusStation, FromBelow, check_scan, scan_edge, standing
from operando.plans.focus_record import KNOBS, FocusDecision, decision_from, decision_recorder
from operando.plans.stubs import one_run, plan, spec_of, with_beam

logger = logging.getLogger(__name__)

#: Questions in a row without an answer that can be carried out, after which the run ends.
TRIES = 3


@plan
def knife_edge(
    station: FocusStation,
    *,
    centre: tuple[float, float] = (0.0, 0.0),
    half: float = 30.0,
    num: int = 41,
    directions: str = "vh",
    dwell: float = 0.2,
    sample: str = "",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure the profile of the beam where the mirrors are.

    Parameters
    ----------
    station : FocusStation
        The devices.
    centre : tuple of float
        Middle of the scans (y, x), um.
    half : float
        Half width of the scans, um.
    num : int
        Points of each.
    directions : str
        "v", "h" or "vh".
    dwell : float
        Time of a count, s.
    sample : str
        Name of what is there.
    md : mapping, optional
        More for the start document.

    Returns
    -------
    str
        The run's uid. Streams ``knife_v`` and ``knife_h``, an event a point.
    """
    for direction in directions:
        check_scan(station, direction, centre["vh".index(direction)], half, num)
    start = _start(station, "knife_edge", None, dwell, sample, None)
    start |= {"num_points": num * len(directions)}

    def scans() -> MsgGenerator:
        yield from bps.mv(station.counters.dwell, dwell)
        for direction in directions:
            yield from scan_edge(station, direction, centre["vh".index(direction)], half, num)

    return (yield from _run(station, scans(), {**start, **(md or {})}))


@plan
def focus_kb(
    station: FocusStation,
    agent: Any,
    *,
    dwell: float = 0.2,
    timeout: float = 60.0,
    resumes: str = "",
    sample: str = "",
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Move pitches and benders and scan the edge until the agent has seen enough.

    Parameters
    ----------
    station : FocusStation
        The devices.
    agent : object
        Its ``suggest(1)`` says where the knobs go and what to scan there, or to stop; see
        `operando.agents.focus_agent`. Its settings hold the most scans that it may ask for.
    dwell : float
        Time of a count, s.
    timeout : float
        Longest wait for an answer, real seconds.
    resumes : str
        Uid of the run that the agent has learnt from before: a warm start.
    sample : str
        Name of what is there.
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
    Streams: ``knife_v`` and ``knife_h`` (a point of a scan: stage, mirrors, counters) and
    ``decisions`` (one before each move; the last one says why it stopped). Knobs arrive from
    below. An answer that is late, wrong or outside the limits moves nothing and is asked for
    again; after three of them in a row the run ends. However it ends, the knobs stand, the
    edges leave the beam if nothing went wrong, and the shutter closes.
    """
    return (
        yield from _focus(station, agent, "focus_kb", dwell, timeout, resumes, sample, seed, md)
    )


@plan
def focus_by_coordinates(
    station: FocusStation,
    agent: Any,
    *,
    dwell: float = 0.2,
    timeout: float = 60.0,
    sample: str = "",
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Focus one knob after the other, as by hand: the baseline of `focus_kb`.

    Parameters
    ----------
    station : FocusStation
        The devices.
    agent : object
        A `CoordinateScanAgent` of `operando.agents.coordinate_scan`.
    dwell, timeout, sample, seed, md
        As for `focus_kb`.

    Returns
    -------
    str
        The run's uid.
    """
    return (
        yield from _focus(
            station, agent, "focus_by_coordinates", dwell, timeout, "", sample, seed, md
        )
    )


def _focus(
    station: FocusStation,
    agent: Any,
    name: str,
    dwell: float,
    timeout: float,
    resumes: str,
    sample: str,
    seed: int | None,
    md: Mapping[str, Any] | None,
) -> MsgGenerator[str]:
    start = _start(station, name, agent, dwell, sample, seed)
    if resumes:
        start["resumes"] = resumes
    loop = _loop(station, _Asking(agent, station, timeout), dwell)
    return (yield from _run(station, loop, {**start, **(md or {})}))


def _start(
    station: FocusStation, name: str, agent: Any, dwell: float, sample: str, seed: int | None
) -> dict[str, Any]:
    if not dwell > 0:
        raise BadInput(f"a count of {dwell!r} s is none")
    station.counters.dwell.check_value(dwell)
    return {
        "plan_name": name,
        "dwell": dwell,
        "sample": sample,
        "seed": seed,
        "agent": spec_of(agent),
        "detectors": [station.counters.name],
        "motors": [getattr(station.mirrors, knob).name for knob in KNOBS],
        "hints": {"dimensions": [[["time"], "knife_v"]]},
    }


def _run(station: FocusStation, inner: MsgGenerator, md: Mapping[str, Any]) -> MsgGenerator[str]:
    devices = [station.mirrors, station.stage, station.counters, station.shutter]
    staged = bpp.stage_wrapper(with_beam(station.shutter, inner), devices)
    return (yield from one_run(staged, md))


def _loop(station: FocusStation, asking: _Asking, dwell: float) -> MsgGenerator[str]:
    yield from bps.mv(station.counters.dwell, dwell)
    knobs, failures = FromBelow(station.mirrors), 0
    while True:
        decision = yield from asking.decide(knobs)
        failures = failures + 1 if decision.reason != "agent" else 0
        if failures == TRIES:
            return f"ended after {TRIES} questions without an answer: {decision.reason}"
        yield from knobs.move({name: getattr(decision, name) for name in KNOBS})
        if decision.action == "stop":
            break
        for direction in "vh":
            middle, half, num = decision.window(direction)
            if num:
                yield from scan_edge(station, direction, middle, half, num)
    clear = yield from bps.rd(station.stage.clear)
    yield from bps.mv(station.stage.x, clear, station.stage.y, clear)
    return decision.why


class _Asking:
    """Turn an agent's answers into decisions that can be carried out, and record them."""

    def __init__(self, agent: Any, station: FocusStation, timeout: float) -> None:
        self._agent, self._station, self._timeout = agent, station, timeout
        self._recorder = decision_recorder()
        self._question: Consultation | None = None
        self._index = 0

    def decide(self, knobs: FromBelow) -> MsgGenerator[FocusDecision]:
        """Ask, and record what comes of it."""
        stands = yield from standing(self._station.mirrors)
        self._question, put = yield from ask(
            self._agent, self._question, self._timeout, patient=True
        )
        decision = self._answer(self._question, stands, knobs, put=put)
        yield Msg("checkpoint")
        yield from bps.abs_set(self._recorder, decision, wait=True)
        yield from bps.create(name="decisions")
        yield from bps.read(self._recorder)
        yield from bps.save()
        self._index += 1
        return decision

    def _answer(
        self,
        question: Consultation,
        stands: Mapping[str, float],
        knobs: FromBelow,
        *,
        put: bool,
    ) -> FocusDecision:
        try:
            if not (put and question.done):
                raise TimeoutError(f"no answer within {self._timeout:g} s")
            (suggestion,) = question.result()
            decision = decision_from(suggestion, self._index, stands, question.seconds)
            knobs.check({name: getattr(decision, name) for name in KNOBS})
            for direction in "vh":
                middle, half, num = decision.window(direction)
                if num:
                    check_scan(self._station, direction, middle, half, num)
            return decision
        except Exception as error:
            logger.warning("nothing moves: %s", error)
            reason = f"fallback: {type(error).__name__}: {error}"[:200]
            return FocusDecision(
                self._index,
                "measure",
                reason,
                pitch_v=stands["pitch_v"],
                bend_v=stands["bend_v"],
                pitch_h=stands["pitch_h"],
                bend_h=stands["bend_h"],
            )
