"""A look at the beam that is stored nowhere."""

from __future__ import annotations

from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from operando.plans.stubs import with_beam


def count_once(engine: Any, station: Any, seconds: float) -> None:
    """Expose the detector once and print what was read.

    Parameters
    ----------
    engine : RunEngine
        One whose documents go nowhere.
    station : Station
        Has ``detector``, ``monitor`` and ``shutter``.
    seconds : float
        Exposure, s.
    """
    station.detector.exposure.check_value(seconds)

    def look() -> MsgGenerator:
        yield from bps.prepare(station.detector, {"exposure": seconds}, wait=True)
        for device in (station.detector, station.monitor):
            yield from bps.trigger(device, group="look")
        yield from bps.wait(group="look")

    def staged() -> MsgGenerator:
        import bluesky.preprocessors as bpp

        devices = [station.detector, station.monitor, station.shutter]
        yield from bpp.stage_wrapper(with_beam(station.shutter, look()), devices)

    engine(staged())
    for name, reading in station.monitor.read().items():
        print(f"{name:<20} {reading['value']:g} in {seconds:g} s")
