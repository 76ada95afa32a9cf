"""A controller's profile move: one sweep, and a pulse for the detector at every point of it."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput, OperandoError
from operando.simulations.soft_ioc import Board, Outcome, Pending

#: Most points of one profile.
LENGTH = 2000


class Flown(NamedTuple):
    """What came of a sweep: where the stage was at each pulse, um."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


class Sweeping(Protocol):
    """What stands behind the controller."""

    def build(self, x: NDArray[np.float64], y: float, period: float) -> None:
        """Check and take a line: positions of the pulses, and the time between them."""
        ...

    def execute(self) -> Outcome:
        """Go to where the run-up begins, and sweep."""
        ...

    def abort(self) -> None:
        """Stop where it is."""
        ...

    def flown(self) -> Flown:
        """Return what came of it."""
        ...


class ProfileMove:
    """The PVs of a profile move, named as EPICS' motor module names them.

    Parameters
    ----------
    board : Board
        Where they are served.
    name : str
        What their names begin with, such as ``"prof1:"``.
    sweeping : Sweeping
        What moves.

    Notes
    -----
    Axis M1 is x and M2 is y. ``M1Positions`` are where the stage is in the middle of each
    exposure, evenly spaced; the controller adds the run-up itself. ``FixedTime`` is the time
    between two pulses. A line along x is all it can do.
    """

    def __init__(self, board: Board, name: str, sweeping: Sweeping) -> None:
        self._board, self._name, self._sweeping = board, name, sweeping
        states = ("Done", "Busy")
        results = ("Undefined", "Success", "Failure")
        board.whole(f"{name}NumPoints", 0)
        board.whole(f"{name}NumPulses", 0)
        board.whole(f"{name}NumActualPulses", 0, read_only=True)
        board.choice(f"{name}TimeMode", ("Fixed", "Array"))
        board.number(f"{name}FixedTime", 0.1, units="s")
        board.choice(f"{name}MoveMode", ("Relative", "Absolute"), "Absolute")
        for axis in ("M1", "M2"):
            board.choice(f"{name}{axis}UseAxis", ("No", "Yes"), "Yes")
            board.array(f"{name}{axis}Positions", LENGTH, units="um")
            board.array(f"{name}{axis}Readbacks", LENGTH, units="um", read_only=True)
        for verb, put in (("Build", self._build), ("Execute", self._execute)):
            board.choice(f"{name}{verb}", states, put=put)
            board.choice(f"{name}{verb}State", ("Done", *states[1:]), read_only=True)
            board.choice(f"{name}{verb}Status", results, read_only=True)
            board.long_text(f"{name}{verb}Message", read_only=True)
        board.choice(f"{name}Abort", ("Done", "Abort"), put=self._abort)

    def _build(self, value: str) -> None:
        if value != "Busy":
            return
        try:
            self._take()
        except OperandoError as error:  # it is the status that says so, the put is done
            self._ended("Build", error)
        else:
            self._ended("Build", None)

    def _take(self) -> None:
        points = int(self._get("NumPoints"))
        x, y = (self._positions(axis, points) for axis in ("M1", "M2"))
        if np.any(y != y[0]):
            raise BadInput("this controller sweeps along x: all positions of M2 must be the same")
        even = np.linspace(x[0], x[-1], points)
        if np.any(np.abs(x - even) > 1e-6 * max(abs(x[-1] - x[0]), 1.0)):
            raise BadInput("this controller needs evenly spaced positions of M1")
        self._sweeping.build(x, float(y[0]), float(self._get("FixedTime")))

    def _positions(self, axis: str, points: int) -> NDArray[np.float64]:
        positions = np.asarray(self._get(f"{axis}Positions"), dtype=np.float64)[:points]
        if not 1 <= points == len(positions):
            raise BadInput(f"{axis} has {len(positions)} positions, the profile {points} points")
        return positions

    def _execute(self, value: str) -> Outcome | None:
        if value != "Busy":
            return None
        self._post("ExecuteState", "Busy")
        self._post("ExecuteStatus", "Undefined")
        try:
            outcome = self._sweeping.execute()
        except OperandoError as error:
            self._ended("Execute", error)
            return None
        over = Pending()

        def end(status: Outcome) -> None:
            self._flown(outcome.exception())
            over.end()

        outcome.add_callback(end)
        return over

    def _flown(self, error: BaseException | None) -> None:
        flown = self._sweeping.flown()
        for axis, values in (("M1", flown.x), ("M2", flown.y)):
            if len(values):
                self._post(f"{axis}Readbacks", values.tolist())
        self._post("NumActualPulses", len(flown.x))
        self._ended("Execute", error)

    def _abort(self, value: str) -> None:
        if value == "Abort":
            # The sweep's own threads end it: waiting here would hold up every other put.
            threading.Thread(target=self._sweeping.abort, daemon=True).start()
            self._post("Abort", "Done")

    def _ended(self, verb: str, error: BaseException | None) -> None:
        self._post(f"{verb}Message", "" if error is None else str(error)[:255])
        self._post(f"{verb}Status", "Success" if error is None else "Failure")
        self._post(f"{verb}State", "Done")
        self._post(verb, "Done")

    def _get(self, name: str) -> Any:
        return self._board.get(self._name + name)

    def _post(self, name: str, value: Any) -> None:
        self._board.post(self._name + name, value)
