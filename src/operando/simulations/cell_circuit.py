"""The cell as an equivalent circuit: open-circuit voltage, a resistance and two RC elements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from operando.errors import BadInput
from operando.simulations.cell import CellState, Electrode, open_circuit_voltage

_KELVIN = 273.15
_REFERENCE_K = 298.15
_GAS = 8.314462618
# A table fine enough that a straight line between its points is exact to a microvolt.
_TABLE_STEP = 1.0 / 2048.0
_TABLE_LOW, _TABLE_HIGH = -0.25, 1.75


@dataclass(frozen=True)
class CircuitParameters:
    """Numbers of the circuit, for a laboratory cell.

    Parameters
    ----------
    r0, r1, r2 : float
        Ohmic resistance and those of the two RC elements at 25 °C, times the active mass, ohm g.
    tau1, tau2 : float
        Time constants of charge transfer and of diffusion, s.
    aged_soc, aged_width : float
        Where the RC elements' resistance has doubled on the way to high voltage (electrolyte
        oxidation and the collapse of the layers block the surface), and how steeply it grows.
    activation : float
        Activation energy of the resistances, J/mol.
    heat_capacity : float
        Of the cell with its holder, J/K.
    cooling : float
        Heat that flows to the surroundings, W/K.
    ambient : float
        Temperature of the surroundings, °C.

    Notes
    -----
    Chosen, not measured: about 60 mV of overpotential at C/2 in the middle of the charge and
    0.2-0.25 V near 155 %, so that 5.0 V is reached between 150 and 160 %, as in the study, where
    the potential after the 5 V cut-off relaxed to 4.74 V.
    """

    r0: float = 0.25
    r1: float = 0.20
    r2: float = 0.30
    tau1: float = 6.0
    tau2: float = 110.0
    aged_soc: float = 1.38
    aged_width: float = 0.12
    activation: float = 30.0e3
    heat_capacity: float = 8.0
    cooling: float = 0.02
    ambient: float = 25.0


@dataclass
class EquivalentCircuit:
    """A half-cell of LiNi1/3Co1/3Mn1/3O2 that costs microseconds a step.

    Parameters
    ----------
    electrode : Electrode
        What is in it.
    parameters : CircuitParameters
        Numbers of the circuit.
    soc : float
        State of charge at the start, 1 = 160 mAh/g.

    Raises
    ------
    BadInput
        If a step is negative or not a number.

    Notes
    -----
    V = OCV(SOC) + I R0 + v1 + v2 with dv/dt = (I R - v) / tau for each RC element, solved
    exactly for the constant current of a step. Heat: C dT/dt = I (V - OCV) - k (T - T ambient).
    All resistances follow Arrhenius' law; `ambient` can be changed to heat the cell from outside.

    Examples
    --------
    >>> cell = EquivalentCircuit()
    >>> for _ in range(3600):
    ...     cell.step(1.0, 0.5 * cell.nominal_capacity)
    >>> round(cell.soc, 6), cell.voltage > cell.open_circuit_voltage
    (0.5, True)
    """

    electrode: Electrode = field(default_factory=Electrode)
    parameters: CircuitParameters = field(default_factory=CircuitParameters)
    soc: float = 0.0

    def __post_init__(self) -> None:
        self.ambient = self.parameters.ambient
        self._v1 = self._v2 = self._current = 0.0
        self._temperature = self.ambient
        self._mass, self._capacity = self.electrode.active_mass, self.electrode.nominal_capacity

    @property
    def nominal_capacity(self) -> float:
        """Charge that counts as 100 % state of charge, Ah."""
        return self._capacity

    @property
    def open_circuit_voltage(self) -> float:
        """Voltage after a rest without end, V."""
        place = (min(max(self.soc, _TABLE_LOW), _TABLE_HIGH) - _TABLE_LOW) / _TABLE_STEP
        below = min(int(place), len(_TABLE) - 2)
        return float(_TABLE[below] + (place - below) * (_TABLE[below + 1] - _TABLE[below]))

    @property
    def voltage(self) -> float:
        """Voltage with the current of the last step, V."""
        ohmic = self._current * self._resistance(self.parameters.r0)
        return self.open_circuit_voltage + ohmic + self._v1 + self._v2

    @property
    def temperature(self) -> float:
        """Temperature of the cell, °C."""
        return self._temperature

    def step(self, dt: float, current: float) -> None:
        """Let a constant current flow for a time.

        Parameters
        ----------
        dt : float
            Time, s; 0 only sets the current.
        current : float
            Current, A; charging is positive.

        Raises
        ------
        BadInput
            If the time is negative or one of them is not a number.
        """
        if not 0.0 <= dt < math.inf or not math.isfinite(current):
            raise BadInput(f"a cell cannot step by {dt!r} s with {current!r} A")
        p = self.parameters
        self._current = current
        if dt == 0.0:
            return
        blocked = self._blocked()
        for name, r, tau in (("_v1", p.r1, p.tau1), ("_v2", p.r2, p.tau2)):
            steady = current * self._resistance(r) * blocked
            v = getattr(self, name)
            setattr(self, name, steady + (v - steady) * math.exp(-dt / tau))
        self.soc += current * dt / 3600.0 / self._capacity
        heat = current * (self.voltage - self.open_circuit_voltage)
        steady = self.ambient + heat / p.cooling
        decay = math.exp(-dt * p.cooling / p.heat_capacity)
        self._temperature = steady + (self._temperature - steady) * decay

    def state(self) -> CellState:
        """Return all that changes with time."""
        return {
            "soc": self.soc,
            "v1": self._v1,
            "v2": self._v2,
            "current": self._current,
            "temperature": self._temperature,
            "ambient": self.ambient,
        }

    def restore(self, state: CellState) -> None:
        """Go back to what `state` returned.

        Parameters
        ----------
        state : mapping of str to float
            Another cell's, or this one's at another time.
        """
        self.soc, self._current = state["soc"], state["current"]
        self._v1, self._v2 = state["v1"], state["v2"]
        self._temperature, self.ambient = state["temperature"], state["ambient"]

    def _resistance(self, r: float) -> float:
        kelvin = self._temperature + _KELVIN
        arrhenius = self.parameters.activation / _GAS * (1.0 / kelvin - 1.0 / _REFERENCE_K)
        return r / self._mass * math.exp(arrhenius)

    def _blocked(self) -> float:
        """Growth of the surface's resistance at both ends of the charge."""
        p = self.parameters
        full = math.exp(min((self.soc - p.aged_soc) / p.aged_width, 4.0))
        empty = math.exp(-max(self.soc, -0.05) / 0.03)
        return 1.0 + full + empty


_TABLE = open_circuit_voltage(
    np.arange(_TABLE_LOW, _TABLE_HIGH + 0.5 * _TABLE_STEP, _TABLE_STEP)
).tolist()
