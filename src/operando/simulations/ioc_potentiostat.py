"""The PVs of a potentiostat, whose controller keeps its limits whoever is connected."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from operando.errors import OperandoError
from operando.simulations.soft_ioc import Board

#: Parameters of all techniques, each a number; NaN is none.
PARAMETERS = {
    "Current": "current",
    "ToCharge": "to_charge",
    "ToVoltage": "to_voltage",
    "Voltage": "voltage",
    "UntilCurrent": "until_current",
    "Duration": "duration",
    "Slope": "slope",
    "Low": "low",
    "High": "high",
    "Rate": "rate",
    "Cycles": "cycles",
}
TECHNIQUES = ("rest", "galvanostatic", "hold", "cv")
STATES = ("stopped", "running", "fault")
#: What a snapshot's and a record's numbers are, in their order.
SNAPSHOT = ("time", "voltage", "current", "charge", "temperature", "number", "run", "end_voltage")
RECORD = ("number", "time", "voltage", "current", "charge", "temperature")
#: Most records handed out at a time.
RECORDS = 400


class Controller(Protocol):
    """What stands behind the PVs."""

    def load(self, technique: Mapping[str, Any]) -> None:
        """Check and take a technique."""
        ...

    def start(self) -> None:
        """Begin it."""
        ...

    def stop(self) -> None:
        """Switch the output off."""
        ...

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change parameters of the technique that runs."""
        ...

    def clear_fault(self) -> None:
        """Allow the output to be switched on again."""
        ...

    def run(self) -> None:
        """Let time pass until the technique ends, where it does not pass by itself."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Return the present state and the last reading."""
        ...

    def records(self, after: int) -> list[dict[str, Any]]:
        """Return the records whose number is larger."""
        ...


class PotentiostatPanel:
    """A potentiostat's controller on a board, all names with ``cell:`` before them.

    Parameters
    ----------
    board : Board
        Where they are served.
    controller : Controller
        What is behind.
    facts : mapping of str to float
        Capacity, mass and limits, read-only.

    Notes
    -----
    ``Technique`` and its parameters are set first, then ``Load``, ``Start``, ``Update``, ``Stop``
    or ``ClearFault`` is put. ``Message`` is empty when the last of them was done, otherwise it
    has the kind of the error and what it says.
    """

    def __init__(self, board: Board, controller: Controller, facts: Mapping[str, float]) -> None:
        self._board, self._controller = board, controller
        board.choice("cell:Technique", TECHNIQUES)
        for name in PARAMETERS:
            board.number(f"cell:{name}", math.nan)
        for name, value in facts.items():
            board.number(f"cell:{name}", value, read_only=True)
        verbs: dict[str, Callable[[], None]] = {
            "Load": lambda: controller.load(self._technique()),
            "Start": controller.start,
            "Stop": controller.stop,
            "Update": lambda: controller.update(self._parameters()),
            "ClearFault": controller.clear_fault,
            "Run": controller.run,
        }
        for name, verb in verbs.items():
            board.whole(f"cell:{name}", 0, put=self._does(verb))
        board.long_text("cell:Message", read_only=True)
        length = len(SNAPSHOT) + 1
        board.array("cell:Snapshot", length, read_only=True, ask=self._snapshot)
        for name, key in (("Reason", "reason"), ("Fault", "error"), ("FaultMessage", "message")):
            board.long_text(f"cell:{name}", read_only=True, ask=self._says(key))
        board.whole("cell:RecordsAfter", 0)
        width = RECORDS * (len(RECORD) + 1)
        board.array("cell:Records", width, read_only=True, ask=self._records)

    def _technique(self) -> dict[str, Any]:
        return {"technique": self._board.get("cell:Technique"), **self._parameters()}

    def _parameters(self) -> dict[str, Any]:
        values = {key: float(self._board.get(f"cell:{name}")) for name, key in PARAMETERS.items()}
        found: dict[str, Any] = {k: v for k, v in values.items() if not math.isnan(v)}
        if "cycles" in found:
            found["cycles"] = int(found["cycles"])
        return found

    def _does(self, verb: Callable[[], None]) -> Callable[[Any], None]:
        def put(value: int) -> None:
            try:
                verb()
            except OperandoError as error:
                self._board.post("cell:Message", f"{type(error).__name__}: {error}"[:255])
            else:
                self._board.post("cell:Message", "")

        return put

    def _says(self, key: str) -> Callable[[], str]:
        return lambda: str(self._controller.snapshot()[key])[:255]

    def _snapshot(self) -> list[float]:
        snapshot = self._controller.snapshot()
        numbers = [float(snapshot[key]) for key in SNAPSHOT]
        return [*numbers, float(STATES.index(snapshot["state"]))]

    def _records(self) -> list[float]:
        after = int(self._board.get("cell:RecordsAfter"))
        rows = [
            [*(float(record[key]) for key in RECORD), float(STATES.index(record["state"]))]
            for record in self._controller.records(after)[:RECORDS]
        ]
        return [value for row in rows for value in row] or [math.nan]
