"""IPython with a session in it: as a command, as an extension, and by import."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from typing import Any

from rich.console import Console

from operando.errors import OperandoError
from operando.interactive.beamtime import Beamtime, current
from operando.interactive.greeting import greeting
from operando.interactive.plan_table import ENTRIES
from operando.stations.station_file import StationFile

_EXAMPLE = next(entry.call for entry in ENTRIES if entry.name == "map_fly")
#: Imported while the person reads the greeting.
_SLOW = (
    "operando.plans",
    "operando.devices",
    "operando.simulations.beamline",
    "operando.agents.phase_mapping",
    "operando.store.opening",
    "operando.store.embedded",
    "operando.store.live_writer",
    "operando.interactive.references",
    "operando.agents.kinetics_agent",
)


def start(file: StationFile, *, live: bool | None = None) -> None:
    """Run IPython until the person leaves it.

    Parameters
    ----------
    file : StationFile
        The station.
    live : bool, optional
        Whether there is a live picture; if somebody is at the terminal, unless told.
    """
    from IPython.terminal.ipapp import TerminalIPythonApp
    from traitlets.config import Config

    beamtime = current(file, live=live)
    config = Config()
    config.TerminalInteractiveShell.banner1 = greeting(file, _EXAMPLE)
    config.TerminalInteractiveShell.confirm_exit = False
    config.TerminalInteractiveShell.enable_tip = False
    app = TerminalIPythonApp.instance(config=config)
    app.initialize(argv=[])
    install(app.shell, beamtime)
    try:
        app.start()
    finally:
        beamtime.close()


def load(shell: Any) -> None:
    """Bring the session of this process into an IPython that runs: ``%load_ext operando``."""
    beamtime = current()
    install(shell, beamtime)
    print(greeting(beamtime.file, _EXAMPLE))


def names() -> dict[str, Any]:
    """Return the names of this process's session, for ``from operando.session import *``.

    In an IPython it gets magics and one-line errors, once.
    """
    beamtime = current()
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and "wa" not in shell.magics_manager.magics["line"]:
        install(shell, beamtime)
    return beamtime.names()


def install(shell: Any, beamtime: Beamtime) -> None:
    """Give a shell names, magics and one-line errors.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
    beamtime : Beamtime
    """
    from bluesky.utils import RunEngineInterrupted

    from operando.interactive.magics import SessionMagics

    _quiet_logs()
    shell.push(beamtime.names())
    shell.register_magics(SessionMagics(shell, beamtime))
    shell.set_custom_exc((OperandoError, RunEngineInterrupted), _one_line)
    warm = threading.Thread(target=_import_slow, name="operando-imports", daemon=True)
    warm.start()

    def wait() -> None:
        # Two threads that import modules which import each other can get half of one.
        warm.join()

    shell.events.register("pre_run_cell", lambda info: wait())


def _quiet_logs() -> None:
    """Let operando's warnings through; other packages' logs go where a profile sends them.

    pyFAI and fabio set up logging for everybody when they are imported, unless somebody has, and
    then a plan's exception, which the RunEngine logs and raises, is shown twice.
    """
    logging.getLogger().addHandler(logging.NullHandler())
    ours = logging.getLogger("operando")
    if not ours.handlers:
        ours.addHandler(logging.StreamHandler())


def _import_slow() -> None:
    for name in _SLOW:
        importlib.import_module(name)


def _one_line(shell: Any, kind: type, error: BaseException, trace: Any, **_: Any) -> None:
    """Say what is wrong in a line; ``%tb`` shows where."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{kind.__name__}: {error}", style="bold red")
