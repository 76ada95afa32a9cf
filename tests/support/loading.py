"""A small gas-loading experiment: bright, so that few frames say much."""

import math

import numpy as np

from operando.agents.kinetics_areas import AreaWeights, PatternSum
from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_settings import KineticsAgentConfig
from operando.agents.patterns import PowderPatterns
from operando.devices import simulated_loading_station
from operando.plans import WatchSettings
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading
from operando.simulations.loading_beamline import LoadingBeamline
from operando.simulations.porous_crystal import amorphous_pattern, crystal_pattern

LAWS = ("first_order", "jander")
WATCH = {"exposure": 0.332, "before": 4, "longest": 6.0}


def loading_station(folder, *, speed=math.inf, seed=4, flux=5.0):
    """Build a station with a crystal in it; the station and what the crystal does."""
    clock, gas = Clock(speed), GasLoading()
    source = LoadingBeamline(gas, seed, flux=flux, began=clock.now())
    return simulated_loading_station(source, clock, folder), gas


def watch(**changes):
    """Settings of a short record."""
    return WatchSettings(**{**WATCH, **changes})


def agent_config(**changes):
    """Settings of an agent that compares two laws only."""
    return KineticsAgentConfig(kinetics=KineticsConfig(laws=LAWS), **changes)


ANGLE = np.linspace(3.1, 18.9, 487)
#: Mean counts a bin and unit of dose, empty and loaded.
MEANS = np.stack(
    [
        40.0 * (amorphous_pattern(ANGLE) + crystal_pattern(ANGLE, loaded=full))
        for full in (False, True)
    ]
)


def counted(rng, extent, dose):
    """Patterns of frames whose extents are given, Poisson, with their doses."""
    extent = np.asarray(extent)[:, None]
    mean = ((1.0 - extent) * MEANS[0] + extent * MEANS[1]) * np.asarray(dose)[:, None]
    return PowderPatterns.from_counts(ANGLE, rng.poisson(mean), 0.8)


def weights(rng, dose=50.0):
    """Weights from end patterns of some dose, themselves counted."""
    ends = [
        PatternSum.of(counted(rng, [extent], [dose]), np.array([dose])) for extent in (0.0, 1.0)
    ]
    return AreaWeights.from_ends(*ends)
