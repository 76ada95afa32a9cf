"""One step of a charge: current, rest, diffraction, absorption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import Msg, MsgGenerator

from operando.plans.care import USUAL_CARE, Reading
from operando.plans.measuring import once_more
from operando.plans.rest import Resting, rest_until_known
from operando.plans.soc_record import SocRecorder, SocStep
from operando.plans.soc_timetable import SocSettings
from operando.plans.stubs import plan, with_beam
from operando.plans.time_limits import limit, set_within


class XraySide(Protocol):
    """The roles that the plan needs beside the cell; any object that has them, a frozen one too."""

    @property
    def mono(self) -> Any:
        """Movable to an energy, eV."""
        ...

    @property
    def shutter(self) -> Any:
        """Can be set to "open" and "closed"."""
        ...

    @property
    def xrd(self) -> Any:
        """Detector with the settings ``exposure`` (s) and ``energy`` (eV)."""
        ...

    @property
    def scans(self) -> Mapping[str, Any]:
        """By stream, detectors that scan when triggered and have a ``duration`` (s)."""
        ...

    @property
    def dose(self) -> Any:
        """Readable; has the ``rate`` of the open beam, MGy/s."""
        ...


def xray_seconds(detectors: XraySide, settings: SocSettings) -> float:
    """How long the beam is on the cell at each step, s.

    Parameters
    ----------
    detectors : XraySide
        The X-ray side.
    settings : SocSettings
        What is done.
    """
    scans = sum(float(scan.duration) for scan in detectors.scans.values())
    return settings.xrd_exposure + settings.repeats * scans


@plan
def soc_step(
    cell: Any,
    detectors: XraySide,
    settings: SocSettings,
    index: int,
    target: float,
    recorder: SocRecorder,
    resting: Resting | None = None,
    ended_at: float | None = None,
) -> MsgGenerator[str]:
    """Charge to one state of charge, rest and measure.

    Parameters
    ----------
    cell : object
        Potentiostat.
    detectors : XraySide
        The X-ray side.
    settings : SocSettings
        What is done.
    index : int
        Number of the step.
    target : float
        State of charge to go to.
    recorder : SocRecorder
        Takes what becomes known about the step.
    resting : Resting, optional
        Its rule ends the rest when it knows enough; see `rest_until_known`.
    ended_at : float, optional
        Voltage (V) at which an earlier run's charge has ended the last step; it is not charged
        again.

    Returns
    -------
    str
        Why the charge ended: "charge" or "voltage"; "" where there was nothing to charge.
    """
    if ended_at is None:
        reason, v_end = yield from _charge(cell, settings, target)
    else:
        reason, v_end = "voltage", ended_at
    yield Msg("checkpoint")
    began = yield from bps.rd(cell.time)
    if resting is not None and settings.rest > 0.0:
        yield from rest_until_known(
            cell,
            resting.rule,
            longest=settings.rest,
            every=min(5.0, settings.rest),
            recorder=resting.recorder,
        )
    else:
        technique = {"technique": "rest", "duration": settings.rest, "slope": settings.rest_slope}
        yield from set_within(cell, technique, settings.rest)
    yield Msg("checkpoint")
    ocv = yield from bps.rd(cell.voltage)
    known = SocStep(
        index,
        target,
        soc=(yield from bps.rd(cell.soc)),
        v_end=ocv if v_end is None else v_end,
        ocv=ocv,
        overpotential=0.0 if v_end is None else v_end - ocv,
        temperature=(yield from bps.rd(cell.temperature)),
        rested=(yield from bps.rd(cell.time)) - began,
        reason=reason,
    )
    yield from bps.abs_set(recorder, known, wait=True)
    yield from _event("primary", recorder, cell, detectors.dose)
    yield from with_beam(detectors.shutter, _xrays(detectors, settings, recorder))
    return reason


def _charge(
    cell: Any, settings: SocSettings, target: float
) -> MsgGenerator[tuple[str, float | None]]:
    """Charge to `target`; reason and voltage before the current stopped, if any flowed."""
    yield Msg("checkpoint")
    before = yield from bps.rd(cell.soc)
    if target - before < 1e-6:
        return "", None
    capacity = yield from bps.rd(cell.nominal_capacity)
    technique = {
        "technique": "galvanostatic",
        "current": settings.c_rate * capacity,
        "to_charge": target * capacity,
        "to_voltage": settings.until,
    }
    yield Msg("checkpoint")
    yield from set_within(cell, technique, 3600.0 * (target - before) / settings.c_rate)
    reason = yield from bps.rd(cell.reason)
    v_end = yield from bps.rd(cell.end_voltage)
    return reason, float(v_end)


def _xrays(detectors: XraySide, settings: SocSettings, recorder: SocRecorder) -> MsgGenerator:
    energy = yield from bps.rd(detectors.xrd.energy)
    yield Msg("checkpoint")
    yield from bps.mv(detectors.mono, energy)
    exposure = yield from bps.rd(detectors.xrd.exposure)
    yield from _lit_exposure("xrd", exposure, detectors.xrd, recorder, detectors.mono)
    for stream, scan in detectors.scans.items():
        for _ in range(settings.repeats):
            yield from _lit_exposure(stream, scan.duration, scan, recorder, detectors.dose)


def _lit_exposure(stream: str, seconds: float, detector: Any, *others: Any) -> MsgGenerator[None]:
    """Expose, and once more where there was no beam: the cell rests and loses nothing by it."""
    dark = 0.0
    if hasattr(detector, "dark"):
        currents, dwell = (yield from bps.rd(detector.dark)), (yield from bps.rd(detector.dwell))
        dark = float(currents[0]) * float(dwell)
    for left in range(USUAL_CARE.tries, -1, -1):
        yield Msg("checkpoint")
        yield from bps.trigger(detector, group="xrays")
        yield from bps.wait(group="xrays", timeout=limit(float(seconds)))
        wrong = no_light(detector.name, (yield from _event(stream, *others, detector)), dark)
        if not wrong:
            return
        yield Msg("checkpoint")
        yield from once_more(stream, wrong, left, USUAL_CARE)


def no_light(name: str, reading: Reading | None, dark: float = 0.0) -> str:
    """Say how an exposure had no beam; empty when it had, or nobody measures.

    Parameters
    ----------
    name : str
        The detector's.
    reading : mapping or None
        Has the incoming beam at every energy (``_i0``), or the pattern (``_counts``).
    dark : float
        Counts of the incoming beam's chamber without beam.

    Examples
    --------
    >>> no_light("xrd", {"xrd_counts": {"value": [0.0, 0.0]}})
    'no beam: xrd_counts are 0 in all'
    >>> no_light("scan", {"scan_i0": {"value": [900.0, 24.0]}}, dark=24.0)
    'no beam: scan_i0 reads 24 counts, 24 of them its dark current'
    """
    for key, item in (reading or {}).items():
        if key == f"{name}_i0":
            least = float(np.min(item["value"]))
            if not least > dark:
                return f"no beam: {key} reads {least:g} counts, {dark:g} of them its dark current"
        if key == f"{name}_counts":
            total = float(np.sum(item["value"]))
            if not total > 0.0:
                return f"no beam: {key} are {total:g} in all"
    return ""


def _event(stream: str, *devices: Any) -> MsgGenerator[Reading | None]:
    """Read devices: one event. What the last one read is returned."""
    reading = None
    yield from bps.create(name=stream)
    for device in devices:
        reading = yield from bps.read(device)
    yield from bps.save()
    return reading
