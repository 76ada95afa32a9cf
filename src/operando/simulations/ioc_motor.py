"""A motor record, as much of it as clients ask for, before anything that moves."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from operando.simulations.soft_ioc import Board, Outcome

#: How often the read-back of a moving axis is published, real s.
UPDATE_S = 0.1


class Movable(Protocol):
    """What stands behind a motor record."""

    limits: tuple[float, float]
    velocity: Any

    @property
    def position(self) -> float:
        """Where it is."""
        ...

    def check_value(self, value: float) -> None:
        """Refuse a position outside the limits."""
        ...

    def set(self, value: float) -> Outcome:
        """Go to a position."""
        ...

    def stop(self, *, success: bool = False) -> None:
        """Stop."""
        ...


class MotorRecord:
    """The fields of a motor record on a board.

    Parameters
    ----------
    board : Board
        Where they are served.
    name : str
        Name of the record, without prefix.
    axis : Movable
        What moves.
    units : str
        Unit of the position.
    """

    def __init__(self, board: Board, name: str, axis: Movable, units: str = "um") -> None:
        self._board, self._name, self._axis = board, name, axis
        low, high = axis.limits
        velocity = float(axis.velocity.get())
        #: Not everything that moves has one.
        self._acceleration = getattr(axis, "acceleration", None)
        ramp = velocity / float(self._acceleration.get()) if self._acceleration else 0.0
        position = {"units": units, "limits": axis.limits}
        board.number(f"{name}.VAL", axis.position, put=self._go, **position)  # type: ignore[arg-type]
        board.also(f"{name}.VAL", name)
        board.number(f"{name}.RBV", axis.position, read_only=True, **position)  # type: ignore[arg-type]
        board.number(f"{name}.VELO", velocity, put=self._set_velocity, units=f"{units}/s")
        board.number(
            f"{name}.ACCL",
            ramp,
            put=self._set_velocity,
            units="s",
        )
        board.number(f"{name}.HLM", high, units=units, read_only=True)
        board.number(f"{name}.LLM", low, units=units, read_only=True)
        board.number(f"{name}.OFF", 0.0, units=units)
        board.choice(f"{name}.DIR", ("Pos", "Neg"))
        board.choice(f"{name}.FOFF", ("Variable", "Frozen"))
        board.choice(f"{name}.SET", ("Use", "Set"))
        board.text(f"{name}.EGU", units)
        board.text(f"{name}.RTYP", "motor", read_only=True)
        board.whole(f"{name}.MOVN", 0, read_only=True)
        board.whole(f"{name}.DMOV", 1, read_only=True)
        for switch in ("HLS", "LLS", "TDIR"):
            board.whole(f"{name}.{switch}", 0, read_only=True)
        board.whole(f"{name}.STOP", 0, put=self._stop)
        board.choice(f"{name}.SPMG", ("Stop", "Pause", "Move", "Go"), "Go", put=self._spmg)
        for home in ("HOMF", "HOMR"):
            board.whole(f"{name}.{home}", 0)
        board.at_start(self._follow)

    def _go(self, value: float) -> Outcome:
        self._axis.check_value(value)
        self._axis.stop(success=True)  # a record that moves is sent on to its new target
        self._post("DMOV", 0)
        self._post("MOVN", 1)
        try:
            outcome = self._axis.set(value)
        except Exception:
            self._arrived()
            raise
        outcome.add_callback(lambda status: self._arrived())
        return outcome

    def _arrived(self) -> None:
        self._post("RBV", float(self._axis.position))
        self._post("MOVN", 0)
        self._post("DMOV", 1)

    def _set_velocity(self, value: float) -> None:
        velocity, ramp = self._get("VELO"), self._get("ACCL")
        self._axis.velocity.put(velocity)
        if self._acceleration is not None:
            self._acceleration.put(velocity / ramp)

    def _stop(self, value: int) -> None:
        self._axis.stop(success=True)

    def _spmg(self, value: str) -> None:
        if value == "Stop":
            self._axis.stop(success=True)

    async def _follow(self) -> None:
        """Publish where the axis is, whoever moves it."""
        name = f"{self._name}.RBV"
        while True:
            position = float(self._axis.position)
            if position != self._board.get(name):
                self._board.post(name, position)
            await asyncio.sleep(UPDATE_S)

    def _get(self, field: str) -> Any:
        return self._board.get(f"{self._name}.{field}")

    def _post(self, field: str, value: Any) -> None:
        self._board.post(f"{self._name}.{field}", value)
