"""The PVs of an instrument that is set up, told to acquire, and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from operando.simulations.soft_ioc import Board, Outcome

#: Most points of an array.
LENGTH = 20_000


class Instrument(Protocol):
    """What stands behind the PVs."""

    name: str

    def read(self) -> dict[str, dict[str, Any]]:
        """Read what was acquired last."""
        ...

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe what is acquired."""
        ...

    def trigger(self) -> Outcome:
        """Acquire."""
        ...

    def stop(self, *, success: bool = False) -> None:
        """Give an acquisition up."""
        ...


class InstrumentPanel:
    """An instrument on a board.

    Its settings are served by their names, what it acquires by the names of its data without the
    instrument's own. ``Acquire`` is a busy record: its put is done when the data are there.

    Parameters
    ----------
    board : Board
        Where they are served.
    instrument : Instrument
        What is behind.
    settings : mapping of str to signal
        With ``get``, ``put`` and ``check_value``; arrays are read-only.
    """

    def __init__(self, board: Board, instrument: Instrument, settings: Mapping[str, Any]) -> None:
        self._board, self._instrument = board, instrument
        self._name = f"{instrument.name}:"
        for key, signal in settings.items():
            self._serve_setting(key, signal)
        self._keys = {}
        for full, described in instrument.describe().items():
            key = self._keys[full] = full.removeprefix(f"{instrument.name}_")
            units = described.get("units", "")
            if described["shape"]:
                length = described["shape"][0]
                board.array(self._name + key, length, units=units, read_only=True)
            else:
                board.number(self._name + key, units=units, read_only=True)
        board.choice(f"{self._name}Acquire", ("Done", "Acquire"), put=self._acquire)

    def _serve_setting(self, key: str, signal: Any) -> None:
        value, name = signal.get(), self._name + key
        units = str(signal.describe()[signal.name].get("units", ""))[:7]
        if isinstance(value, str):
            self._board.text(name, value, read_only=True)
        elif isinstance(value, list):
            self._board.array(name, max(len(value), 1), units=units, read_only=True, value=value)
        else:

            def put(wanted: float) -> None:
                signal.check_value(wanted)
                signal.put(wanted)

            low, high = signal.limits
            limits = (low, high) if high < 1e300 else (0.0, 0.0)
            self._board.number(name, value, put=put, units=units, limits=limits)

    def _acquire(self, value: str) -> Outcome | None:
        if value != "Acquire":
            self._instrument.stop(success=True)
            return None
        outcome = self._instrument.trigger()
        outcome.add_callback(lambda status: self._publish(outcome.exception()))
        return outcome

    def _publish(self, error: BaseException | None) -> None:
        if error is None:
            for full, item in self._instrument.read().items():
                self._board.post(self._name + self._keys[full], item["value"], item["timestamp"])
        self._board.post(f"{self._name}Acquire", "Done")
