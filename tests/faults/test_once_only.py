"""Faults where nothing can be measured twice: gas goes in once, a cell is charged once."""

import math
import time

import numpy as np
import pytest
from ophyd.status import Status

from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.soc_documents import SocDocuments
from operando.devices.xafs_station import simulated_battery_station
from operando.plans import Care, measure_ends, watch_kinetics
from operando.plans.battery import soc_stepped
from operando.simulations.cell_leads import Measured
from operando.simulations.clock import Clock
from support.faulty_devices import Fault, FaultyPilatus, faulty_loading
from support.loading import agent_config, loading_station, watch

SOON = Care(pause=0.01)


def rows(documents, stream):
    uids = {doc["uid"] for name, doc in documents if name == "descriptor" and doc["name"] == stream}
    found = []
    for name, doc in documents:
        if name == "event" and doc["descriptor"] in uids:
            found.append(dict(doc["data"]))
        elif name == "event_page" and doc["descriptor"] in uids:
            keys = doc["data"]
            found += [dict(zip(keys, row, strict=True)) for row in zip(*keys.values(), strict=True)]
    return found


def fails(engine, shutter, plan):
    """Run a plan that must fail; the reason that the run gives."""
    began = time.monotonic()
    with pytest.raises(Exception):  # noqa: B017, PT011 - what the run says of it counts
        engine(plan)
    assert time.monotonic() - began < 30.0
    name, stop = engine.documents[-1]
    assert (name, stop["exit_status"]) == ("stop", "fail")
    assert shutter.read()["shutter"]["value"] == "closed"
    return stop["reason"]


@pytest.fixture
def loading(tmp_path):
    return loading_station(tmp_path)[0]


@pytest.mark.parametrize("kind", ["nothing", "not a number"])
def test_the_valve_waits_until_frames_have_beam(kind, loading, engine):
    station = faulty_loading(loading, Fault(kind, at=(2, 3, 5)))
    engine(watch_kinetics(station, settings=watch(before=4), care=SOON))
    frames, gas = rows(engine.documents, "primary"), rows(engine.documents, "gas")
    opened = gas[1]["gas_opened_at"]
    before = [row for row in frames if row["frame_stop"] < opened]
    assert sum(row["i0"] > 0 for row in before) == 4
    assert sum(not row["i0"] > 0 for row in before) == 3
    assert "no beam" not in engine.documents[-1][1]["reason"]


def test_without_beam_no_gas_goes_in(loading, engine):
    station = faulty_loading(loading, Fault("nothing", at=range(1, 99)))
    reason = fails(engine, station.shutter, watch_kinetics(station, settings=watch(), care=SOON))
    assert "no beam: i0 reads 0 counts" in reason
    assert {row["gas_valve"] for row in rows(engine.documents, "gas")} == {"closed"}
    assert station.gas.read()["gas_valve"]["value"] == "closed"
    assert station.gas.read()["gas_opened_at"]["value"] == 0


def test_beam_that_is_lost_while_the_gas_goes_in_is_said_and_passed_over(loading, engine):
    agent = KineticsAgent(agent_config())
    engine.subscribe(agent)
    station = faulty_loading(loading, Fault())
    engine(measure_ends(station, frames=20, wait=5.0, care=SOON))
    uid = engine.documents[0][1]["uid"]
    engine.documents.clear()
    station.monitor.fault = Fault("not a number", at=(7, 8, 11))
    engine(watch_kinetics(station, agent, settings=watch(), references=uid, care=SOON))
    stop = engine.documents[-1][1]
    assert stop["exit_status"] == "success"
    assert stop["reason"].endswith("; 3 frames had no beam")
    agent.drain()
    frames = rows(engine.documents, "primary")
    assert agent.report()["frames"] == len(frames) - 3
    assert {row["decision_reason"] for row in rows(engine.documents, "decisions")} == {"agent"}
    agent.close()


def test_a_valve_that_sticks_is_named_and_told_to_close(loading, engine, impatient, monkeypatch):
    told, asked = [], loading.gas.set

    def stuck(value):
        told.append(value)
        return Status() if value == "open" else asked(value)

    monkeypatch.setattr(loading.gas, "set", stuck)
    reason = fails(engine, loading.shutter, watch_kinetics(loading, settings=watch(), care=SOON))
    assert reason == "DeviceError: not done within 0.5 s: set gas to open"
    assert loading.gas.read()["gas_valve"]["value"] == "closed"
    assert len(rows(engine.documents, "primary")) == 4


@pytest.mark.parametrize("kind", ["one less", "rows missing", "real"])
def test_frames_that_nobody_asked_for_end_a_record(kind, loading, engine):
    loading.detector.__class__ = FaultyPilatus
    loading.detector.fault = Fault(kind, at=3)
    reason = fails(engine, loading.shutter, watch_kinetics(loading, settings=watch(), care=SOON))
    assert "pilatus gave frames of shape" in reason
    assert len(rows(engine.documents, "primary")) == 2


@pytest.fixture
def make_battery():
    made = []

    def make(speed=math.inf):
        made.append(simulated_battery_station(Clock(speed), 1))
        return made[-1]

    yield make
    for each in made:
        each.driver.close()


def stepped(battery, **more):
    station = battery.station
    more = {"rest": 30.0, "max_soc": 0.2, "xrd_exposure": 1.0, **more}
    return soc_stepped(station.cell, station, report=lambda text: None, **more)


@pytest.mark.parametrize(
    ("reads", "said"),
    [
        ((10.0, 0.0), "OpenLead: 0 A flows where"),
        ((0.0, 0.0), "OpenLead: 0 A flows where"),
        ((math.nan, 0.0), "BadReadback: read-back of nan V"),
        ((3.9, math.nan), "BadReadback: read-back of 3.9"),
    ],
)
@pytest.mark.parametrize("speed", [math.inf, 3000.0])
def test_a_lead_that_comes_off_while_it_charges(reads, said, speed, make_battery, engine):
    """Both leads off: no current, and the voltage goes to either rail."""
    battery = make_battery(speed)
    apply, drove = battery.leads.apply, []

    def off(dt, current):
        battery_reads = apply(dt, 0.0)
        drove.append(current)
        return Measured(*reads, 25.0) if current else battery_reads

    def watch_for_the_second_step(name, doc):
        if doc["data"].get("soc_step_index") == 0:
            battery.leads.apply = off

    engine.subscribe(watch_for_the_second_step, "event")
    reason = fails(engine, battery.station.shutter, stepped(battery))
    assert reason.startswith(said)
    snapshot = battery.driver.snapshot()
    assert snapshot["state"] == "fault"
    drove.clear()
    battery.driver.snapshot()
    assert not any(drove)  # the output is off, and stays off
    steps = [row["soc_step_index"] for row in rows(engine.documents, "primary")]
    assert steps == [0]


def test_a_potentiostat_that_never_ends_is_switched_off(make_battery, engine, monkeypatch):
    from operando.plans import time_limits

    monkeypatch.setattr(time_limits, "limit", lambda seconds=0.0: 1.0)
    battery = make_battery(300.0)
    cell = battery.station.cell
    monkeypatch.setattr(cell, "_end", lambda error: None)  # it forgets to say so
    reason = fails(engine, battery.station.shutter, stepped(battery, rest=5000.0))
    assert reason.startswith("DeviceError: not done within 1 s: set cell to")
    assert battery.driver.snapshot()["state"] == "stopped"


def test_an_energy_that_is_no_number_moves_nothing(make_battery, engine):
    battery = make_battery()
    battery.station.xrd.energy.put(math.nan, force=True)
    reason = fails(engine, battery.station.shutter, stepped(battery))
    assert reason.startswith("LimitError: mono = nan eV is outside its range")


@pytest.mark.parametrize(
    ("stream", "after"), [("xafs_ni_co", "xrd_counts"), ("xafs_mn", "xafs_ni_co_i0")]
)
def test_a_spectrum_without_beam_is_measured_again(
    stream, after, make_battery, engine, monkeypatch
):
    battery = make_battery()
    shutter, dark = battery.station.shutter, []
    monkeypatch.setattr("operando.plans.soc_steps.USUAL_CARE", SOON)

    def lose_it(name, doc):
        keys = doc["data"]
        if keys.get("soc_step_index") == 1 and after in keys and len(dark) < 2:
            shutter.upstream = lambda: False
        elif f"{stream}_i0" in keys and shutter.upstream is not None:
            dark.append(doc["seq_num"])
            if len(dark) == 2:
                shutter.upstream = None

    handed = []
    engine.subscribe(lose_it, "event")
    engine.subscribe(SocDocuments(handed.append))
    engine(stepped(battery))
    scans = rows(engine.documents, stream)
    assert [row["soc_step_index"] for row in scans] == [0, 1, 1, 1, 2]
    assert engine.documents[-1][1]["exit_status"] == "success"
    light = [float(np.min(row[f"{stream}_i0"])) for row in scans]
    assert max(light[1:3]) < 0.1 * min(light[0], *light[3:])
    assert [len(step.scans) for step in handed] == [2, 2, 2]
    assert [len(step.faults) for step in handed] == [0, 2, 0]


def test_a_charge_without_beam_ends_with_the_cell_at_rest(make_battery, engine, monkeypatch):
    battery = make_battery()
    monkeypatch.setattr("operando.plans.soc_steps.USUAL_CARE", SOON)
    battery.station.shutter.upstream = lambda: False
    reason = fails(engine, battery.station.shutter, stepped(battery))
    assert "xrd: no beam: xrd_counts are 0 in all; given up after 4 tries" in reason
    assert battery.driver.snapshot()["state"] == "stopped"
    assert len(rows(engine.documents, "primary")) == 1
