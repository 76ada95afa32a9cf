"""Starting an IOC as a child process, and stopping it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from typing import IO

from operando.errors import DeviceError
from operando.ioc.address import Address
from operando.ioc.process import require_caproto
from operando.ioc.settings import IocSettings

#: Longest time an IOC may take until it listens, s.
START_S = 120.0


@cache
def _address() -> Address:
    """Ports of this process's IOCs.

    The Channel Access library reads where to look once in a process, so every IOC that a process
    starts has to be found at the same ports.
    """
    return Address.free()


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
        Where it listens; one IOC at a time.

    Raises
    ------
    BadInput
        If caproto is not installed.
    DeviceError
        If the IOC does not start.
    """
    require_caproto()
    address = _address()
    told = json.dumps({"settings": asdict(settings), "address": asdict(address)})
    os.environ |= address.client()
    child = subprocess.Popen(
        [sys.executable, "-m", "operando.ioc", told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C in the terminal is for the measurement, which would lose its devices.
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        _wait_until_ready(child.stdout)
        yield address
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
