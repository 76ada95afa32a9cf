"""References of the battery study, measured on a cell of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator

from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_library import library_from
from operando.agents.soc_stepper import ScheduledSteps
from operando.agents.soc_table import SocTableAgent
from operando.interactive.agents import Agents
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_steps import XraySide
from operando.plans.soc_timetable import SocSettings
from operando.plans.stubs import plan


@plan
def soc_references(
    cell: Any,
    detectors: XraySide,
    agents: Agents,
    *,
    rest: float = 600.0,
    repeats: int = 4,
    sample: str = "references",
    seed: int | None = None,
) -> MsgGenerator[str]:
    """Charge a cell through the reference states; ``agents.battery`` then works with them.

    Not the cell to be studied, which would be at its end afterwards: with simulated devices
    ``station.mount_cell(seed=10007)`` before and ``station.mount_cell()`` after it.

    Parameters
    ----------
    cell : object
        Potentiostat; see `soc_stepped`.
    detectors : XraySide
        The X-ray side.
    agents : Agents
        Whose battery agents are to have the references.
    rest : float
        Before each measurement, s.
    repeats : int
        XAFS scans of each kind at every state.
    sample : str
        Name of the cell.
    seed : int, optional
        Seed of whatever is random about the measurement.

    Returns
    -------
    str
        The run's uid.
    """
    config = SocTableConfig(learn=False)
    reader = SocTableAgent(config, name="references")
    charge = soc_adaptive(
        cell,
        detectors,
        ScheduledSteps(config.states[1:], repeats),
        settings=SocSettings(rest=rest, repeats=repeats),
        report=lambda text: None,
        sample=sample,
        seed=seed,
        md={"num_points": len(config.states)},
    )
    uid: str = yield from bpp.subs_wrapper(charge, reader)
    library = reader.in_turn(
        lambda: library_from(reader.measurements(), config.states, source=f"run {uid}")
    )
    yield from bps.wait_for([lambda: asyncio.wrap_future(library)])
    agents.use_references(library.result())
    reader.close()
    return uid
