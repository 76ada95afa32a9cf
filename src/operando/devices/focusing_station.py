"""The focusing station: two mirrors, edges where the sample will be, and counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operando.devices.dwell import Dwell
from operando.devices.kb_mirrors import KBMirrors
from operando.devices.knife_edge import KnifeCounters, KnifeStage
from operando.devices.shutter import Shutter
from operando.simulations.kb_instrument import KBInstrument
from operando.simulations.kb_optics import random_pair

if TYPE_CHECKING:
    from operando.simulations.clock import Clock
    from operando.simulations.kb_optics import KBPair


@dataclass(frozen=True)
class FocusingStation:
    """The devices that focus the beam, by what they are for.

    Parameters
    ----------
    mirrors : KBMirrors
        ``pitch_v``, ``bend_v``, ``pitch_h`` and ``bend_h``.
    stage : KnifeStage
        Moves the edges: ``x`` and ``y``, um.
    counters : KnifeCounters
        Count behind the edges, and the incoming beam.
    shutter : Shutter
        Lets the beam through.
    dwell : Dwell
        Waits.
    clock : Clock
        The time of all of them.
    """

    mirrors: KBMirrors
    stage: KnifeStage
    counters: KnifeCounters
    shutter: Shutter
    dwell: Dwell
    clock: Clock


def focusing_station(instrument: KBInstrument, clock: Clock) -> FocusingStation:
    """Build the simulated focusing station about an instrument.

    Parameters
    ----------
    instrument : KBInstrument
        Mirrors, motors and counters: the truth.
    clock : Clock
        The station's clock.

    Returns
    -------
    FocusingStation
        With the devices ``kb``, ``stage``, ``scaler``, ``shutter`` and ``dwell``.
    """
    shutter = Shutter("", name="shutter", clock=clock)
    stage = KnifeStage("", name="stage", clock=clock)
    mirrors = KBMirrors("", name="kb", instrument=instrument, clock=clock)
    counters = KnifeCounters(
        "", name="scaler", instrument=instrument, stage=stage, shutter=shutter, clock=clock
    )
    dwell = Dwell("", name="dwell", clock=clock)
    return FocusingStation(mirrors, stage, counters, shutter, dwell, clock)


def simulated_focusing_station(
    clock: Clock, seed: int = 0, *, pair: KBPair | None = None
) -> FocusingStation:
    """Build the simulated focusing station, its mirrors out of focus.

    Parameters
    ----------
    clock : Clock
        The station's clock.
    seed : int
        Of the misalignment and of everything random in the instrument.
    pair : KBPair, optional
        Other mirrors than the seed's.

    Returns
    -------
    FocusingStation
        With the devices ``kb``, ``stage``, ``scaler``, ``shutter`` and ``dwell``.
    """
    instrument = KBInstrument(pair or random_pair(seed), seed, began=clock.now())
    return focusing_station(instrument, clock)
