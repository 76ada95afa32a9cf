"""Bluesky plans: messages only."""

from operando.plans.adaptive import map_adaptive
from operando.plans.battery import soc_stepped
from operando.plans.care import Care
from operando.plans.decisions import Decision, DecisionRecorder
from operando.plans.focus import focus_by_coordinates, focus_kb, knife_edge
from operando.plans.grid import MapGrid
from operando.plans.kinetics import measure_ends, watch_kinetics
from operando.plans.kinetics_settings import WatchSettings
from operando.plans.mapping import map_fly, map_raster
from operando.plans.measuring import fly_lines, measure_point
from operando.plans.optimise import optimise
from operando.plans.progress import Progress, lineage
from operando.plans.rest import rest_until_known
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_timetable import completed_steps, voltage_reached
from operando.plans.stage_time import StageTime, stage_time
from operando.plans.stubs import with_beam
from operando.plans.two_pass import map_two_pass
from operando.plans.xafs import xafs_step

__all__ = [
    "Care",
    "Decision",
    "DecisionRecorder",
    "MapGrid",
    "Progress",
    "StageTime",
    "WatchSettings",
    "completed_steps",
    "fly_lines",
    "focus_by_coordinates",
    "focus_kb",
    "knife_edge",
    "lineage",
    "map_adaptive",
    "map_fly",
    "map_raster",
    "map_two_pass",
    "measure_ends",
    "measure_point",
    "optimise",
    "rest_until_known",
    "soc_adaptive",
    "soc_stepped",
    "stage_time",
    "voltage_reached",
    "watch_kinetics",
    "with_beam",
    "xafs_step",
]
