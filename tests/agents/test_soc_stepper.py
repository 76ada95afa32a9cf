"""Where a charge goes next."""

import math

import numpy as np
import pytest
from bluesky import RunEngine

from operando.agents.soc_config import SocStepperConfig
from operando.agents.soc_curves import gap_errors, merged, next_state
from operando.agents.soc_stepper import SocStepper
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import BadInput
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_rows import with_rows
from operando.plans.soc_timetable import SocSettings
from operando.simulations.clock import Clock

EARLIER = ((0.0, 0.0, 4.743, 3.62), (0.4, 2.0, 4.782, 3.81), (0.8, 3.0, 4.816, 4.08))


def test_a_bend_draws_measurements():
    soc = np.linspace(0.0, 1.2, 7)
    kink = np.maximum(0.0, soc - 0.8)
    edges, errors = gap_errors(np.column_stack([soc, kink, kink, kink]), 1.2)
    widest = edges[:-1][errors > 0.9 * errors.max()]
    assert widest == pytest.approx([0.6, 0.8])
    assert (errors > 0).all()


def test_a_wide_gap_draws_measurements():
    soc = np.array([0.0, 0.1, 0.2, 0.8, 0.9, 1.0])
    curve = soc**2
    points = np.column_stack([soc, curve, curve, curve])
    assert 0.2 < next_state(points, 0.0, 1.0, 3) < 0.8
    assert next_state(points, 0.85, 1.0, 3) > 0.85
    assert next_state(points, 0.0, 1.0, 0) is None


def test_own_points_stand_in_for_the_earlier_cells():
    points = merged(EARLIER, [(0.405, 2.1, 4.79, 3.8)])
    assert points[:, 0].tolist() == [0.0, 0.405, 0.8]


@pytest.fixture(scope="module")
def adaptive():
    """A charge of four measurements by the agent, and its events by stream."""
    config = SocStepperConfig(
        states=(0.0, 0.4), budget=4, end=0.8, earlier=EARLIER, rest_slope=1e-4, target_sd=0.0005
    )
    agent = SocStepper(config)
    battery = simulated_battery_station(Clock(math.inf), 3)
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    documents = []
    engine.subscribe(lambda name, doc: documents.append((name, dict(doc))))
    engine.subscribe(agent)
    station = battery.station
    settings = SocSettings(max_soc=0.8, rest=300.0)
    plan = soc_adaptive(station.cell, station, agent, settings=settings, report=lambda _: None)
    engine(with_rows(plan, agent))
    battery.driver.close()
    yield agent, documents
    agent.close()


def data(documents, stream):
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    return [
        doc["data"]
        for name, doc in documents
        if name == "event" and names[doc["descriptor"]] == stream
    ]


def test_the_budget_is_spent_and_the_last_one_is_at_the_end(adaptive):
    agent, documents = adaptive
    decisions = data(documents, "decisions")
    assert {one["decision_reason"] for one in decisions} == {"agent"}
    socs = [row["soc"] for row in agent.rows()]
    assert len(socs) == 4
    assert socs[-1] == pytest.approx(0.8, abs=1e-3)
    assert np.diff(socs).min() > 0.05
    assert len(data(documents, "soc_table")) >= 4


def test_a_rest_ends_when_the_voltage_stands(adaptive):
    rested = [one["soc_step_rested"] for one in data(adaptive[1], "primary")[1:]]
    assert max(rested) < 1800.0


def test_more_scans_are_made_where_the_fractions_are_not_good_enough(adaptive):
    scans = np.bincount([one["soc_step_index"] for one in data(adaptive[1], "xafs_ni_co")])
    assert scans[0] == 1
    assert scans[1:].max() > 1


def test_a_stored_spec_rebuilds_the_agent():
    agent = SocStepper(SocStepperConfig(budget=7, earlier=EARLIER))
    again = SocStepper.from_spec(agent.spec())
    assert again.config == agent.config
    with pytest.raises(BadInput, match="four numbers"):
        SocStepperConfig.from_mapping({"earlier": [(1.0, 2.0)]})
    with pytest.raises(BadInput, match="budget"):
        SocStepperConfig(budget=1)


def test_without_anything_to_go_by_the_steps_are_even():
    agent = SocStepper(SocStepperConfig(budget=5, end=1.6))
    assert agent.suggest()[0]["soc"] == pytest.approx(0.4)
    agent.close()
