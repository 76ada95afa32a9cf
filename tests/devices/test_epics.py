import math
import re
import socket
import sys

import h5py
import numpy as np
import pytest
from bluesky import Msg, RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import FailedStatus, RunEngineInterrupted
from epics import ca

from operando.cli import main
from operando.devices import simulated_loading_station, simulated_mapping_station
from operando.devices.epics_battery import epics_battery_station
from operando.devices.epics_connection import (
    MissingPVs,
    connect,
    disconnect,
    disconnect_station,
)
from operando.devices.epics_signals import put_and_wait, wait_for
from operando.devices.epics_station import (
    LoadingNames,
    MappingNames,
    epics_loading_station,
    epics_mapping_station,
)
from operando.devices.epics_xafs import EpicsDose
from operando.devices.exposure import READOUT_S
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import BadInput, DeviceError, LimitError
from operando.interrupts import what_failed
from operando.ioc.epics_sim import CONNECT_S
from operando.ioc.running import running_ioc
from operando.ioc.settings import IocSettings
from operando.physics.geometry import DetectorGeometry
from operando.plans import WatchSettings, map_fly, map_raster, watch_kinetics
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.gas_cell import GasLoading
from operando.simulations.loading_beamline import LoadingBeamline
from operando.simulations.specimen import CorrodedSteel

SEED, SHAPE, STEP = 5, (3, 4), 2.0
EPOCH = 1.8e9
GRID = {"shape": SHAPE, "step": STEP, "exposure": 0.02}


@pytest.fixture(scope="module")
def running():
    """One IOC for all; what a test moves and exposes is not undone."""
    settings = IocSettings("all", seed=SEED, speed=math.inf, shape=SHAPE, step_um=STEP, epoch=EPOCH)
    with running_ioc(settings):
        yield


@pytest.fixture(scope="module")
def ioc(running, tmp_path_factory):
    """The mapping station over Channel Access."""
    folder = tmp_path_factory.mktemp("frames")
    station = epics_mapping_station("sim:mapping:", folder, timeout=CONNECT_S)
    yield station
    disconnect_station(station)


@pytest.fixture(scope="module")
def loading(running, tmp_path_factory):
    """The gas-loading station over Channel Access."""
    names, folder = LoadingNames(wait="wait"), tmp_path_factory.mktemp("frames")
    station = epics_loading_station("sim:kinetics:", folder, names=names, timeout=CONNECT_S)
    yield station
    disconnect_station(station)


@pytest.fixture(scope="module")
def battery(running):
    """The battery station over Channel Access."""
    station = epics_battery_station("sim:battery:", waits=False, timeout=CONNECT_S)
    yield station
    disconnect_station(station)


@pytest.fixture
def simulated(tmp_path):
    geometry = DetectorGeometry()
    source = MapBeamline(CorrodedSteel(SEED, SHAPE, STEP), geometry, SEED)
    return simulated_mapping_station(source, Clock(math.inf), tmp_path, geometry)


class Seen:
    """What the documents of runs say, frames included."""

    def __init__(self):
        self.docs = []

    def __call__(self, name, doc):
        self.docs.append((name, doc))

    def of(self, kind):
        return [doc for name, doc in self.docs if name == kind]

    def column(self, key):
        events = [[doc["data"][key]] for doc in self.of("event") if key in doc["data"]]
        pages = [doc["data"][key] for doc in self.of("event_page")]
        return [value for values in events + pages for value in values]

    def frames(self):
        parts = []
        paths = {d["uid"]: d["uri"].split("localhost")[1] for d in self.of("stream_resource")}
        for datum in self.of("stream_datum"):
            with h5py.File(paths[datum["stream_resource"]], "r", swmr=True) as file:
                span = slice(datum["indices"]["start"], datum["indices"]["stop"])
                parts.append(file["/entry/data/data"][span])
        return np.concatenate(parts)


def measure(station, *plans):
    engine, seen = RunEngine({}), Seen()
    engine.subscribe(seen)
    for plan in plans:
        engine(plan(station, **GRID))
    return seen


# First in this file: the IOC's noise is that of its first frames.
def test_the_same_seed_gives_the_same_documents_and_frames(ioc, simulated):
    over_epics, in_process = (measure(station, map_fly, map_raster) for station in (ioc, simulated))
    for key in ("stage_x", "stage_y", "i0"):
        assert over_epics.column(key) == in_process.column(key)
    np.testing.assert_array_equal(over_epics.frames(), in_process.frames())
    assert over_epics.frames().shape == (24, 195, 487)
    assert over_epics.frames().any()
    for ours, theirs in zip(over_epics.of("descriptor"), in_process.of("descriptor"), strict=True):
        assert ours["data_keys"].keys() == theirs["data_keys"].keys()
        image = ours["data_keys"]["pilatus_image"]
        assert {**image, "source": ""} == {**theirs["data_keys"]["pilatus_image"], "source": ""}
        name = "fly" if "fly" in ours["configuration"] else "pilatus"
        said, told = (d["configuration"][name]["data"] for d in (ours, theirs))
        for fact in ("distance", "two_theta", "pixel_size", "poni", "energy", "exposure", "mask"):
            assert said[f"pilatus_{fact}"] == told[f"pilatus_{fact}"], fact


def test_times_are_the_stations_and_never_run_backwards(ioc):
    seen = measure(ioc, map_raster)
    times = [event["timestamps"]["stage_x"] for event in seen.of("event")]
    assert times == sorted(times)
    assert len(set(times)) > 6


def test_the_beam_is_off_after_a_run_and_frames_then_have_none(ioc):
    measure(ioc, map_raster)
    assert not ioc.shutter.is_open
    assert ioc.shutter.read()["shutter"]["value"] == "closed"


def test_a_position_outside_the_records_limits_is_refused_before_anything_moves(ioc):
    before = ioc.stage.x.position
    with pytest.raises(LimitError, match=r"stage_x = 2501 um is outside.*-2500 to 2500 um"):
        ioc.stage.x.set(2501.0)
    assert ioc.stage.x.position == before


def test_what_the_controller_has_against_a_profile_is_said(ioc):
    ioc.flyer.num_points.put(3)
    ioc.flyer.x_positions.put([0.0, 1.0, 4.0])
    ioc.flyer.y_positions.put([0.0, 0.0, 0.0])
    put_and_wait(ioc.flyer.build, 1)
    assert int(ioc.flyer.build_status.get()) == 2
    assert "evenly spaced" in ioc.flyer.build_message.get()


def test_a_line_too_fast_for_the_stage_is_refused_before_it_is_handed_over(ioc):
    put_and_wait(ioc.stage.x.velocity, 50.0)
    wait_for(ioc.stage.x.velocity, lambda velocity: velocity == 50.0, "the velocity")
    try:
        with pytest.raises(LimitError, match=r"fly velocity = 95.* to 50 um/s"):
            measure(ioc, map_fly)
    finally:
        put_and_wait(ioc.stage.x.velocity, 1000.0)


def test_a_file_that_cannot_be_written_is_named(ioc, monkeypatch):
    monkeypatch.setattr(ioc.detector, "_data_dir", type(ioc.detector._data_dir)("/proc/nothing"))
    with pytest.raises((DeviceError, OSError), match="/proc/nothing"):
        measure(ioc, map_raster)


@pytest.mark.parametrize("plan", [map_raster, map_fly])
def test_frames_that_nobody_asked_for_are_no_events(ioc, monkeypatch, plan):
    # As one sees it: a frame more in the file than exposures, or than pulses.
    more = (ioc.detector.hdf.num_captured, 1) if plan is map_raster else (ioc.flyer.pulses, -1)
    monkeypatch.setattr(more[0], "get", lambda: type(more[0]).get(more[0]) + more[1])
    with pytest.raises((DeviceError, FailedStatus)) as refused:
        measure(ioc, plan)
    assert re.search(r"\d+ frames where \d+ were asked for", str(what_failed(refused.value)))
    monkeypatch.undo()
    seen = measure(ioc, map_raster)
    assert seen.frames().shape[0] == len(seen.of("event")) == 12


def test_a_pause_before_an_event_repeats_its_exposure_and_frames_stay_with_their_events(ioc):
    engine, seen = RunEngine({}), Seen()
    engine.subscribe(seen)

    paused = []

    def pause_before_the_fourth_event(message):
        if message.command != "save" or paused or ioc.detector.get_index() < 4:
            return None, None
        paused.append(message)

        def both():
            yield Msg("pause")
            return (yield message)

        return both(), None

    plan = bpp.plan_mutator(map_raster(ioc, **GRID), pause_before_the_fourth_event)
    with pytest.raises(RunEngineInterrupted):
        engine(plan)
    wait_for(ioc.shutter.readback, lambda state: state == 0, "the shutter closed by the pause")
    engine.resume()
    assert len(seen.of("event")) == 12
    assert seen.frames().shape[0] == 12
    assert seen.of("stop")[0]["exit_status"] == "success"


def test_missing_process_variables_are_named_on_one_line(ioc, tmp_path):
    names = MappingNames(i0="no_such_counter", y="stage:z")
    with pytest.raises(MissingPVs) as caught:
        epics_mapping_station("sim:mapping:", tmp_path, names=names, timeout=1.0)
    said = str(caught.value)
    assert "sim:mapping:no_such_counter" in said
    assert "sim:mapping:stage:z.RBV" in said
    assert "sim:mapping:stage:x" not in said
    assert "\n" not in said
    assert "no_such_counter" not in ca.show_cache(print_out=False), "it would be sought for ever"


def test_a_connection_that_pyepics_does_not_tell_of_is_found(running, monkeypatch):
    find, dropped = ca._get_cache_by_chid, []

    def drop_one(chid):
        entry = find(chid)
        if entry.pvname == "sim:battery:dose" and not dropped:
            dropped.append(chid)
            raise KeyError(chid)
        return entry

    monkeypatch.setattr(ca, "_get_cache_by_chid", drop_one)
    dose = EpicsDose("sim:battery:dose", name="dose")
    try:
        connect(dose, timeout=10.0)
        assert dropped
        assert dose.read()["dose"]["value"] >= 0.0
    finally:
        disconnect(dose)


def test_a_camera_of_another_size_is_refused(ioc, tmp_path):
    geometry = DetectorGeometry(shape=(10, 20))
    with pytest.raises(BadInput, match="195 x 487 pixels, the geometry is of 10 x 20"):
        epics_mapping_station("sim:mapping:", tmp_path, geometry)


def test_an_ioc_refuses_a_used_port(monkeypatch, capsys):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["operando", "ioc", "--port", port])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 2
    assert f"port {port} of 127.0.0.1 is in use" in capsys.readouterr().err


def gas_run(station):
    """Documents of a short loading: before the valve opens, and after."""
    engine, seen = RunEngine({}), Seen()
    engine.subscribe(seen)
    engine(watch_kinetics(station, None, settings=WatchSettings(0.1, before=4, longest=1.5)))
    return seen


def test_a_gas_loading_is_the_same_over_epics(loading, tmp_path):
    clock = Clock(math.inf)
    source = LoadingBeamline(GasLoading(), SEED, began=clock.now())
    over_epics = gas_run(loading)
    in_process = gas_run(simulated_loading_station(source, clock, tmp_path))
    assert over_epics.column("i0") == in_process.column("i0")
    np.testing.assert_array_equal(over_epics.frames(), in_process.frames())
    for seen in (over_epics, in_process):
        starts = np.array(seen.column("frame_start"))
        np.testing.assert_allclose(np.diff(starts), 0.1 + READOUT_S, atol=1e-6)


def charge_and_look(station):
    """Charge for two minutes, then diffract, scan an edge and count at two energies."""
    yield from bps.monitor(station.cell.stream, name="electrochemistry")
    charge = {"technique": "galvanostatic", "current": 1e-3, "duration": 120.0}
    yield from bps.mv(station.cell, charge)
    yield from bps.mv(station.mono, 7500.0)
    yield from bps.mv(station.shutter, "open")
    scan = station.scans["xafs_mn"]
    for device in (station.xrd, scan):
        yield from bps.trigger(device, wait=True)
        yield from bps.create(name=device.name)
        for one in (device, station.cell, station.dose):
            yield from bps.read(one)
        yield from bps.save()
    yield from bps.stage(station.chambers)
    for energy in (8333.0, 8400.0):
        yield from bps.mv(station.mono, energy)
        yield from bps.trigger_and_read([station.chambers, station.mono])
    yield from bps.unstage(station.chambers)
    yield from bps.mv(station.shutter, "closed")
    yield from bps.unmonitor(station.cell.stream)


def charge_run(station):
    engine, seen = RunEngine({}), Seen()
    engine.subscribe(seen)
    engine(bpp.run_wrapper(charge_and_look(station)))
    return seen


# First of the battery's: its noise is that of the first measurements.
def test_a_charge_with_xrd_and_xafs_is_the_same_over_epics(battery):
    over_epics = charge_run(battery)
    clock = Clock(math.inf, epoch=EPOCH)
    in_process = charge_run(simulated_battery_station(clock, SEED).station)
    ours, theirs = over_epics.of("event"), in_process.of("event")
    assert len(ours) == len(theirs) > 10
    for one, other in zip(ours, theirs, strict=True):
        assert one["data"] == other["data"]
    for one, other in zip(over_epics.of("descriptor"), in_process.of("descriptor"), strict=True):
        for device, told in other["configuration"].items():
            said = one["configuration"][device]["data"]
            assert {key: said[key] for key in told["data"]} == told["data"], device


def test_the_potentiostats_own_limits_refuse_a_technique(battery):
    too_much = {"technique": "galvanostatic", "current": 1.0, "duration": 1.0}
    with pytest.raises(LimitError, match="current = 1 A is outside its range"):
        battery.cell.set(too_much)
    assert battery.cell.refresh()["state"] == "stopped"
