"""Bluesky plans: messages only."""

from operando.plans.battery import soc_stepped
from operando.plans.decisions import Decision, DecisionRecorder
from operando.plans.grid import MapGrid
from operando.plans.mapping import map_fly, map_raster, map_two_pass
from operando.plans.revisits import revisit
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_timetable import completed_steps
from operando.plans.stubs import fly_lines, measure_point, with_beam
from operando.plans.xafs import xafs_step

__all__ = [
    "Decision",
    "DecisionRecorder",
    "MapGrid",
    "completed_steps",
    "fly_lines",
    "map_fly",
    "map_raster",
    "map_two_pass",
    "measure_point",
    "revisit",
    "soc_adaptive",
    "soc_stepped",
    "with_beam",
    "xafs_step",
]
