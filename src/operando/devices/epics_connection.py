"""Finding the process variables of devices over EPICS, and letting go of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import ophyd
from ophyd import Device, Signal

from operando.errors import BadInput

#: After this time a connection that nobody has told of is looked for, s.
UNTOLD_S = 1.0


class MissingPVs(BadInput):
    """Process variables that did not answer."""


def require_client() -> None:
    """Say how to get a client of Channel Access if there is none.

    Raises
    ------
    BadInput
        If ophyd has found none.
    """
    if ophyd.get_cl().name == "dummy":
        raise BadInput("EPICS devices need Channel Access: pip install 'operando[epics]'")


def connect(*devices: Device, timeout: float = 5.0) -> None:
    """Wait until every process variable of some devices answers.

    Parameters
    ----------
    *devices : Device
        Their signals connect all at once.
    timeout : float
        Longest wait for all of them together, s.

    Raises
    ------
    MissingPVs
        Names those that did not answer.
    """
    began = time.monotonic()
    deadline = began + timeout
    missing = _missing(devices)
    while missing and time.monotonic() < deadline:
        time.sleep(0.02)
        if time.monotonic() - began > UNTOLD_S:
            for pv in _unconnected(devices):
                _tell_if_connected(pv)
        missing = _missing(devices)
    if missing:
        names = ", ".join(missing)
        verb = "does" if len(missing) == 1 else "do"
        raise MissingPVs(
            f"{len(missing)} process variable{'s' if len(missing) > 1 else ''} {verb} not answer "
            f"within {timeout:g} s: {names} (is the IOC running, and EPICS_CA_ADDR_LIST right?)"
        )
    for device in devices:
        device.wait_for_connection(timeout=max(deadline - time.monotonic(), 1.0))


@contextmanager
def let_go_unless_sound(*devices: Device) -> Iterator[None]:
    """Let go of devices if what is done with them raises.

    Whoever does it has no station then, and so no way to let go of them. Their process variables
    would be looked for for ever, and the library looks ever more slowly: an IOC that is started
    later would not be found for a minute.
    """
    try:
        yield
    except BaseException:
        disconnect(*devices)
        raise


def disconnect(*devices: Device | Signal) -> None:
    """Let go of the process variables of some devices; they are of no use afterwards."""
    for device in devices:
        device.destroy()


def disconnect_station(station: Any) -> None:
    """Let go of all process variables of a station's devices.

    Parameters
    ----------
    station : dataclass
        Its roles are devices, mappings of them, what drives one (``driver``), or none of these.
    """
    for role in fields(station):
        filled = getattr(station, role.name)
        candidates = filled.values() if isinstance(filled, Mapping) else [filled]
        for candidate in candidates:
            device = getattr(candidate, "driver", candidate)
            if isinstance(device, Device):
                disconnect(device)


def _missing(devices: tuple[Device, ...]) -> list[str]:
    return sorted({pv.pvname for pv in _unconnected(devices)})


def _tell_if_connected(pv: Any) -> None:
    """Tell a process variable that it is connected, if nobody did.

    pyepics drops the event when it comes before the channel's entry in its cache is made, as it
    may when the server is near and the processor busy; no other comes.
    """
    from epics import ca, dbr

    if pv.chid is None or ca.state(pv.chid) != dbr.CS_CONN:
        return
    entry = ca.get_cache(pv.pvname)
    if entry is not None and not entry.conn:
        entry.run_connection_callbacks(conn=True, timestamp=time.time())


def _unconnected(devices: tuple[Device, ...]) -> list[Any]:
    return [pv for device in devices for pv in _silent(device)]


def _silent(device: Device) -> Iterator[Any]:
    for walk in device.walk_signals():
        signal = walk.item
        if signal.connected:
            continue
        # ophyd has no public way to ask which of a signal's two variables is missing.
        for key in ("_read_pv", "_write_pv"):
            pv = getattr(signal, key, None)
            if pv is not None and not pv.connected:
                yield pv
