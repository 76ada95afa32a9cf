"""A rest that ends when the plateau of the voltage is known."""

import math

import bluesky.plan_stubs as bps
import pytest

from operando.agents.relaxation import RelaxationConfig, RestRule
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import BadInput
from operando.plans.rest import rest_until_known
from operando.plans.stubs import one_run
from operando.simulations.clock import Clock


@pytest.fixture
def cell():
    battery = simulated_battery_station(Clock(math.inf), 1)
    yield battery.station.cell
    battery.driver.close()


def charged_and_rested(cell, rule, **settings):
    def inner():
        current = 0.5 * (yield from bps.rd(cell.nominal_capacity))
        technique = {"technique": "galvanostatic", "current": current, "duration": 360.0}
        yield from bps.abs_set(cell, technique, wait=True)
        found.append((yield from rest_until_known(cell, rule, **settings)))
        yield from bps.abs_set(cell, {"technique": "rest", "duration": 36_000.0}, wait=True)
        found.append((yield from bps.rd(cell.voltage)))

    found = []
    return one_run(inner(), {}), found


def decisions(documents):
    uids = {d["uid"] for n, d in documents if n == "descriptor" and d["name"] == "rest_decisions"}
    return [d["data"] for n, d in documents if n == "event" and d["descriptor"] in uids]


def test_a_rest_ends_when_its_plateau_is_known(cell, engine):
    rule = RestRule(RelaxationConfig(target=1e-3, reach=0.1))
    plan, found = charged_and_rested(cell, rule, longest=3600.0)
    engine(plan)
    decision, settled = found
    assert decision.stop
    assert "is known" in decision.why
    assert decision.rested < 3600.0
    plateau = float(decision.why.split()[1])
    assert plateau == pytest.approx(settled, abs=4e-3)
    told = decisions(engine.documents)
    assert [row["rest_decision_stop"] for row in told] == [0] * (len(told) - 1) + [1]
    assert all(row["rest_decision_why"] for row in told)


def test_a_rule_that_fails_is_overruled_and_the_longest_rest_holds(cell, engine):
    class Fails:
        def decide(self, time, value):
            raise RuntimeError("no idea")

    plan, found = charged_and_rested(cell, Fails(), longest=100.0, every=10.0, ask=4)
    engine(plan)
    assert found[0].rested == pytest.approx(100.0, abs=1.0)
    assert found[0].why.startswith("the longest rest, 100 s; fallback: RuntimeError: no idea")
    assert len(decisions(engine.documents)) == 3


def test_senseless_settings_are_refused(cell, engine):
    with pytest.raises(BadInput, match="reading every"):
        engine(charged_and_rested(cell, RestRule(RelaxationConfig()), every=0.0)[0])
