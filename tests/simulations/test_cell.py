import math

import numpy as np
import pytest

from operando.errors import BadInput
from operando.simulations.cell import CellModel, Electrode, open_circuit_voltage
from operando.simulations.cell_circuit import CircuitParameters, EquivalentCircuit
from operando.simulations.cell_leads import Leads


def charge(cell, c_rate, until, dt=1.0):
    while cell.voltage < until:
        cell.step(dt, c_rate * cell.nominal_capacity)


def test_the_circuit_is_a_cell_model():
    assert isinstance(EquivalentCircuit(), CellModel)


def test_open_circuit_voltage_rises_and_keeps_to_the_inferred_curve(shared_data):
    lithium, volts = np.loadtxt(shared_data / "battery/ncm111_ocp_inferred.csv", delimiter=",").T
    soc = (1.0 - lithium) * 277.8 / 160.0
    inside = (soc > 0.05) & (soc < 1.55)
    assert np.all(np.abs(open_circuit_voltage(soc[inside]) - volts[inside]) < 0.03)
    assert np.all(np.diff(open_circuit_voltage(np.linspace(-0.09, 1.73, 2000))) > 0)


@pytest.mark.parametrize("c_rate", [0.2, 0.5, 1.0])
def test_five_volts_are_reached_between_150_and_160_percent(c_rate):
    cell = EquivalentCircuit()
    charge(cell, c_rate, 5.0)
    assert 1.45 < cell.soc < 1.62
    if c_rate == 0.5:
        assert 1.5 < cell.soc < 1.6


def test_overpotential_is_that_of_the_circuit_and_dies_away_in_a_rest():
    cell = EquivalentCircuit(soc=0.5)
    current = 0.2 * cell.nominal_capacity
    for _ in range(900):
        cell.step(1.0, current)
    p = cell.parameters
    expected = current * (p.r0 + p.r1 + p.r2) / cell.electrode.active_mass
    assert cell.voltage - cell.open_circuit_voltage == pytest.approx(expected, rel=0.02)
    for _ in range(600):
        cell.step(1.0, 0.0)
    assert abs(cell.voltage - cell.open_circuit_voltage) < 1e-3
    assert cell.soc == pytest.approx(0.55)


def test_steps_of_any_length_give_the_same_relaxation():
    coarse, fine = EquivalentCircuit(soc=0.6), EquivalentCircuit(soc=0.6)
    for cell in (coarse, fine):
        cell.step(1.0, cell.nominal_capacity)
    coarse.step(60.0, 0.0)
    for _ in range(600):
        fine.step(0.1, 0.0)
    assert coarse.voltage == pytest.approx(fine.voltage, abs=1e-9)


def test_charging_and_discharging_return_to_the_same_charge():
    cell = EquivalentCircuit(soc=0.4)
    for sign in (1, -1):
        for _ in range(100):
            cell.step(1.0, sign * 1e-3)
    assert cell.soc == pytest.approx(0.4, abs=1e-12)


def test_current_heats_the_cell_and_so_do_the_surroundings():
    cell = EquivalentCircuit(parameters=CircuitParameters(cooling=0.001, heat_capacity=0.5))
    for _ in range(3600):
        cell.step(1.0, 5 * cell.nominal_capacity)
    warm = cell.temperature
    assert warm > 25.5
    cell.ambient = 70.0
    for _ in range(3600):
        cell.step(1.0, 0.0)
    assert cell.temperature == pytest.approx(70.0, abs=0.5)


def test_a_restored_cell_goes_on_as_if_nothing_had_happened():
    cell, other = EquivalentCircuit(), EquivalentCircuit(soc=0.9)
    for _ in range(500):
        cell.step(1.0, 1e-3)
    other.restore(cell.state())
    for each in (cell, other):
        each.step(10.0, 2e-3)
    assert other.voltage == cell.voltage
    assert other.state() == cell.state()


@pytest.mark.parametrize(("dt", "current"), [(-1.0, 0.0), (math.nan, 0.0), (1.0, math.nan)])
def test_nonsense_is_refused(dt, current):
    with pytest.raises(BadInput):
        EquivalentCircuit().step(dt, current)


@pytest.mark.parametrize("mass", [0.0, -1.0, math.nan])
def test_a_cell_without_active_material_is_refused(mass):
    with pytest.raises(BadInput):
        Electrode(mass)


@pytest.fixture(scope="module")
def spme():
    pytest.importorskip("pybamm", reason="extra pybamm is not installed")
    from operando.simulations.cell_pybamm import PybammCell

    return PybammCell


def test_the_particle_model_reaches_five_volts_where_the_circuit_does(spme):
    cell = spme()
    assert isinstance(cell, CellModel)
    charge(cell, 0.5, 5.0, dt=20.0)
    assert 1.5 < cell.soc < 1.65
    above = cell.voltage - cell.open_circuit_voltage
    for _ in range(30):
        cell.step(20.0, 0.0)  # past where PyBaMM's own voltage event would stand still
    assert abs(cell.voltage - cell.open_circuit_voltage) < 0.5 * above


def test_a_restored_particle_model_goes_on_as_if_nothing_had_happened(spme):
    cell = spme(soc=0.5)
    for _ in range(20):
        cell.step(10.0, 1e-3)
    state = cell.state()
    voltages = []
    for _ in range(2):
        cell.step(10.0, -2e-3)
        voltages.append(cell.voltage)
        cell.restore(state)
    assert voltages[0] == pytest.approx(voltages[1], abs=1e-9)


def test_the_potentiostat_drives_the_particle_model_too(spme):
    leads = Leads(spme(soc=0.5))
    leads.apply(0.0, 0.0)
    measured = leads.apply(10.0, 1e-3)
    assert measured.current == pytest.approx(1e-3, rel=1e-3)
    assert measured.voltage > leads.cell.open_circuit_voltage
