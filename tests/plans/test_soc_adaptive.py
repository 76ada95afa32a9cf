import math
import threading

import numpy as np
import pytest

from operando.devices.xafs_station import simulated_battery_station
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_timetable import SocSettings
from operando.simulations.clock import Clock


class Scripted:
    """Suggests what it was given, one after the other; what is callable is called."""

    def __init__(self, *suggestions, enough=10**6):
        self.left, self.asked, self.enough = list(suggestions), 0, enough

    def suggest(self, num_points=None):
        self.asked += 1
        answer = self.left.pop(0) if self.left else {"soc": math.nan}
        return [answer() if callable(answer) else answer]

    def should_stop(self):
        return self.asked >= self.enough, "target reached"


@pytest.fixture
def battery():
    made = simulated_battery_station(Clock(math.inf), 1)
    yield made
    made.driver.close()


def run(engine, battery, agent, timeout=20.0, **settings):
    station = battery.station
    engine(
        soc_adaptive(
            station.cell,
            station,
            agent,
            settings=SocSettings(**settings),
            timeout=timeout,
            report=lambda text: None,
        )
    )
    names = {d["uid"]: d["name"] for n, d in engine.documents if n == "descriptor"}
    rows = {}
    for name, doc in engine.documents:
        if name == "event":
            rows.setdefault(names[doc["descriptor"]], []).append(doc["data"])
    return rows, engine.documents[-1][1]["reason"]


def test_the_cell_goes_where_the_agent_says(engine, battery):
    agent = Scripted(
        {"soc": 0.05, "_id": "a", "acquisition": 2.5, "repeats": 3},
        {"soc": 0.25, "_id": "b", "rest_slope": 2e-5},
        {"soc": 0.3, "_id": "c", "rest": 120.0},
        enough=3,
    )
    rows, reason = run(engine, battery, agent)
    socs = [row["soc_step_soc"] for row in rows["primary"]]
    assert socs == pytest.approx([0.0, 0.05, 0.25, 0.3], abs=1e-3)
    assert [row["decision_id"] for row in rows["decisions"]] == ["a", "b", "c"]
    assert rows["decisions"][0]["decision_acquisition"] == 2.5
    counts = np.bincount([row["soc_step_index"] for row in rows["xafs_mn"]])
    assert counts.tolist() == [1, 3, 1, 1]
    assert rows["primary"][2]["soc_step_rested"] < 600.0
    assert rows["primary"][3]["soc_step_rested"] == pytest.approx(120.0, abs=1.0)
    assert reason == "ended by agent (target reached)"


def fail():
    raise RuntimeError("out of ideas")


def hang():
    threading.Event().wait(3.0)
    return {"soc": 0.02}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (fail, "out of ideas"),
        (hang, "no answer within"),
        ({}, "KeyError"),
        ({"soc": -0.1}, "is not from"),
        ({"soc": 9.0}, "is not from"),
        ({"soc": math.nan}, "is not from"),
        ({"soc": 0.05, "repeats": 1000}, "repeats"),
        ({"soc": 0.05, "rest": -5.0}, "rest must be positive"),
    ],
)
def test_an_agent_that_cannot_be_followed_is_overruled_by_the_fixed_step(
    engine, battery, answer, why
):
    rows, reason = run(engine, battery, Scripted({"soc": 0.03}, answer), timeout=0.3, max_soc=0.1)
    assert rows["decisions"][0]["decision_reason"] == "agent"
    assert why in rows["decisions"][1]["decision_reason"]
    assert rows["decisions"][1]["decision_soc"] == pytest.approx(0.1)
    assert reason == "ended by capacity"


def test_five_volts_end_it_in_any_case(engine):
    battery = simulated_battery_station(Clock(math.inf), 1, soc=1.4)
    rows, reason = run(engine, battery, Scripted({"soc": 1.69}))
    assert reason == "ended by voltage"
    assert rows["primary"][-1]["soc_step_v_end"] == pytest.approx(5.0, abs=5e-3)
    battery.driver.close()


def test_a_dose_limit_counts_the_repeats(engine, battery):
    rows, reason = run(
        engine, battery, Scripted({"soc": 0.1}, {"soc": 0.2, "repeats": 10}), dose_limit=0.3
    )
    assert reason == "ended by dose"
    assert len(rows["primary"]) == 2
