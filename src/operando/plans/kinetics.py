"""Watch gas go into a crystal: frames without a gap, a valve, and an agent that has the say."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from operando.errors import BadInput
from operando.plans.care import USUAL_CARE, Care, Lookout
from operando.plans.kinetics_choice import Chooser
from operando.plans.kinetics_settings import KineticsStation, WatchSettings
from operando.plans.measuring import once_more, timestamp
from operando.plans.stubs import one_run, plan, spec_of, with_beam
from operando.plans.time_limits import limit, set_within

logger = logging.getLogger(__name__)


@plan
def watch_kinetics(
    station: KineticsStation,
    agent: Any = None,
    *,
    settings: WatchSettings | None = None,
    care: Care = USUAL_CARE,
    references: str = "",
    sample: str = "",
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take frames, let the gas in, and go on until the agent has seen enough.

    Parameters
    ----------
    station : KineticsStation
        The devices.
    agent : object, optional
        Its ``suggest(1)`` says after each portion whether to "stop" or "go on", and may give
        another ``exposure`` (s) or ``num`` for the next one, and ``pause``: so many seconds with
        the shutter closed after it, or instead of it if ``num`` is 0.
    settings : WatchSettings, optional
    care : Care
        Says when a frame had no beam. The valve does not open before frames have beam; later
        nothing can be measured again, and the stop document says how many frames had none.
    references : str
        Uid of the run that the agent has learnt the end patterns from.
    sample : str
        Name of the sample.
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
    Streams: ``primary`` (a frame: begin and end of its exposure, monitor, image), ``gas`` (valve,
    pressure and when the valve opened: before and after it does, and at the end) and
    ``decisions`` (one after each portion once the valve is open). The detector runs by itself: a
    slow answer delays the decision and leaves no gap in the record. Whatever ends the run, the
    valve and the shutter close.
    """
    settings = settings or WatchSettings()
    station.train.check_value({"exposure": settings.exposure, "num": settings.frames})
    start = {
        "plan_name": "watch_kinetics",
        "exposure": settings.exposure,
        "before": settings.before,
        "longest": settings.longest,
        "portion": settings.frames,
        "num_points": int(settings.longest / settings.exposure),
        "sample": sample,
        "seed": seed,
        "agent": spec_of(agent),
        "detectors": [station.detector.name, station.monitor.name],
        "motors": [station.gas.name],
        "hints": {"dimensions": [[["time"], "primary"]]},
        **({"resumes": references} if references else {}),
        **(md or {}),
    }
    watched = _watch(station, agent, settings, care)
    return (yield from one_run(_staged(station, with_beam(station.shutter, watched)), start))


@plan
def measure_ends(
    station: KineticsStation,
    *,
    exposure: float = 0.33205,
    frames: int = 180,
    wait: float = 60.0,
    care: Care = USUAL_CARE,
    sample: str = "",
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Measure the crystal empty and loaded, and evacuate it again.

    Parameters
    ----------
    station : KineticsStation
        The devices; the crystal is evacuated.
    exposure : float
        Of a frame, s.
    frames : int
        Of either state.
    wait : float
        Time to let the gas go in, and out, s.
    care : Care
        Frames without beam are taken again.
    sample, seed, md
        As for `watch_kinetics`.

    Returns
    -------
    str
        The run's uid. Streams ``empty`` and ``loaded``.
    """
    if frames < 1 or not wait >= 0:
        raise BadInput(f"{frames} frames and a wait of {wait!r} s make no sense")
    station.train.check_value({"exposure": exposure, "num": frames})
    start = {
        "plan_name": "measure_ends",
        "exposure": exposure,
        "num_points": 2 * frames,
        "sample": sample,
        "seed": seed,
        "detectors": [station.detector.name, station.monitor.name],
        "motors": [station.gas.name],
        "hints": {"dimensions": [[["time"], "empty"]]},
        **(md or {}),
    }

    def ends() -> MsgGenerator:
        yield from with_beam(station.shutter, _portions(station, exposure, frames, "empty", care))
        yield from bps.mv(station.gas, "open")
        yield from set_within(station.dwell, wait, wait)
        yield from with_beam(station.shutter, _portions(station, exposure, frames, "loaded", care))
        yield from bps.mv(station.gas, "vacuum")
        yield from set_within(station.dwell, wait, wait)

    return (yield from one_run(_staged(station, ends()), start))


def _staged(station: KineticsStation, inner: MsgGenerator) -> MsgGenerator:
    # The gas cell first: what is staged first is unstaged last, and its valve closes then.
    devices = [station.gas, station.detector, station.monitor, station.shutter, station.train]
    return (yield from bpp.stage_wrapper(inner, devices))


def _portions(
    station: KineticsStation, exposure: float, frames: int, stream: str, care: Care
) -> MsgGenerator:
    """Take frames of a stream of their own."""
    yield from bps.prepare(station.detector, {"exposure": exposure}, wait=True)
    yield from bps.declare_stream(station.train, name=stream, collect=True)
    lookout, fresh = Lookout(care, exposure), 1.0
    for num in _sizes(frames, max(1, round(1.0 / exposure))):
        yield from _lit_portion(station, num, stream, fresh, lookout)
        fresh = 0.0


def _lit_portion(
    station: KineticsStation, num: int, stream: str, fresh: float, lookout: Lookout
) -> MsgGenerator[None]:
    """Take frames, and others in their place where there was no beam."""
    for left in range(lookout.care.tries, -1, -1):
        dark = yield from _portion(station, num, stream, fresh, lookout)
        if not dark:
            return
        yield from once_more(f"{num} frames", dark, left, lookout.care)
        fresh = 1.0


def _portion(
    station: KineticsStation, num: int, stream: str, fresh: float, lookout: Lookout
) -> MsgGenerator[str]:
    """Take the next frames of the train; how some of them had no beam is returned."""
    train, exposure = station.train, lookout.exposure
    yield Msg("checkpoint")
    portion = {"exposure": exposure, "num": num, "fresh": fresh}
    yield Msg("prepare", train, portion, group="prepare")
    yield Msg("wait", None, group="prepare")
    yield Msg("kickoff", train, group="kickoff")
    yield Msg("wait", None, group="kickoff")
    yield Msg("complete", train, group="complete")
    yield Msg("wait", None, group="complete", timeout=limit(exposure * num))
    pages = yield Msg("collect", train, stream=False, return_payload=True, name=stream)
    yield Msg("checkpoint")
    name = station.monitor.name
    counts = [value for page in pages or () for value in page["data"].get(name, ())]
    dark = [said for said in (lookout.dark(name, value) for value in counts) if said]
    lookout.repeated += len(dark)
    return dark[0] if dark else ""


def _watch(
    station: KineticsStation, agent: Any, settings: WatchSettings, care: Care
) -> MsgGenerator[str]:
    yield from bps.prepare(station.detector, {"exposure": settings.exposure}, wait=True)
    yield from bps.declare_stream(station.train, name="primary", collect=True)
    began = yield from _note_gas(station.gas)
    spent, fresh = 0.0, 1.0
    lookout = Lookout(care, settings.exposure)
    for num in _sizes(settings.before, settings.frames):
        # The gas goes in once: not before there is beam to see it by.
        yield from _lit_portion(station, num, "primary", fresh, lookout)
        spent, fresh = spent + settings.exposure * num, 0.0
    yield from bps.mv(station.gas, "open")
    yield from _note_gas(station.gas)
    chooser = Chooser(agent, station, settings)
    lookout.repeated = 0
    while True:
        now = timestamp((yield Msg("read", station.gas))) or began
        decision = yield from chooser.decide(spent, now - began)
        if decision.limit or decision.action == "stop":
            break
        if decision.num:
            lookout.exposure = decision.exposure
            yield from _portion(station, decision.num, "primary", fresh, lookout)
            spent, fresh = spent + decision.exposure * decision.num, 0.0
        if decision.pause:
            yield from _pause(station, decision.pause)
            fresh = 1.0
    yield from bps.mv(station.gas, "closed")
    yield from _note_gas(station.gas)
    dark = f"; {lookout.repeated} frames had no beam" if lookout.repeated else ""
    return f"ended by {decision.limit or decision.why or decision.reason}{dark}"


def _sizes(total: int, portion: int) -> list[int]:
    """Sizes of portions that make up a number of frames.

    Examples
    --------
    >>> _sizes(7, 3)
    [3, 3, 1]
    """
    return [min(portion, total - done) for done in range(0, total, portion)]


def _pause(station: KineticsStation, seconds: float) -> MsgGenerator[None]:
    """Keep the beam off the sample for a while; the next frames are a new train."""
    yield Msg("checkpoint")
    yield from bps.mv(station.shutter, "closed")
    yield from set_within(station.dwell, seconds, seconds)
    yield from bps.mv(station.shutter, "open")


def _note_gas(gas: Any) -> MsgGenerator[float]:
    """Record the gas cell; when that was is returned, s of the station's clock."""
    yield Msg("checkpoint")
    yield from bps.create(name="gas")
    reading = yield from bps.read(gas)
    yield from bps.save()
    return timestamp(reading) or 0.0
