import json
import math
import os
import signal
import subprocess
import sys
import time

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import pytest
from bluesky.utils import FailedStatus

from operando.devices.cell_faults import (
    BadReadback,
    CellFault,
    CellLimits,
    DriverLost,
    OpenLead,
    OverTemperature,
    OverVoltage,
    ReversedSign,
    UnderVoltage,
)
from operando.devices.potentiostat import Potentiostat
from operando.devices.potentiostat_driver import PotentiostatDriver, Recording
from operando.devices.potentiostat_process import ProcessSettings, RemoteDriver, launch
from operando.errors import BadInput, DeviceError, LimitError
from operando.simulations.cell_circuit import EquivalentCircuit
from operando.simulations.cell_leads import Leads
from operando.simulations.clock import Clock

HALF_C = 0.8e-3


class Bench:
    """A simulated cell with its potentiostat."""

    def __init__(self, speed=math.inf, soc=0.5, limits=None, **recording):
        self.clock = Clock(speed)
        self.cell = EquivalentCircuit(soc=soc)
        self.leads = Leads(self.cell)
        self.limits = limits or CellLimits()
        self.driver = PotentiostatDriver(
            self.leads, self.clock, self.limits, Recording(**recording)
        )
        self.device = Potentiostat(
            "",
            name="cell",
            driver=self.driver,
            nominal_capacity=self.cell.nominal_capacity,
            active_mass=0.010,
            limits=self.limits,
        )

    @property
    def state(self):
        return self.driver.snapshot()["state"]


@pytest.fixture
def bench():
    benches = []

    def make(*args, **kwargs):
        benches.append(Bench(*args, **kwargs))
        return benches[-1]

    yield make
    for each in benches:
        each.driver.close()


def eventually(condition, timeout=20.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_a_charge_stops_at_its_charge_and_the_count_is_the_cells(bench):
    b = bench(soc=0.0)
    target = 0.1 * b.cell.nominal_capacity
    assert b.device.set(
        {"technique": "galvanostatic", "current": HALF_C, "to_charge": target}
    ).success
    reading = b.device.read()
    assert reading["cell_charge"]["value"] == pytest.approx(target, rel=1e-5)
    assert b.cell.soc == pytest.approx(0.1, rel=1e-4)
    assert reading["cell_current"]["value"] == 0.0
    assert reading["cell_state"]["value"] == "stopped"


def test_a_charge_that_is_asked_for_again_does_not_flow_again(bench):
    b = bench(soc=0.0)
    technique = {"technique": "galvanostatic", "current": HALF_C, "to_charge": 2e-4}
    b.device.set(technique)
    soc = b.cell.soc
    assert b.device.set(technique).success
    assert b.cell.soc == soc


def test_a_charge_stops_at_its_voltage_and_remembers_the_voltage_before_the_current_stopped(bench):
    b = bench()
    b.device.set({"technique": "galvanostatic", "current": HALF_C, "to_voltage": 4.2})
    b.device.set({"technique": "rest", "duration": 600.0})
    snapshot = b.driver.snapshot()
    assert snapshot["end_voltage"] == pytest.approx(4.2, abs=2e-3)
    assert 0.05 < snapshot["end_voltage"] - snapshot["voltage"] < 0.08


def test_a_rest_can_end_when_the_voltage_stands_still(bench):
    b = bench()
    b.device.set({"technique": "galvanostatic", "current": HALF_C, "duration": 300.0})
    began = b.clock.now()
    b.device.set({"technique": "rest", "slope": 5e-6, "duration": 3600.0})
    assert 150 < b.clock.now() - began < 1000
    assert b.driver.snapshot()["reason"] == "slope"


def test_a_hold_keeps_its_voltage_until_the_current_has_decayed(bench):
    b = bench()
    b.device.set({"technique": "hold", "voltage": 4.1, "until_current": 2e-4})
    snapshot = b.driver.snapshot()
    assert snapshot["reason"] == "current"
    assert snapshot["end_voltage"] == pytest.approx(4.1, abs=2e-3)


def test_cyclic_voltammetry_goes_up_and_comes_back(bench):
    b = bench()
    b.device.set({"technique": "cv", "low": 3.85, "high": 4.15, "rate": 1e-3})
    records = b.driver.records(0)
    voltages = [record["voltage"] for record in records]
    assert max(voltages) == pytest.approx(4.15, abs=0.01)
    assert b.driver.snapshot()["end_voltage"] == pytest.approx(3.85, abs=0.01)
    assert min(r["current"] for r in records) < 0 < max(r["current"] for r in records)


def test_parameters_can_be_updated_while_it_runs(bench):
    b = bench(speed=200.0)
    status = b.device.set({"technique": "galvanostatic", "current": HALF_C, "duration": 36000.0})
    b.device.update(current=2 * HALF_C)
    eventually(lambda: b.driver.snapshot()["current"] > 1.9 * HALF_C)
    with pytest.raises(LimitError):
        b.device.update(current=1.0)
    b.device.stop(success=True)
    status.wait(5)
    assert b.driver.snapshot()["current"] == 0.0


@pytest.mark.parametrize(
    "technique",
    [
        {"technique": "magic"},
        {"technique": "galvanostatic", "current": 1e-3},
        {"technique": "galvanostatic", "current": math.nan, "duration": 1.0},
        {"technique": "galvanostatic", "current": 1e-3, "duration": 1.0, "colour": "red"},
        {"technique": "galvanostatic", "current": 1.0, "duration": 1.0},
        {"technique": "galvanostatic", "current": 1e-3, "to_voltage": 6.0},
        {"technique": "hold", "voltage": 5.5},
        {"technique": "cv", "low": 4.0, "high": 3.0, "rate": 1e-3},
        {"technique": "rest", "duration": -5.0},
        {},
    ],
)
def test_what_makes_no_sense_or_is_beyond_limits_is_refused_before_anything_flows(bench, technique):
    b = bench()
    with pytest.raises(BadInput):
        b.device.set(technique)
    assert b.state == "stopped"


def test_verbs_in_the_wrong_order_are_refused(bench):
    b = bench(speed=1.0)
    with pytest.raises(DeviceError):
        b.device.start()
    b.device.load({"technique": "rest"})
    b.device.start()
    with pytest.raises(DeviceError, match="running"):
        b.device.load({"technique": "rest"})


LONG = {"technique": "galvanostatic", "current": HALF_C, "duration": 1e6}


def hot(b):
    b.cell.ambient = 90.0


def leads(fault):
    def act(b):
        b.leads.fault = fault

    return act


FAULTS = [
    (lambda b: None, LONG, OverVoltage),
    (lambda b: None, {**LONG, "current": -HALF_C}, UnderVoltage),
    (hot, LONG, OverTemperature),
    (hot, {"technique": "rest", "duration": 1e6}, OverTemperature),
    (leads("open"), LONG, OpenLead),
    (leads("swapped"), LONG, ReversedSign),
    (leads("reversed_current"), LONG, ReversedSign),
    (leads("nan"), LONG, BadReadback),
    (leads("nan"), {"technique": "rest", "duration": 1e6}, BadReadback),
]


@pytest.mark.parametrize(("act", "technique", "fault"), FAULTS)
@pytest.mark.parametrize("speed", [math.inf, 5000.0])
def test_every_fault_ends_with_the_output_off_and_a_named_error(
    bench, act, technique, fault, speed
):
    b = bench(speed=speed)
    act(b)
    with pytest.raises(fault):
        b.device.set(technique).wait(20)
    snapshot = b.driver.snapshot()
    assert snapshot["state"] == "fault"
    assert snapshot["error"] == fault.__name__
    soc = b.cell.soc
    b.clock.sleep(3600.0)
    b.driver.snapshot()
    assert b.cell.soc == soc  # nothing flows any more
    with pytest.raises(fault, match="clear"):
        b.device.set(technique)
    assert any(record["state"] == "fault" for record in b.driver.records(0))


def test_after_a_fault_was_seen_to_and_cleared_it_works_again(bench):
    b = bench()
    b.leads.fault = "open"
    with pytest.raises(OpenLead):
        b.device.set(LONG).wait(5)
    b.leads.fault = "none"
    b.device.clear_fault()
    assert b.device.set({**LONG, "duration": 60.0}).success


def test_a_swapped_lead_discharges_the_cell_for_no_longer_than_a_tick(bench):
    b = bench()
    b.leads.fault = "swapped"
    with pytest.raises(ReversedSign):
        b.device.set(LONG).wait(5)
    assert 0.5 - b.cell.soc < 2 * HALF_C / 3600 / b.cell.nominal_capacity


def charging(device, technique):
    @bpp.run_decorator()
    def inner():
        yield from bps.monitor(device.stream, name="electrochemistry")
        yield from bps.checkpoint()
        yield from bps.abs_set(device, technique, wait=True)
        yield from bps.create("primary")
        yield from bps.read(device)
        yield from bps.save()
        yield from bps.unmonitor(device.stream)

    return inner()


def events(documents, stream):
    uids = {d["uid"] for n, d in documents if n == "descriptor" and d["name"] == stream}
    return [d for n, d in documents if n == "event" and d["descriptor"] in uids]


@pytest.mark.parametrize("speed", [math.inf, 2000.0])
def test_the_stream_runs_beside_the_plan_at_its_own_rate(bench, engine, speed):
    b = bench(speed=speed, interval=20.0, voltage_step=1.0)
    engine(charging(b.device, {**LONG, "duration": 600.0}))
    rows = events(engine.documents, "electrochemistry")
    times = [row["data"]["cell_stream_time"] for row in rows]
    flowing = [row for row in rows if row["data"]["cell_stream_current"] > 0]
    assert 29 <= len(flowing) <= 33
    assert times == sorted(times)
    configuration = next(
        d["configuration"]["cell_stream"]["data"]
        for n, d in engine.documents
        if n == "descriptor" and d["name"] == "electrochemistry"
    )
    assert configuration["cell_nominal_capacity"] == pytest.approx(1.6e-3)
    assert configuration["cell_active_mass"] == 0.010
    assert configuration["cell_limit_voltage"] == [2.5, 5.1]


def test_a_fault_fails_the_run_with_its_name_and_keeps_the_data(bench, engine):
    b = bench(speed=2000.0, soc=1.3)
    with pytest.raises(FailedStatus) as caught:
        engine(charging(b.device, LONG))
    assert isinstance(caught.value.__cause__, OverVoltage)
    assert engine.documents[-1][1]["exit_status"] == "fail"
    assert len(events(engine.documents, "electrochemistry")) > 10


@pytest.mark.parametrize("end", ["resume", "abort"])
def test_a_paused_charge_rests_and_goes_on_where_it_stood(bench, engine, end):
    b = bench(speed=500.0, soc=0.0)
    target = 0.3 * b.cell.nominal_capacity
    technique = {"technique": "galvanostatic", "current": HALF_C, "to_charge": target}
    engine.subscribe(lambda name, doc: b.cell.soc > 0.05 and pause_once(), "event")
    paused = []

    def pause_once():
        if not paused:
            paused.append(True)
            engine.request_pause()

    with pytest.raises(BaseException, match="paused"):
        engine(charging(b.device, technique))
    soc = b.cell.soc
    time.sleep(0.1)
    assert b.driver.snapshot()["current"] == 0.0
    assert 0.05 < soc < 0.25
    assert b.cell.soc == soc
    if end == "resume":
        engine.resume()
        assert b.cell.soc == pytest.approx(0.3, rel=1e-3)
    else:
        engine.abort("enough")
        assert b.state == "stopped"
        assert engine.documents[-1][1]["exit_status"] == "abort"


def test_limits_act_while_the_plan_is_paused(bench):
    """Nobody looks: no status, no monitor, no run."""
    b = bench(speed=20000.0, limits=CellLimits(voltage=(2.5, 4.0)))
    b.driver.load(LONG)
    b.driver.start()
    time.sleep(0.5)
    assert b.state == "fault"
    assert b.cell.open_circuit_voltage < 4.0


PLAN = """
import sys
import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky import RunEngine
from operando.devices.potentiostat import Potentiostat
from operando.devices.potentiostat_process import RemoteDriver

cell = Potentiostat("", name="cell", driver=RemoteDriver(sys.argv[1]),
                    nominal_capacity=1.6e-3, active_mass=0.01)

@bpp.run_decorator()
def plan():
    yield from bps.abs_set(
        cell, {"technique": "galvanostatic", "current": 1.6e-3, "duration": 1e6}, wait=True)

RunEngine({})(plan())
"""


@pytest.fixture
def remote(tmp_path):
    settings = ProcessSettings(
        socket=str(tmp_path / "cell.sock"),
        log=str(tmp_path / "cell.jsonl"),
        speed=400.0,
        soc=0.4,
        limits=CellLimits(voltage=(2.5, 4.1)),
    )
    process = launch(settings)
    yield settings, process
    process.kill()
    process.wait()


def test_the_driver_stops_at_its_limit_when_the_plans_process_is_killed(remote, tmp_path):
    settings, _process = remote
    watcher = RemoteDriver(settings.socket)
    plan = subprocess.Popen([sys.executable, "-c", PLAN, settings.socket])
    eventually(lambda: watcher.snapshot()["state"] == "running", timeout=60.0)
    assert watcher.snapshot()["voltage"] < 4.05
    os.kill(plan.pid, signal.SIGKILL)
    assert plan.wait() == -signal.SIGKILL
    assert watcher.snapshot()["state"] == "running"  # it goes on, as a real one would
    eventually(lambda: watcher.snapshot()["state"] == "fault", timeout=30.0)
    assert watcher.snapshot()["error"] == "OverVoltage"
    charge = watcher.cell_state()["soc"]
    time.sleep(0.2)
    assert watcher.cell_state()["soc"] == charge
    log = [json.loads(line) for line in (tmp_path / "cell.jsonl").read_text().splitlines()]
    assert max(record["voltage"] for record in log) < 4.12
    assert log[-1]["state"] == "fault"
    watcher.clear_fault()
    watcher.load({"technique": "rest", "duration": 60.0})
    watcher.start()
    eventually(lambda: watcher.snapshot()["reason"] == "duration")
    watcher.shut_down()


def test_a_driver_that_dies_is_a_named_error_too(remote):
    settings, process = remote
    driver = RemoteDriver(settings.socket)
    device = Potentiostat("", name="cell", driver=driver, nominal_capacity=1.6e-3, active_mass=0.01)
    with pytest.raises(LimitError, match="to_voltage"):
        device.set({**LONG, "to_voltage": 5.0})
    status = device.set(LONG)
    process.kill()
    with pytest.raises(DriverLost):
        status.wait(10)
    with pytest.raises(CellFault):
        device.set(LONG)
