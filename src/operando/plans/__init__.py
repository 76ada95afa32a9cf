"""Bluesky plans: messages only."""

from operando.plans.decisions import Decision, DecisionRecorder
from operando.plans.grid import MapGrid
from operando.plans.mapping import map_fly, map_raster, map_two_pass
from operando.plans.revisits import revisit
from operando.plans.stubs import fly_lines, measure_point, with_beam

__all__ = [
    "Decision",
    "DecisionRecorder",
    "MapGrid",
    "fly_lines",
    "map_fly",
    "map_raster",
    "map_two_pass",
    "measure_point",
    "revisit",
    "with_beam",
]
