"""The PVs of a gas cell: a valve, a gauge, and when the valve opened."""

from __future__ import annotations

from typing import Any, Protocol

from operando.simulations.soft_ioc import Board, Outcome

POSITIONS = ("Closed", "Open", "Vacuum")


class Valve(Protocol):
    """What stands behind the PVs."""

    def set(self, value: str) -> Outcome:
        """Turn the valve."""
        ...

    def read(self) -> dict[str, dict[str, Any]]:
        """Read valve, pressure and time of opening, whose names end so."""
        ...


class GasPanel:
    """The PVs ``gas:valve``, ``gas:valve_RBV``, ``gas:pressure`` and ``gas:opened_at``.

    Parameters
    ----------
    board : Board
        Where they are served.
    valve : Valve
        What turns.

    Notes
    -----
    The pressure is that of the moment it is asked for, and its time stamp says which that is.
    """

    def __init__(self, board: Board, valve: Valve) -> None:
        self._board, self._valve = board, valve
        board.choice("gas:valve", POSITIONS, put=self._turn)
        board.choice("gas:valve_RBV", POSITIONS, read_only=True)
        board.number("gas:pressure", units="kPa", read_only=True, ask=lambda: self._of("pressure"))
        board.number("gas:opened_at", units="s", read_only=True)

    def _turn(self, position: str) -> Outcome:
        outcome = self._valve.set(position.lower())
        outcome.add_callback(lambda status: self._turned())
        return outcome

    def _turned(self) -> None:
        self._board.post("gas:opened_at", self._of("opened_at"))
        self._board.post("gas:valve_RBV", str(self._of("valve")).capitalize())

    def _of(self, name: str) -> Any:
        reading = self._valve.read()
        return next(item["value"] for key, item in reading.items() if key.endswith(name))
