"""The way into a store, whether it is a folder or a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from operando.errors import BadInput, StoreError
from operando.store import embedded, recovery
from operando.store.connection import Connection, knock, remote, without_key
from operando.store.facade import Status, Store
from operando.store.places import Places, is_server


def open_store(
    target: str | os.PathLike[str],
    *,
    create: bool = True,
    progress: Callable[[str], None] | None = None,
    api_key: str | None = None,
) -> Store:
    """Open a store.

    Parameters
    ----------
    target : str or path
        A folder, served by a Tiled inside this process, or a Tiled server's address
        (``http://…``, ``https://…``). Everything after this call is the same for both.
    create : bool
        Whether to make the folder's catalog when there is none, and to go on while a server
        does not answer: what is measured then waits in the journal.
    progress : callable, optional
        Called with one line of text when something slow begins.
    api_key : str, optional
        Key for a server; ``TILED_API_KEY`` when not given.

    Returns
    -------
    Store

    Raises
    ------
    operando.errors.BadInput
        The name cannot be a store, or there is none and ``create`` is false.
    operando.errors.StoreError
        The store is there and cannot be opened.
    """
    tell = progress or (lambda line: None)
    places, store = _connected(target, create, progress, api_key)
    try:
        store.catalog  # noqa: B018 - say at once when it cannot be opened
    except StoreError as error:
        if not (is_server(target) and create):
            raise
        tell(f"{error}; runs wait in {places.journal}")
    if found := store.recover():
        tell(f"recovering {len(found)} run(s) that Tiled does not have yet")
        store.sync(60.0 if store.status().reachable else 0.0)
    return store


def look_into(target: str | os.PathLike[str], *, api_key: str | None = None) -> Status:
    """Say what a store holds and what waits to be in it, and change nothing.

    Parameters
    ----------
    target : str or path
        A folder or a Tiled server's address.
    api_key : str, optional
        Key for a server; ``TILED_API_KEY`` when not given.

    Returns
    -------
    Status

    Raises
    ------
    operando.errors.BadInput
        The name cannot be a store, or there is none.
    """
    places, store = _connected(target, False, None, api_key)
    waiting, elsewhere = recovery.waiting(places)
    try:
        return replace(store.status(), waiting=waiting, elsewhere=elsewhere)
    finally:
        store.close(0.0)


def _connected(
    target: str | os.PathLike[str],
    create: bool,
    progress: Callable[[str], None] | None,
    api_key: str | None,
) -> tuple[Places, Store]:
    places = Places.of(target)
    if is_server(target):
        places.make()
        address = str(target)
        connection = Connection(lambda: remote(address, api_key), lambda: knock(address))
        return places, Store(without_key(address), places, connection)
    if create:
        embedded.create(places, progress)
    elif not places.catalog.exists():
        raise BadInput(f"no store in {places.root}")
    connection = Connection(lambda: embedded.connect(places), disconnect=embedded.disconnect)
    return places, Store(str(places.root), places, connection)
