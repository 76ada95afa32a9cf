import math

import numpy as np
import pytest
from bluesky import RunEngine

from operando.devices.monochromator import Monochromator
from operando.devices.quick_scan import EdgeGrid
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import BadInput, DeviceError, LimitError
from operando.plans.xafs import xafs_step
from operando.simulations.clock import Clock


@pytest.fixture
def battery():
    made = simulated_battery_station(Clock(math.inf, epoch=0.0), 1, soc=0.4)
    yield made
    made.driver.close()


def test_cobalt_ends_where_nickel_begins():
    energy = EdgeGrid(("Co", "Ni")).energies()
    assert np.all(np.diff(energy) > 0)
    cobalt_end = math.sqrt(0.26246842 * (8333.0 - 20.0 - 7709.0))
    assert cobalt_end == pytest.approx(12.6, abs=0.1)
    near = energy[(energy > 8313.0) & (energy < 8383.0)]
    assert np.diff(near).max() <= 0.5 + 1e-6
    assert energy[-1] == pytest.approx(8333.0 + 13.5**2 / 0.26246842, abs=5.0)


@pytest.mark.parametrize("elements", [(), ("Ni", "Co"), ("Ni", "Ni"), ("Xx",)])
def test_grids_that_are_none_are_refused(elements):
    with pytest.raises(BadInput):
        EdgeGrid(elements).energies()


def test_bragg_angle_and_limits_of_the_monochromator():
    mono = Monochromator("", name="mono", clock=Clock(math.inf))
    mono.set(8333.0)
    reading = mono.read()
    wavelength = 12398.419843 / 8333.0
    angle = math.degrees(math.asin(wavelength / 2 / 3.1356011))
    assert reading["mono_bragg"]["value"] == pytest.approx(angle, abs=1e-4)
    for wrong in (100.0, 50000.0, math.nan):
        with pytest.raises(LimitError):
            mono.set(wrong)
    assert mono.position == 8333.0


def test_backlash_costs_time_and_spares_the_hysteresis():
    clock = Clock(math.inf, epoch=0.0)
    mono = Monochromator("", name="mono", clock=clock, energy_ev=8000.0)
    mono.set(7900.0)
    assert clock.now() == pytest.approx(100.0 / 100.0 + 40.0 / 100.0 + 0.5)
    assert mono.mechanical_offset == 0.0
    mono.backlash.set(0.0)
    mono.set(7800.0)
    assert mono.mechanical_offset == pytest.approx(0.25)
    mono.set(7900.0)
    assert mono.mechanical_offset == 0.0


def test_a_quick_scan_takes_its_time_and_leaves_the_monochromator_at_its_end(battery):
    station = battery.station
    station.shutter.set("open")
    scan = station.scans["xafs_mn"]
    began = station.clock.now()
    scan.trigger()
    assert 60.0 < station.clock.now() - began < 85.0
    reading, described = scan.read(), scan.describe()
    assert set(reading) == set(described)
    for key, value in reading.items():
        assert len(value["value"]) == described[key]["shape"][0]
    assert station.mono.position == reading["xafs_mn_energy"]["value"][-1]


def test_a_scan_behind_the_closed_shutter_sees_the_dark_current_only(battery):
    scan = battery.station.scans["xafs_mn"]
    scan.trigger()
    dark = scan.dark.get()[1] * scan.dwell.get()
    assert np.mean(scan.read()["xafs_mn_i1"]["value"]) == pytest.approx(dark, rel=0.05)
    assert battery.beamline.dose == 0.0


def test_a_scan_that_was_not_made_cannot_be_read(battery):
    with pytest.raises(DeviceError, match="has not been scanned"):
        battery.station.scans["xafs_mn"].read()


def test_diffraction_at_the_wrong_energy_is_refused(battery):
    battery.station.mono.set(8000.0)
    with pytest.raises(DeviceError, match="7500 eV"):
        battery.station.xrd.trigger()


def test_a_stopped_exposure_keeps_nothing_and_can_be_repeated():
    battery = simulated_battery_station(Clock(100.0), 1, soc=0.4)
    station = battery.station
    station.shutter.set("open").wait(5)
    status = station.xrd.trigger()
    with pytest.raises(DeviceError, match="busy"):
        station.xrd.trigger()
    station.xrd.stop()
    with pytest.raises(DeviceError, match="stopped"):
        status.wait(5)
    assert np.sum(station.xrd.read()["xrd_counts"]["value"]) == 0
    station.xrd.trigger().wait(5)
    assert np.sum(station.xrd.read()["xrd_counts"]["value"]) > 1e4
    battery.driver.close()


def test_a_step_scan_measures_the_edge_point_by_point(battery):
    documents = []
    engine = RunEngine({}, context_managers=[])
    energies = np.arange(8320.0, 8360.0, 2.0)
    engine(
        xafs_step(battery.station, energies, dwell=1.0),
        lambda name, doc: documents.append((name, doc)),
    )
    rows = [doc["data"] for name, doc in documents if name == "event"]
    assert [row["mono"] for row in rows] == energies.tolist()
    mu = np.log([(row["chambers_i0"] - 240.0) / (row["chambers_i1"] - 310.0) for row in rows])
    assert mu[-1] - mu[0] > 0.4  # the edge step
    assert not battery.station.shutter.is_open
    for wrong in ([], [8330.0, 8320.0], [8330.0, 8330.0], [100.0, 8330.0]):
        with pytest.raises(BadInput):
            engine(xafs_step(battery.station, wrong))


def test_the_same_seed_gives_the_same_counts():
    counts = []
    for seed in (1, 1, 2):
        battery = simulated_battery_station(Clock(math.inf, epoch=0.0), seed, soc=0.4)
        battery.station.shutter.set("open")
        battery.station.scans["xafs_ni_co"].trigger()
        counts.append(battery.station.scans["xafs_ni_co"].read()["xafs_ni_co_i1"]["value"])
        battery.driver.close()
    assert counts[0] == counts[1] != counts[2]
