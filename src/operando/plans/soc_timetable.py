"""How long a measurement by steps of charge will take, and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando.errors import BadInput


@dataclass(frozen=True)
class SocSettings:
    """What is done at every state of charge.

    Parameters
    ----------
    step : float
        Charge from one measurement to the next, as a share of the nominal capacity.
    rest : float
        Longest rest before each measurement, s.
    until : float
        Voltage at which the charge ends for good, V.
    c_rate : float
        Current in nominal capacities an hour.
    max_soc : float
        Charge at which it ends in any case, as a share of the nominal capacity.
    rest_slope : float, optional
        End a rest as soon as abs(dV/dt) is below this, V/s.
    xrd_exposure : float
        Exposure of the 003 reflection, s.
    repeats : int
        Number of XAFS scans of each kind at every step.
    dose_limit : float, optional
        Do not begin a measurement that would bring the dose above this, MGy.
    time_limit : float, optional
        Do not begin a step that would end later than this, hours after the beginning.

    Raises
    ------
    BadInput
        If a number makes no sense.

    Examples
    --------
    >>> SocSettings().target(3)
    0.3
    >>> SocSettings(step=-0.1)
    Traceback (most recent call last):
    ...
    operando.errors.BadInput: step must be positive, got -0.1
    """

    step: float = 0.10
    rest: float = 600.0
    until: float = 5.0
    c_rate: float = 0.5
    max_soc: float = 1.7
    rest_slope: float | None = None
    xrd_exposure: float = 10.0
    repeats: int = 1
    dose_limit: float | None = None
    time_limit: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 0 < value < math.inf:
                raise BadInput(f"{name} must be positive, got {value!r}")
        if self.step > self.max_soc:
            raise BadInput(f"a step of {self.step:g} is more than max_soc, {self.max_soc:g}")

    def target(self, index: int) -> float:
        """State of charge of a step; the last one may be cut by `max_soc`."""
        return min(round(index * self.step, 9), self.max_soc)

    def first(self, soc: float) -> int:
        """Step at which a cell of this state of charge goes on: that charge or the next."""
        return max(0, math.ceil(soc / self.step - 1e-2))

    def last(self) -> int:
        """Step that reaches `max_soc`."""
        return math.ceil(self.max_soc / self.step - 1e-9)


@dataclass(frozen=True)
class TimetableRow:
    """One step.

    Parameters
    ----------
    index : int
        Number of the step.
    soc : float
        State of charge.
    begins : float
        Hours from the beginning.
    charge_s, rest_s, xray_s : float
        How long its parts take, s.
    """

    index: int
    soc: float
    begins: float
    charge_s: float
    rest_s: float
    xray_s: float

    @property
    def seconds(self) -> float:
        """How long it takes, s."""
        return self.charge_s + self.rest_s + self.xray_s


@dataclass(frozen=True)
class Timetable:
    """All steps up to the largest charge; the voltage may end it earlier.

    Parameters
    ----------
    rows : tuple of TimetableRow
        In order.
    settings : SocSettings
        What is done.

    Examples
    --------
    >>> table = timetable(SocSettings(max_soc=0.2), soc=0.0, xray_s=140.0)
    >>> [row.soc for row in table.rows], round(table.hours, 2)
    ([0.0, 0.1, 0.2], 1.02)
    """

    rows: tuple[TimetableRow, ...]
    settings: SocSettings

    @property
    def hours(self) -> float:
        """How long all of it takes, h."""
        return sum(row.seconds for row in self.rows) / 3600.0

    def text(self) -> str:
        """Return the table for people: one line a step, times in hours."""
        lines = [" step   SOC   begins   charge    rest   X-rays"]
        lines += [
            f"{row.index:5d} {100 * row.soc:4.0f} %  {row.begins:5.2f} h  "
            f"{row.charge_s / 60:5.1f} min {row.rest_s / 60:5.1f} min {row.xray_s / 60:5.1f} min"
            for row in self.rows
        ]
        lines.append(
            f"{len(self.rows)} steps in at most {self.hours:.2f} h; "
            f"it ends earlier when the cell reaches {self.settings.until:g} V"
        )
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return what the start document holds: columns."""
        return {
            "index": [row.index for row in self.rows],
            "soc": [row.soc for row in self.rows],
            "begins_h": [round(row.begins, 4) for row in self.rows],
            "hours": round(self.hours, 4),
        }


def timetable(
    settings: SocSettings, soc: float, xray_s: float, completed: Iterable[int] = ()
) -> Timetable:
    """Lay out all steps.

    Parameters
    ----------
    settings : SocSettings
        What is done.
    soc : float
        State of charge of the cell now.
    xray_s : float
        How long the X-rays take at each step, s.
    completed : iterable of int
        Steps that were measured before and are left out.

    Returns
    -------
    Timetable
    """
    done, rows, now = set(completed), [], 0.0
    for index in range(settings.first(soc), settings.last() + 1):
        if index in done:
            continue
        target = settings.target(index)
        charge = max(0.0, target - soc) / settings.c_rate * 3600.0
        row = TimetableRow(index, target, now / 3600.0, charge, settings.rest, xray_s)
        rows.append(row)
        soc, now = max(target, soc), now + row.seconds
    return Timetable(tuple(rows), settings)


def completed_steps(
    documents: Iterable[tuple[str, dict[str, Any]]], streams: Iterable[str]
) -> set[int]:
    """Find the steps that an earlier run has measured completely.

    Parameters
    ----------
    documents : iterable of (name, document)
        Of the earlier run, as the RunEngine emitted or the store replays them.
    streams : iterable of str
        Streams in which a complete step has an event.

    Returns
    -------
    set of int
        Indices of the steps, for ``soc_stepped(completed=...)``.
    """
    names: dict[str, str] = {}
    seen: dict[str, set[int]] = {name: set() for name in streams}
    for kind, document in documents:
        if kind == "descriptor":
            names[document["uid"]] = document["name"]
        elif kind in ("event", "event_page"):
            index = document["data"].get("soc_step_index")
            stream = names.get(document["descriptor"], "")
            if index is not None and stream in seen:
                many = index if kind == "event_page" else [index]
                seen[stream].update(int(one) for one in many)
    return set.intersection(*seen.values()) if seen else set()


def voltage_reached(
    documents: Iterable[tuple[str, Mapping[str, Any]]], until: float
) -> float | None:
    """Find the voltage at which the charge of an earlier run came to its end.

    Parameters
    ----------
    documents : iterable of (name, document)
        Of the earlier run; its stream ``electrochemistry`` has the potentiostat's records.
    until : float
        Voltage that ends the charge, V.

    Returns
    -------
    float or None
        V, for ``soc_stepped(ended_at=...)``; None if the charge is to go on.
    """
    records: set[str] = set()
    highest = None
    for kind, document in documents:
        if kind == "descriptor" and document["name"] == "electrochemistry":
            records.add(document["uid"])
        elif kind in ("event", "event_page") and document["descriptor"] in records:
            volts, amperes = (
                np.atleast_1d(value)
                for ending in ("_voltage", "_current")
                for key, value in document["data"].items()
                if key.endswith(ending)
            )
            ended = volts[(amperes > 0.0) & (volts >= until)]
            highest = float(ended[-1]) if len(ended) else highest
    return highest
