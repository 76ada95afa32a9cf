"""Devices of the simulated station that go wrong at the n-th call."""

import math
import threading
from dataclasses import replace

import numpy as np
from ophyd import Component
from ophyd.status import DeviceStatus

from operando.devices.beam import Beam
from operando.devices.fly import SerpentineFlyer
from operando.devices.ion_chamber import IonChamber
from operando.devices.pilatus import Pilatus100K
from operando.devices.shutter import Shutter
from operando.devices.stage import Axis, KBStage
from operando.devices.station import Station
from operando.physics.geometry import DetectorGeometry


class Fault:
    """Says at which calls something goes wrong."""

    def __init__(self, kind="", at=(), **facts):
        self.kind = kind
        self.at = frozenset([at] if isinstance(at, int) else at)
        self.calls = 0
        self.facts = facts

    def now(self, *kinds):
        """Count a call; whether this one goes wrong, in one of these ways."""
        if self.kind not in kinds:
            return False
        self.calls += 1
        return self.calls in self.at


class FaultyAxis(Axis):
    """Stalls on its way (never arrives), or ends somewhere else, or reads NaN."""

    fault = Fault()
    stopped = 0
    _off = 0.0
    _stalled = None

    def _begin(self, move):
        self._off = 0.0
        if self.fault.now("stall"):
            self._stalled = DeviceStatus(self)
            return self._stalled
        if self.fault.now("overshoot", "not a number"):
            self._off = math.nan if self.fault.kind == "not a number" else self.fault.facts["by"]
        return move()

    def set(self, value):
        return self._begin(lambda: super(FaultyAxis, self).set(value))

    def follow(self, travel):
        return self._begin(lambda: super(FaultyAxis, self).follow(travel))

    @property
    def position(self):
        return super().position + self._off

    def stop(self, *, success=False):
        self.stopped += 1
        stalled, self._stalled = self._stalled, None
        if stalled is not None and not stalled.done:
            stalled.set_finished()
        super().stop(success=success)


class FaultyStage(KBStage):
    x = Component(FaultyAxis, "", limits=(-2500.0, 2500.0), kind="hinted")
    y = Component(FaultyAxis, "", limits=(-2500.0, 2500.0), kind="hinted")


#: What can be wrong with frames.
SPOILT = ("one less", "one more", "rows missing", "one row", "zeros", "copy", "real")


class FaultyPilatus(Pilatus100K):
    """Loses, doubles, cuts or delays a frame, or gives one that it did not measure."""

    fault = Fault()
    _before = None

    def trigger(self):
        if self.fault.now("no frame"):
            return DeviceStatus(self)
        if self.fault.now("late frame"):
            status = DeviceStatus(self)
            late = super().trigger()
            threading.Timer(
                self.fault.facts["by"], lambda: late.add_callback(lambda _: status.set_finished())
            ).start()
            return status
        return super().trigger()

    def take(self, x_um, y_um, state):
        beam, self._beam = self._beam, _Spoilt(self._beam, self)
        try:
            super().take(x_um, y_um, state)
        finally:
            self._beam = beam

    def spoil(self, frames):
        last = frames[-1:].copy() if self._before is None else self._before
        self._before = frames[-1:].copy()
        if not self.fault.now(*SPOILT):
            return frames
        return {
            "one less": lambda: frames[:-1],
            "one more": lambda: np.concatenate([frames, frames[-1:]]),
            "rows missing": lambda: frames[:, :100],
            "one row": lambda: frames[:, :1],
            "zeros": lambda: np.zeros_like(frames),
            "copy": lambda: np.concatenate([last, frames[1:]]),
            "real": lambda: frames.astype(float) * math.nan,
        }[self.fault.kind]()


class _Spoilt:
    """What a detector sees, with its own faults on top."""

    def __init__(self, beam, detector):
        self._beam, self._detector = beam, detector

    def __getattr__(self, name):
        return getattr(self._beam, name)

    def frames(self, *args):
        return self._detector.spoil(self._beam.frames(*args))


class FaultyChamber(IonChamber):
    """Counts nothing, or NaN, in some exposures; a frame then has no beam either."""

    fault = Fault()

    def integrate(self, exposure_s, n, state):
        super().integrate(exposure_s, n, state)
        counts = self._counts.copy()
        for k in range(n):
            if self.fault.now("nothing", "not a number"):
                counts[k] = math.nan if self.fault.kind == "not a number" else 0.0
        self._counts = counts


def faulty_station(source, clock, data_dir, **faults):
    """Build the mapping station with faults by device: ``x``, ``y``, ``detector``, ``monitor``."""
    stage = FaultyStage("", name="stage", clock=clock)
    shutter = Shutter("", name="shutter", clock=clock)
    beam = Beam(source, stage, shutter)
    geometry = DetectorGeometry()
    detector = FaultyPilatus(
        "", name="pilatus", beam=beam, clock=clock, data_dir=data_dir, geometry=geometry
    )
    monitor = FaultyChamber("", name="i0", beam=beam, gate=detector, clock=clock)
    flyer = SerpentineFlyer(
        "", name="fly", stage=stage, detector=detector, monitor=monitor, clock=clock
    )
    devices = {"x": stage.x, "y": stage.y, "detector": detector, "monitor": monitor}
    for name, fault in faults.items():
        devices[name].fault = fault
    return Station(stage, detector, monitor, shutter, flyer, clock)


def faulty_loading(station, fault):
    """Give the gas-loading station a chamber that goes wrong."""
    beam, gate = station.detector.beam, station.detector
    monitor = FaultyChamber("", name="i0", beam=beam, gate=gate, clock=station.clock)
    monitor.fault = fault
    station.train._monitor = monitor
    return replace(station, monitor=monitor)
