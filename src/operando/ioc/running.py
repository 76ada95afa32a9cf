"""Starting an IOC as a child process, and stopping it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO

from operando.confined import without_keys
from operando.errors import DeviceError
from operando.ioc.address import Address, client_environment
from operando.ioc.process import require_caproto
from operando.ioc.settings import STATIONS, IocSettings

#: Longest time an IOC may take until it listens, s.
START_S = 120.0
#: IOCs that one process may have at a time: one a station.
AT_ONCE = len(STATIONS)


class _Places:
    """Ports for this process's IOCs.

    The Channel Access library reads where to look once in a process, so every IOC that a process
    will ever start has to be found at one of the ports that it was told of first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Address] = []
        self._told = False

    def take(self) -> Address:
        """Take ports that no IOC of this process has."""
        with self._lock:
            if not self._told:
                repeater = Address.free().repeater_port
                self._free = [Address(Address.free().port, repeater) for _ in range(AT_ONCE)]
                os.environ |= client_environment(self._free)
                self._told = True
            if not self._free:
                raise DeviceError(f"{AT_ONCE} soft IOCs are running; no more at once")
            return self._free.pop(0)

    def give_back(self, address: Address) -> None:
        """Let another IOC have the ports, as late as can be: connections to them linger."""
        with self._lock:
            self._free.append(address)


_places = _Places()


@contextmanager
def running_ioc(settings: IocSettings) -> Iterator[Address]:
    """Start an IOC on free ports, tell this process's Channel Access where it is, and stop it.

    Parameters
    ----------
    settings : IocSettings
        The station behind it.

    Yields
    ------
    Address
        Where it listens.

    Raises
    ------
    BadInput
        If caproto is not installed.
    DeviceError
        If the IOC does not start, or as many run as may.

    Notes
    -----
    Names must differ: IOCs that run at once have other stations or other prefixes.
    """
    require_caproto()
    address = _places.take()
    try:
        with _child(settings, address):
            yield address
    finally:
        _places.give_back(address)


@contextmanager
def _child(settings: IocSettings, address: Address) -> Iterator[None]:
    told = json.dumps({"settings": asdict(settings), "address": asdict(address)})
    child = subprocess.Popen(
        [sys.executable, "-m", "operando.ioc", told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=without_keys(os.environ),
        text=True,
        # Ctrl-C in the terminal is for the measurement, which would lose its devices.
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        _wait_until_ready(child.stdout)
        yield
    finally:
        child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def _wait_until_ready(output: IO[str]) -> None:
    line = output.readline().strip() if select.select([output], [], [], START_S)[0] else ""
    if line != "ready":
        raise DeviceError(f"the IOC did not start: {line or 'see what it said above'}")
