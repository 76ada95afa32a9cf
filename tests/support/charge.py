"""A short charge of a simulated cell, with an agent that keeps up with it."""

import copy
import math
from contextlib import suppress

from bluesky import RunEngine

from operando.devices.xafs_station import simulated_battery_station
from operando.errors import AgentError
from operando.plans.battery import soc_stepped
from operando.plans.soc_rows import with_rows
from operando.simulations.clock import Clock


def charge(seed, agent, **settings):
    """Documents of a short charge that the agent followed, and was asked for its rows."""
    battery = simulated_battery_station(Clock(math.inf), seed)
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    documents = []
    engine.subscribe(lambda name, doc: documents.append((name, copy.deepcopy(dict(doc)))))
    engine.subscribe(agent)
    engine.subscribe(lambda name, doc: keep_up(agent), "event")
    station = battery.station
    plan = soc_stepped(
        station.cell, station, agent=agent, report=lambda text: None, rest=60.0, **settings
    )
    engine(with_rows(plan, agent))
    battery.driver.close()
    return documents


def keep_up(agent):
    """A charge takes hours and its reduction milliseconds; without waiting it is the reverse."""
    with suppress(AgentError):
        agent.drain()
