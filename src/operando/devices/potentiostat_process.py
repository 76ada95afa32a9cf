"""The simulated potentiostat as a process of its own, which outlives whoever commands it.

A real potentiostat goes on when the computer that started it dies: it keeps its technique, its
limits and its records. Started with a JSON file of `ProcessSettings`::

    python -m operando.devices.potentiostat_process settings.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from operando import errors
from operando.confined import without_keys
from operando.devices.cell_faults import FAULTS, CellLimits, DriverLost
from operando.devices.driver_port import Record, Recording, Snapshot
from operando.errors import BadInput, DeviceError, OperandoError

_VERBS = ("load", "start", "stop", "update", "clear_fault", "snapshot", "records")
_ANSWER_S = 10.0


@dataclass(frozen=True)
class ProcessSettings:
    """A simulated cell and its potentiostat.

    Parameters
    ----------
    socket : str
        Path of the socket to listen at; its folder should be the user's own.
    log : str
        File for the driver's own records; none if empty.
    speed : float
        Simulated seconds per second; finite, as nobody else lets this process's time pass.
    soc : float
        State of charge at the start.
    active_mass : float
        g.
    seed : int
        Of the noise.
    limits : CellLimits, optional
        Hard limits.
    """

    socket: str
    log: str = ""
    speed: float = 1.0
    soc: float = 0.0
    active_mass: float = 0.010
    seed: int = 0
    limits: CellLimits | None = None


class RemoteDriver:
    """The driver in another process, seen from here.

    Parameters
    ----------
    socket : str or Path
        Where it listens.

    Raises
    ------
    DriverLost
        From any call, when it does not answer.
    """

    waits = True

    def __init__(self, socket: str | Path) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = Client(str(socket), "AF_UNIX")
        except OSError as error:
            raise DriverLost(f"no potentiostat at {socket}: {error}") from None

    def load(self, technique: Mapping[str, Any]) -> None:
        """Check and take a technique."""
        self._call("load", dict(technique))

    def start(self) -> None:
        """Begin the loaded technique."""
        self._call("start")

    def stop(self) -> None:
        """Switch the output off."""
        self._call("stop")

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change parameters of the technique that runs."""
        self._call("update", dict(changes))

    def clear_fault(self) -> None:
        """Allow the output to be switched on again."""
        self._call("clear_fault")

    def snapshot(self) -> Snapshot:
        """Return the present state and the last reading."""
        return dict(self._call("snapshot"))

    def records(self, after: int) -> list[Record]:
        """Return the records whose number is larger than `after`."""
        return list(self._call("records", after))

    def run(self) -> None:
        """Nothing: time passes by itself."""

    def cell_state(self) -> dict[str, float]:
        """Return the true state of the simulated cell, for the simulated beam."""
        return dict(self._call("cell_state"))

    def shut_down(self) -> None:
        """End the other process."""
        self._call("shut_down")

    def _call(self, verb: str, *arguments: Any) -> Any:
        with self._lock:
            try:
                self._connection.send_bytes(json.dumps([verb, *arguments]).encode())
                if not self._connection.poll(_ANSWER_S):
                    raise DriverLost(f"no answer to {verb!r} within {_ANSWER_S:g} s")
                answer = json.loads(self._connection.recv_bytes())
            except (EOFError, OSError) as error:
                raise DriverLost(f"the potentiostat is gone: {error!r}") from None
        if "error" in answer:
            raise _error_named(answer["error"])(answer["message"])
        return answer["result"]


def launch(settings: ProcessSettings, *, timeout: float = 30.0) -> subprocess.Popen[bytes]:
    """Start the driver in a session of its own, so that it survives this process.

    Parameters
    ----------
    settings : ProcessSettings
        What it is to be; written beside the socket.
    timeout : float
        Longest wait until it listens, s.

    Returns
    -------
    subprocess.Popen
        The process.

    Raises
    ------
    DeviceError
        If it ends or does not listen in time.
    """
    path = Path(settings.socket).with_suffix(".json")
    path.write_text(json.dumps(asdict(settings)), encoding="utf-8")
    command = [sys.executable, "-m", __name__, str(path)]
    process = subprocess.Popen(command, start_new_session=True, env=without_keys(os.environ))
    deadline = time.monotonic() + timeout
    while not Path(settings.socket).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise DeviceError(f"the potentiostat's process did not start ({settings.socket})")
        time.sleep(0.02)
    return process


def _error_named(name: str) -> type[OperandoError]:
    found: Any = FAULTS.get(name) or getattr(errors, name, None)
    known = isinstance(found, type) and issubclass(found, OperandoError)
    return found if known else DeviceError


class _Server:
    """Answers requests, one thread a connection."""

    def __init__(self, settings: ProcessSettings) -> None:
        # Here and not at the top: clients need none of the simulation.
        from operando.devices.potentiostat_driver import PotentiostatDriver
        from operando.simulations.cell import Electrode
        from operando.simulations.cell_circuit import EquivalentCircuit
        from operando.simulations.cell_leads import Leads
        from operando.simulations.clock import Clock

        cell = EquivalentCircuit(Electrode(settings.active_mass), soc=settings.soc)
        recording = Recording(log=Path(settings.log) if settings.log else None)
        self._cell = cell
        self._ended = threading.Event()
        self._driver = PotentiostatDriver(
            Leads(cell, settings.seed),
            Clock(settings.speed),
            settings.limits,
            recording,
            charge=cell.soc * cell.nominal_capacity,
        )
        self._listener = Listener(settings.socket, "AF_UNIX")

    def serve(self) -> None:
        """Accept connections until told to shut down."""
        threading.Thread(target=self._accept, daemon=True).start()
        self._ended.wait()
        self._driver.close()
        time.sleep(0.05)  # the answer to shut_down is on its way
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            connection = self._listener.accept()
            threading.Thread(target=self._answer_all, args=(connection,), daemon=True).start()

    def _answer_all(self, connection: Connection) -> None:
        while True:
            try:
                request = json.loads(connection.recv_bytes())
                connection.send_bytes(json.dumps(self._answer(*request)).encode())
            except (EOFError, OSError):
                return  # whoever asked is dead: go on without

    def _answer(self, verb: str, *arguments: Any) -> dict[str, Any]:
        try:
            return {"result": self._do(verb, *arguments)}
        except Exception as error:
            return {"error": type(error).__name__, "message": str(error)}

    def _do(self, verb: str, *arguments: Any) -> Any:
        if verb == "shut_down":
            self._ended.set()
            return None
        if verb == "cell_state":
            self._driver.catch_up()
            return dict(self._cell.state())
        if verb not in _VERBS:
            raise BadInput(f"a potentiostat knows {', '.join(_VERBS)}, not {verb!r}")
        return getattr(self._driver, verb)(*arguments)


def main() -> None:
    """Run the process whose settings file is the first argument."""
    values = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    limits = values.pop("limits", None)
    if limits is not None:
        limits = CellLimits(**{**limits, "voltage": tuple(limits["voltage"])})
    _Server(ProcessSettings(limits=limits, **values)).serve()


if __name__ == "__main__":
    main()
