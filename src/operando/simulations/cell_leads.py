"""The leads between a potentiostat and a simulated cell, with the ways in which they go wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from operando.errors import BadInput
from operando.simulations.cell import CellModel

LeadFault = Literal["none", "open", "swapped", "reversed_current", "nan"]
#: Noise of a voltage and of a temperature reading, and relative noise of a current reading.
VOLTAGE_NOISE: Final = 5.0e-5
TEMPERATURE_NOISE: Final = 0.02
CURRENT_NOISE: Final = 2.0e-5


@dataclass(frozen=True)
class Measured:
    """What the potentiostat's converters say.

    Parameters
    ----------
    voltage : float
        V.
    current : float
        A; charging is positive.
    temperature : float
        °C.
    """

    voltage: float
    current: float
    temperature: float


class Leads:
    """Pass a current to the cell and read back what a potentiostat would read.

    Parameters
    ----------
    cell : CellModel
        The cell.
    seed : int
        Of the converters' noise.

    Notes
    -----
    `fault` may be set at any time: ``"open"`` (the current lead is off: no current flows, the
    sense leads still see the cell), ``"swapped"`` (both pairs the wrong way round: the cell is
    discharged by a charging current and its voltage reads negative), ``"reversed_current"``
    (only the current pair), ``"nan"`` (the converter gives no number).

    Examples
    --------
    >>> from operando.simulations.cell_circuit import EquivalentCircuit
    >>> leads = Leads(EquivalentCircuit(soc=0.5))
    >>> leads.fault = "open"
    >>> leads.apply(1.0, 1e-3).current
    0.0
    """

    def __init__(self, cell: CellModel, seed: int = 0) -> None:
        self.cell = cell
        self._fault: LeadFault = "none"
        self._rng = np.random.default_rng([seed, 5])
        self._noise = self._rng.standard_normal((1024, 3))
        self._drawn = 0

    @property
    def fault(self) -> LeadFault:
        """What is wrong with the leads."""
        return self._fault

    @fault.setter
    def fault(self, fault: LeadFault) -> None:
        if fault not in get_args(LeadFault):
            raise BadInput(f"a lead can be {', '.join(get_args(LeadFault))}, not {fault!r}")
        self._fault = fault

    def apply(self, dt: float, current: float) -> Measured:
        """Drive a current for a time, then read.

        Parameters
        ----------
        dt : float
            Time, s.
        current : float
            Current that the potentiostat drives, A.

        Returns
        -------
        Measured
            At the end of the time.
        """
        flows = {"open": 0.0, "swapped": -current, "reversed_current": -current}
        into_cell = flows.get(self._fault, current)
        self.cell.step(dt, into_cell)
        if self._fault == "nan":
            return Measured(math.nan, math.nan, math.nan)
        voltage, heat, relative = self._draw()
        volts = self.cell.voltage + VOLTAGE_NOISE * voltage
        amperes = into_cell * (1.0 + CURRENT_NOISE * relative)
        if self._fault == "swapped":
            volts, amperes = -volts, -amperes
        return Measured(volts, amperes, self.cell.temperature + TEMPERATURE_NOISE * heat)

    def _draw(self) -> tuple[float, float, float]:
        if self._drawn == len(self._noise):
            self._rng.standard_normal(out=self._noise)
            self._drawn = 0
        row = self._noise[self._drawn].tolist()
        self._drawn += 1
        return row[0], row[1], row[2]
