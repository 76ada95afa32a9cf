import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from bluesky.utils import FailedStatus, RunEngineInterrupted

from operando.agents.relaxation import RelaxationConfig, RestRule
from operando.devices.cell_faults import (
    BadReadback,
    OpenLead,
    OverTemperature,
    OverVoltage,
    ReversedSign,
)
from operando.devices.potentiostat_process import ProcessSettings, RemoteDriver, launch
from operando.devices.xafs_station import battery_station, simulated_battery_station
from operando.errors import BadInput
from operando.plans.battery import soc_stepped
from operando.plans.soc_timetable import completed_steps, voltage_reached
from operando.simulations.cell import Electrode
from operando.simulations.cell_circuit import CircuitParameters
from operando.simulations.clock import Clock
from operando.simulations.xafs_beamline import XafsBeamline

STREAMS = ("primary", "xrd", "xafs_ni_co", "xafs_mn")


@pytest.fixture
def make_battery():
    made = []

    def make(speed=math.inf, **kwargs):
        made.append(simulated_battery_station(Clock(speed), 1, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.driver.close()


def stepped(battery, **kwargs):
    station = battery.station
    return soc_stepped(station.cell, station, report=lambda text: None, **kwargs)


def events(documents, stream):
    uids = {d["uid"] for n, d in documents if n == "descriptor" and d["name"] == stream}
    return [d for n, d in documents if n == "event" and d["descriptor"] in uids]


def configuration(documents, stream, device):
    found = [d for n, d in documents if n == "descriptor" and d["name"] == stream]
    return found[-1]["configuration"][device]["data"]


def measured(documents, stream="primary"):
    return [d["data"]["soc_step_index"] for d in events(documents, stream)]


@pytest.fixture(scope="module")
def whole_run():
    """One complete charge; looked at by several tests, changed by none."""
    from bluesky import RunEngine

    battery = simulated_battery_station(Clock(math.inf), 1)
    engine, documents = RunEngine({}, context_managers=[]), []
    engine.subscribe(lambda name, doc: documents.append((name, dict(doc))))
    engine(stepped(battery, seed=1, sample="NCM111"))
    return battery, documents


def test_a_whole_charge_has_seventeen_steps_and_ends_at_five_volts(whole_run):
    _, documents = whole_run
    assert [len(events(documents, stream)) for stream in STREAMS] == [17] * 4
    assert documents[-1][1]["exit_status"] == "success"
    assert documents[-1][1]["reason"] == "ended by voltage"
    last = events(documents, "primary")[-1]["data"]
    assert last["soc_step_v_end"] == pytest.approx(5.0, abs=2e-3)
    assert 1.5 < last["soc_step_soc"] < 1.6
    assert last["soc_step_reason"] == "voltage"


def test_every_step_tells_ocv_and_overpotential(whole_run):
    _, documents = whole_run
    for event in events(documents, "primary"):
        step = event["data"]
        assert step["soc_step_overpotential"] == pytest.approx(
            step["soc_step_v_end"] - step["soc_step_ocv"]
        )
        if step["soc_step_index"]:
            assert 0.05 < step["soc_step_overpotential"] < 0.3
        assert step["soc_step_rested"] == pytest.approx(600.0, abs=1.0)
        assert step["cell_state"] == "stopped"


def test_voltage_is_recorded_while_the_x_rays_are_on(whole_run):
    _, documents = whole_run
    times = np.array([e["data"]["cell_stream_time"] for e in events(documents, "electrochemistry")])
    assert np.all(np.diff(times) >= 0)
    assert np.diff(times).max() <= 10.001
    for event in events(documents, "xafs_ni_co"):
        end = event["timestamps"]["xafs_ni_co_i0"]
        assert np.count_nonzero((times > end - 60.0) & (times <= end)) >= 5


def test_descriptors_hold_all_that_an_analysis_needs(whole_run):
    _, documents = whole_run
    cell = configuration(documents, "primary", "cell")
    assert cell["cell_nominal_capacity"] == pytest.approx(cell["cell_active_mass"] * 0.160)
    xrd = configuration(documents, "xrd", "xrd")
    assert len(xrd["xrd_two_theta"]) == len(events(documents, "xrd")[0]["data"]["xrd_counts"])
    assert xrd["xrd_wavelength"] == pytest.approx(1.6531, abs=1e-4)
    scan = configuration(documents, "xafs_ni_co", "xafs_ni_co")
    data = events(documents, "xafs_ni_co")[0]["data"]
    assert scan["xafs_ni_co_energies"] == data["xafs_ni_co_energy"]
    assert scan["xafs_ni_co_elements"] == "Co Ni"
    assert scan["xafs_ni_co_dwell"] * len(data["xafs_ni_co_i0"]) == pytest.approx(60.0)


def test_no_document_tells_the_simulators_truth(whole_run):
    _, documents = whole_run
    keys = {key for n, d in documents if n == "descriptor" for key in d["data_keys"]}
    assert not {key for key in keys if "truth" in key or "fraction" in key or "distance" in key}


def test_a_dry_run_prints_the_hours_and_does_nothing(make_battery, engine):
    battery, told = make_battery(), []
    station = battery.station
    engine(soc_stepped(station.cell, station, dry_run=True, report=told.append))
    assert engine.documents == []
    assert battery.driver.snapshot()["run"] == 0
    assert "18 steps in at most 7.05 h" in told[0]


@pytest.mark.parametrize(
    "setting",
    [
        {"step": 0.0},
        {"step": math.nan},
        {"rest": -1.0},
        {"c_rate": 0.0},
        {"until": math.inf},
        {"step": 2.0},
        {"repeats": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_starts(
    make_battery, engine, setting
):
    battery = make_battery()
    with pytest.raises(BadInput):
        engine(stepped(battery, **setting))
    assert engine.documents == []
    assert battery.driver.snapshot()["run"] == 0


@pytest.mark.parametrize(
    ("limit", "reason", "steps"),
    [
        ({"max_soc": 0.25}, "capacity", 4),
        ({"dose_limit": 0.2}, "dose", 2),
        ({"time_limit": 1.1}, "time", 3),
        ({"until": 3.79}, "voltage", 3),
    ],
)
def test_it_ends_at_whatever_limit_comes_first(make_battery, engine, limit, reason, steps):
    battery = make_battery()
    engine(stepped(battery, **limit))
    assert engine.documents[-1][1]["reason"] == f"ended by {reason}"
    assert measured(engine.documents) == list(range(steps))


def test_repeats_and_a_rest_that_ends_by_itself(make_battery, engine):
    battery = make_battery()
    engine(stepped(battery, max_soc=0.2, repeats=3, rest_slope=1e-5))
    assert Counter(measured(engine.documents, "xafs_mn")) == {0: 3, 1: 3, 2: 3}
    rested = [e["data"]["soc_step_rested"] for e in events(engine.documents, "primary")]
    assert max(rested) < 600.0


def test_rests_end_when_the_plateau_is_known_and_the_run_says_so(make_battery, engine):
    battery = make_battery()
    engine(stepped(battery, max_soc=0.2, rest_rule=RestRule(RelaxationConfig(target=1e-3))))
    steps = [e["data"] for e in events(engine.documents, "primary")]
    assert len(steps) == 3
    charged = [step for step in steps if step["soc_step_reason"]]
    assert all(step["soc_step_rested"] < 600.0 for step in charged)
    told = [e["data"] for e in events(engine.documents, "rest_decisions")]
    assert sum(row["rest_decision_stop"] for row in told) == len(steps)
    assert [row["rest_decision_rested"] for row in told if row["rest_decision_stop"]] == (
        pytest.approx([step["soc_step_rested"] for step in steps], abs=0.1)
    )


@pytest.mark.parametrize("when", ["charge", "rest", "xrd", "xafs_mn"])
def test_a_pause_anywhere_costs_nothing_but_time(make_battery, engine, when):
    battery = make_battery(speed=2000.0)
    paused = []

    def wanted(doc):
        data = doc["data"]
        if data.get("cell_stream_charge", 0.0) < 0.11 * 1.6e-3:
            return False
        flows = data["cell_stream_current"] > 0
        busy = {
            "charge": flows,
            "rest": not flows,
            "xrd": battery.station.xrd._action.running,
            "xafs_mn": battery.station.scans["xafs_mn"]._action.running,
        }
        return busy[when]

    def watch(name, doc):
        if "cell_stream_charge" in doc["data"] and not paused and wanted(doc):
            paused.append(when)
            engine.request_pause()

    engine.subscribe(watch, "event")
    with pytest.raises(RunEngineInterrupted):
        engine(stepped(battery, max_soc=0.3, xrd_exposure=200.0))
    assert battery.driver.snapshot()["current"] == 0.0
    assert not battery.station.shutter.is_open
    charge = battery.leads.cell.soc
    time.sleep(0.05)
    assert battery.leads.cell.soc == charge
    engine.resume()
    for stream in STREAMS:
        assert measured(engine.documents, stream) == [0, 1, 2, 3]
    socs = [e["data"]["soc_step_soc"] for e in events(engine.documents, "primary")]
    assert socs == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-3)


def test_an_aborted_run_goes_on_where_the_cell_stands(make_battery, engine):
    battery = make_battery(speed=2000.0)
    stop_at = 0.24 * 1.6e-3

    def watch(name, doc):
        if doc["data"].get("cell_stream_charge", 0.0) > stop_at and engine.state == "running":
            engine.request_pause()

    token = engine.subscribe(watch, "event")
    with pytest.raises(RunEngineInterrupted):
        engine(stepped(battery, max_soc=0.4))
    engine.abort("the beam is gone")
    engine.unsubscribe(token)
    first = list(engine.documents)
    assert first[-1][1]["exit_status"] == "abort"
    assert battery.driver.snapshot()["state"] == "stopped"
    assert not battery.station.shutter.is_open
    engine.documents.clear()
    done = completed_steps(first, STREAMS)
    assert done == {0, 1, 2}
    engine(stepped(battery, max_soc=0.4, completed=done))
    assert measured(engine.documents) == [3, 4]
    assert battery.leads.cell.soc == pytest.approx(0.4, abs=1e-3)


def test_a_charge_that_had_come_to_its_end_is_measured_and_not_charged_again(make_battery, engine):
    battery = make_battery(speed=2000.0)
    settings = {"until": 3.9, "rest": 600.0}
    ended = []

    def watch(name, doc):
        data = doc["data"]
        flows = data.get("cell_stream_current", 0.0) > 0.0
        if flows and data["cell_stream_voltage"] >= settings["until"]:
            ended.append(data["cell_stream_voltage"])
        elif ended and engine.state == "running":
            engine.request_pause()  # in the rest after it

    token = engine.subscribe(watch, "event")
    with pytest.raises(RunEngineInterrupted):
        engine(stepped(battery, **settings))
    engine.abort("the beam is gone")
    engine.unsubscribe(token)
    first, left_at = list(engine.documents), battery.leads.cell.soc
    engine.documents.clear()
    assert voltage_reached(first, settings["until"]) == ended[-1]
    assert voltage_reached(first, settings["until"] + 0.1) is None
    done = completed_steps(first, STREAMS)
    engine(stepped(battery, **settings, completed=done, ended_at=ended[-1]))
    assert battery.leads.cell.soc == pytest.approx(left_at, abs=1e-6)
    (row,) = [event["data"] for event in events(engine.documents, "primary")]
    assert row["soc_step_v_end"] == ended[-1]
    assert row["soc_step_overpotential"] == pytest.approx(ended[-1] - row["soc_step_ocv"])
    assert engine.documents[-1][1]["reason"] == "ended by voltage"


def open_lead(battery):
    battery.leads.fault = "open"


def reversed_lead(battery):
    battery.leads.fault = "reversed_current"


def no_number(battery):
    battery.leads.fault = "nan"


def heating_fails(battery):
    battery.leads.cell.ambient = 95.0


@pytest.mark.parametrize("speed", [math.inf, 3000.0])
@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (open_lead, OpenLead),
        (reversed_lead, ReversedSign),
        (no_number, BadReadback),
        (heating_fails, OverTemperature),
    ],
)
def test_a_fault_ends_the_run_safely_and_by_name(make_battery, engine, act, fault, speed):
    battery = make_battery(speed=speed)

    def watch(name, doc):
        if doc["data"].get("soc_step_index") == 1:
            act(battery)

    engine.subscribe(watch, "event")
    with pytest.raises((FailedStatus, fault)):  # in a technique, or when the next one is set
        engine(stepped(battery, max_soc=0.4))
    stop = engine.documents[-1][1]
    assert (stop["exit_status"], stop["reason"][: len(fault.__name__)]) == ("fail", fault.__name__)
    assert 1 in measured(engine.documents)
    assert not battery.station.shutter.is_open
    assert battery.driver.snapshot()["state"] == "fault"
    assert len(events(engine.documents, "electrochemistry")) > 50


def test_over_voltage_is_named_and_the_step_before_is_kept(make_battery, engine):
    battery = make_battery(soc=1.4)

    def watch(name, doc):  # a contact goes bad: 0.8 V more in one tick
        if doc["data"].get("soc_step_index") == 14:
            battery.leads.cell.parameters = CircuitParameters(r0=10.0)

    engine.subscribe(watch, "event")
    with pytest.raises(FailedStatus) as caught:
        engine(stepped(battery))
    assert isinstance(caught.value.__cause__, OverVoltage)
    assert "above the limit of 5.1 V" in engine.documents[-1][1]["reason"]
    assert measured(engine.documents) == [14]
    assert battery.leads.cell.soc < 1.5


PLAN = """
import sys
from bluesky import RunEngine
from operando.devices.potentiostat_process import RemoteDriver
from operando.devices.xafs_station import battery_station
from operando.plans.battery import soc_stepped
from operando.simulations.cell import Electrode
from operando.simulations.clock import Clock
from operando.simulations.xafs_beamline import XafsBeamline

driver = RemoteDriver(sys.argv[1])
beamline = XafsBeamline(lambda: driver.cell_state()["soc"])
station = battery_station(driver, beamline, Clock(2000.0), Electrode())
engine = RunEngine({}, context_managers=[])
engine.subscribe(lambda name, doc: print("event", doc["data"].get("soc_step_index"), flush=True),
                 "event")
engine(soc_stepped(station.cell, station, max_soc=0.9))
"""


def test_a_new_process_goes_on_where_a_killed_one_left_the_cell(tmp_path, engine):
    settings = ProcessSettings(socket=str(tmp_path / "cell.sock"), speed=2000.0, soc=0.5)
    process = launch(settings)
    try:
        command = [sys.executable, "-c", PLAN, settings.socket]
        plan = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in plan.stdout:
            if line.split() == ["event", "6"]:  # 60 % is being measured
                break
        driver = RemoteDriver(settings.socket)
        while driver.snapshot()["current"] == 0.0:  # and 70 % is on its way
            time.sleep(0.001)
        os.kill(plan.pid, signal.SIGKILL)
        plan.wait()
        plan.stdout.close()
        while driver.snapshot()["state"] == "running":
            time.sleep(0.01)
        assert driver.snapshot()["reason"] == "charge"  # the technique ended where it should
        assert driver.cell_state()["soc"] == pytest.approx(0.7, abs=1e-3)
        beamline = XafsBeamline(lambda: driver.cell_state()["soc"])
        station = battery_station(driver, beamline, Clock(2000.0), Electrode())
        engine(soc_stepped(station.cell, station, max_soc=0.8, report=lambda text: None))
        assert measured(engine.documents) == [7, 8]
        first = events(engine.documents, "primary")[0]["data"]
        assert first["soc_step_soc"] == pytest.approx(0.7, abs=1e-3)
    finally:
        process.kill()
        process.wait()
