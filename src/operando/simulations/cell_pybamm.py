"""The cell as a single-particle model with electrolyte (SPMe), solved by PyBaMM (extra pybamm)."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from operando.errors import BadInput
from operando.simulations.cell import (
    NOMINAL_MAH_PER_GRAM,
    THEORETICAL_MAH_PER_GRAM,
    CellState,
    Electrode,
    lithium_left,
    open_circuit_voltage,
)

_FARADAY = 96485.33212
_CURRENT = "Current function [A]"
_VOLTAGE = "Voltage [V]"
#: PyBaMM's own cut-off: far above the potentiostat's, as a rest after it would stand still.
_CUT_OFF_V = 5.5
# The exchange current is zero for a particle that is quite full; and a step has some length.
_FULLEST, _SHORTEST_S = 0.996, 1.0e-3


class PybammCell:
    """A half-cell of LiNi1/3Co1/3Mn1/3O2 that costs milliseconds a step.

    Parameters
    ----------
    electrode : Electrode, optional
        What is in it; the electrode's area follows from its mass.
    soc : float
        State of charge at the start, 1 = 160 mAh/g.
    temperature : float
        °C; the model is isothermal.

    Raises
    ------
    BadInput
        If PyBaMM is not installed (extra ``pybamm``), or a step is negative or not a number.

    Notes
    -----
    Parameters of Xu et al., J. Electrochem. Soc. 166 (2019) A3456 (``Xu2019`` in PyBaMM), a
    half-cell of NMC532 against lithium. Its open-circuit potential ends at 4.34 V and is replaced
    by `operando.simulations.cell.open_circuit_voltage`. The electrode's area is such that all its
    lithium is 277.8 mAh/g.
    """

    def __init__(
        self, electrode: Electrode | None = None, *, soc: float = 0.0, temperature: float = 25.0
    ) -> None:
        self.electrode = electrode or Electrode()
        self.temperature = self.ambient = temperature
        self._soc, self._current = soc, 0.0
        self._pybamm = _import_pybamm()
        self._simulation = self._pybamm.Simulation(
            self._pybamm.lithium_ion.SPMe({"working electrode": "positive"}),
            parameter_values=self._parameters(soc),
        )
        self._voltage = math.nan
        self.step(0.0, 0.0)

    @property
    def nominal_capacity(self) -> float:
        """Charge that counts as 100 % state of charge, Ah."""
        return self.electrode.nominal_capacity

    @property
    def soc(self) -> float:
        """True state of charge, 1 = 100 %."""
        return self._soc

    @property
    def open_circuit_voltage(self) -> float:
        """Voltage after a rest without end, V."""
        return float(open_circuit_voltage(self._soc))

    @property
    def voltage(self) -> float:
        """Voltage with the current of the last step, V."""
        return self._voltage

    def step(self, dt: float, current: float) -> None:
        """Let a constant current flow for a time.

        Parameters
        ----------
        dt : float
            Time, s; 0 only sets the current (the model takes a millisecond of it).
        current : float
            Current, A; charging is positive.

        Raises
        ------
        BadInput
            If the time is negative or one of them is not a number.
        """
        if not 0.0 <= dt < math.inf or not math.isfinite(current):
            raise BadInput(f"a cell cannot step by {dt!r} s with {current!r} A")
        seconds = max(dt, _SHORTEST_S)
        # PyBaMM counts discharging currents as positive.
        self._simulation.step(seconds, inputs={_CURRENT: -current}, save=False)
        self._current = current
        self._soc += current * seconds / 3600.0 / self.nominal_capacity
        self._voltage = float(self._simulation.solution[_VOLTAGE].entries[-1])

    def state(self) -> CellState:
        """Return all that changes with time; the particle and the electrolyte as ``y...``."""
        last = np.asarray(self._simulation.solution.all_ys[-1])[:, -1]
        vector = {f"y{k}": float(value) for k, value in enumerate(last)}
        return {
            "soc": self._soc,
            "current": self._current,
            "voltage": self._voltage,
            "temperature": self.temperature,
            **vector,
        }

    def restore(self, state: CellState) -> None:
        """Go back to what `state` returned.

        Parameters
        ----------
        state : mapping of str to float
            This cell's, or another's of the same electrode.
        """
        old = self._simulation.solution
        size = len(state) - 4
        vector = np.array([[state[f"y{k}"]] for k in range(size)])
        self._simulation._solution = self._pybamm.Solution(  # noqa: SLF001 - no public way in
            np.array([old.t[-1]]), vector, old.all_models[-1], {_CURRENT: -state["current"]}
        )
        self._soc, self._current = state["soc"], state["current"]
        self._voltage, self.temperature = state["voltage"], state["temperature"]

    def _parameters(self, soc: float) -> Any:
        values = self._pybamm.ParameterValues("Xu2019")
        most = values["Maximum concentration in positive electrode [mol.m-3]"]
        depth = (
            values["Positive electrode thickness [m]"]
            * values["Positive electrode active material volume fraction"]
        )
        per_area = depth * most * _FARADAY / 3600.0
        charge = self.electrode.active_mass * THEORETICAL_MAH_PER_GRAM / 1000.0
        side = math.sqrt(charge / per_area)
        left = min(float(lithium_left(soc)), _FULLEST)
        values.update(
            {
                "Electrode height [m]": side,
                "Electrode width [m]": side,
                "Positive electrode OCP [V]": self._open_circuit,
                "Initial concentration in positive electrode [mol.m-3]": left * most,
                "Upper voltage cut-off [V]": _CUT_OFF_V,
                "Lower voltage cut-off [V]": 1.0,
                "Ambient temperature [K]": self.temperature + 273.15,
                "Initial temperature [K]": self.temperature + 273.15,
                _CURRENT: "[input]",
            }
        )
        return values

    def _open_circuit(self, lithium: Any) -> Any:
        grid = np.linspace(0.0, 1.05, 1051)
        soc = (1.0 - grid) * THEORETICAL_MAH_PER_GRAM / NOMINAL_MAH_PER_GRAM
        return self._pybamm.Interpolant(grid, open_circuit_voltage(soc), lithium, "ocp")


def _import_pybamm() -> Any:
    """Import when it is needed: it takes seconds, and asks about telemetry unless told not to."""
    os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")
    try:
        import pybamm
    except ImportError:
        raise BadInput("the SPMe cell needs PyBaMM: pip install 'operando[pybamm]'") from None
    return pybamm
