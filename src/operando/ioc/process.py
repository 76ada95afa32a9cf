"""The IOC's own process."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from operando.errors import BadInput
from operando.ioc.address import Address
from operando.ioc.settings import IocSettings


def require_caproto() -> None:
    """Say how to get caproto if it is not there.

    Raises
    ------
    BadInput
        If it is not installed.
    """
    if importlib.util.find_spec("caproto") is None:
        raise BadInput("a soft IOC needs caproto: pip install 'operando[epics]'")


def run_ioc(settings: IocSettings, address: Address, ready: Callable[[int], None]) -> None:
    """Serve a simulated station until interrupted; this takes the process for itself.

    Parameters
    ----------
    settings : IocSettings
    address : Address
    ready : callable
        Called with the number of process variables when the server listens.

    Raises
    ------
    BadInput
        If caproto is not installed or the port is in use.
    """
    require_caproto()
    address.refuse_if_used()
    # Before ophyd and caproto are imported: the IOC's own devices need no Channel Access.
    os.environ |= {**address.server(), "OPHYD_CONTROL_LAYER": "dummy"}
    from operando.ioc.stations import boards_of
    from operando.simulations.ioc_server import serve

    with tempfile.TemporaryDirectory(prefix="operando-ioc-") as folder:
        boards = boards_of(settings, Path(folder))
        number = sum(len(board.pvdb) for board in boards)
        serve(boards, address.repeater_port, lambda: ready(number))
