"""The plans at the prompt: by job, with an example of each that works as it is printed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One plan.

    Parameters
    ----------
    job : str
        Whose devices it works with: ``station.<job>``.
    name : str
        The plan.
    module : str
        Where it is.
    example : str
        Its arguments in an example.
    agent : str
        Which of ``agents`` listens, and is asked; empty for none.
    settings : str
        Class in the plan's module of settings whose fields are taken as keywords.
    rows : bool
        Whether the agent's rows are recorded in the run.
    """

    job: str
    name: str
    module: str
    example: str
    agent: str = ""
    settings: str = ""
    rows: bool = False

    def function(self) -> Callable[..., Any]:
        """Import the plan."""
        function: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return function

    def settings_class(self) -> Any:
        """Import the class of its settings; None when there is none."""
        if not self.settings:
            return None
        return getattr(importlib.import_module(self.module), self.settings)

    @property
    def call(self) -> str:
        """The example as it is typed."""
        return f"RE(plans.{self.name}({self.example}))"


_MAP = "shape=(12, 10), step=16.0, exposure=0.04"

#: In the order in which they are listed.
ENTRIES = (
    Entry(
        "mapping",
        "map_two_pass",
        "operando.plans.two_pass",
        "shape=(12, 10), step=16.0, exposure=0.02, revisit_exposure=0.1",
        "mapping",
    ),
    Entry("mapping", "map_fly", "operando.plans.mapping", _MAP, "mapping"),
    Entry("mapping", "map_raster", "operando.plans.mapping", _MAP, "mapping"),
    Entry(
        "mapping",
        "map_adaptive",
        "operando.plans.adaptive",
        "shape=(24, 20), step=8.0, exposure=0.1, n_points=80",
        "mapping",
    ),
    Entry("battery", "soc_references", "operando.interactive.references", "rest=120.0, repeats=2"),
    Entry(
        "battery",
        "soc_stepped",
        "operando.plans.battery",
        "step=0.4, rest=120.0",
        "battery",
        rows=True,
    ),
    Entry(
        "battery",
        "soc_adaptive",
        "operando.plans.soc_adaptive",
        "rest=120.0",
        "stepper",
        settings="SocSettings",
        rows=True,
    ),
    Entry("battery", "xafs_step", "operando.plans.xafs", "range(8320, 8360, 4), dwell=0.2"),
    Entry("kinetics", "measure_ends", "operando.plans.kinetics", "frames=60", "kinetics"),
    Entry(
        "kinetics",
        "watch_kinetics",
        "operando.plans.kinetics",
        "longest=10.0",
        "kinetics",
        settings="WatchSettings",
    ),
    Entry("focusing", "focus_kb", "operando.plans.focus", "", "focusing"),
    Entry("focusing", "focus_by_coordinates", "operando.plans.focus", "", "coordinates"),
    Entry("focusing", "knife_edge", "operando.plans.focus", "half=20.0", "focusing"),
)
