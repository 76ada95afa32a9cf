"""The line to Tiled, opened when it is wanted and checked before it is used."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from operando.errors import StoreError

_PATIENCE = 2.0


def without_key(address: str) -> str:
    """Drop what follows ``?`` in an address, and who is before ``@``: keys may be there.

    Examples
    --------
    >>> without_key("http://127.0.0.1:8000/api/v1?api_key=secret")
    'http://127.0.0.1:8000/api/v1'
    >>> without_key("https://me:secret@host/api/v1")
    'https://host/api/v1'
    """
    return re.sub(r"(?<=//)[^/]*@", "", address.split("?")[0].split("#")[0])


def knock(address: str) -> None:
    """Try whether a server listens, without the client's long retries.

    Raises
    ------
    operando.errors.StoreError
        It does not.
    """
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"store {without_key(address)}: no answer ({reason})") from error


def remote(address: str, api_key: str | None) -> Any:
    """Connect to a Tiled server.

    Parameters
    ----------
    address : str
        The server's address, or that of a catalog on it.
    api_key : str or None
        The key; ``TILED_API_KEY`` when none is given.

    Raises
    ------
    operando.errors.StoreError
        It does not answer, or not as a catalog of Bluesky runs.
    """
    knock(address)
    from tiled.client import from_uri

    key = {} if api_key is None else {"api_key": api_key}
    try:
        return from_uri(address, **key)
    except Exception as error:
        line = f"{type(error).__name__}: {error}".splitlines()[0]
        line = line.replace(address, without_key(address))
        raise StoreError(f"store {without_key(address)}: {line}") from error


def apart(catalog: Any) -> Any:
    """Return a client of the same catalog that shares none of its settings.

    Tiled's clients share one table of what reads what, and databroker changes the entry for
    runs in it: after that every client of the process would give runs of another kind.
    """
    from tiled.utils import OneShotCachedMap

    shared = catalog.structure_clients
    own = OneShotCachedMap({key: partial(shared.__getitem__, key) for key in shared})
    return catalog.new_variation(structure_clients=own)


class Connection:
    """One client for all threads, made at its first use.

    Parameters
    ----------
    connect : callable
        Returns the catalog's client; raises `StoreError` when Tiled is away.
    check : callable, optional
        Called before a client that is there is used again; raises `StoreError` likewise.
        The client itself would try for most of a minute.
    disconnect : callable, optional
        Called with a client that is not wanted any more; closes its line if not given.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        check: Callable[[], None] | None = None,
        disconnect: Callable[[Any], None] = lambda client: client.context.close(),
    ) -> None:
        self._connect = connect
        self._check = check
        self._disconnect = disconnect
        self._client: Any = None
        self._guard = threading.Lock()

    def catalog(self) -> Any:
        """Return the catalog's client."""
        with self._guard:
            if self._client is None:
                self._client = self._connect()
            elif self._check is not None:
                self._check()
            return self._client

    def close(self) -> None:
        """Close the client, if there is one."""
        with self._guard:
            if self._client is not None:
                self._disconnect(self._client)
                self._client = None
