"""One store, embedded or on a server, behind one set of names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from operando.errors import BadInput, StoreError
from operando.store.places import Places, is_server

Callback = Callable[[str, Mapping[str, Any]], None]


class Store:
    """Runs of Bluesky documents in a Tiled catalog.

    Made by `open_store`. A context manager: leaving it closes the store.

    Parameters
    ----------
    name : str
        The folder or the server's address, for messages.
    places : Places
        What this machine keeps for the store.
    catalog : bluesky_tiled_plugins.CatalogOfBlueskyRuns
        Client of the catalog.
    """

    def __init__(self, name: str, places: Places, catalog: Any) -> None:
        self.name = name
        self.catalog = catalog
        self._places = places

    @property
    def frames_dir(self) -> Path:
        """Folder in which detectors write frames that Tiled can then read."""
        return self._places.frames

    def __getitem__(self, key: str | int) -> Any:
        """Return one run by uid, partial uid (>= 5 characters), ``-1`` or scan_id.

        Raises
        ------
        operando.errors.BadInput
            No run, or more than one, answers to the key.
        """
        try:
            return self.catalog[key]
        except (KeyError, IndexError) as error:
            raise BadInput(f"no run {key!r} in the store {self.name}") from error
        except ValueError as error:
            raise BadInput(f"run {key!r}: {error}") from error

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.catalog)

    def writer(self) -> Callback:
        """Return a Bluesky callback that stores every run it is given."""
        from bluesky_tiled_plugins import TiledWriter
        from event_model import sanitize_doc

        write = TiledWriter(self.catalog, max_array_size=0)

        def store(name: str, doc: Mapping[str, Any]) -> None:
            write(name, sanitize_doc(doc))

        return store

    def close(self) -> None:
        """Close the store; it cannot be used afterwards."""
        self.catalog.context.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()


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
        Whether to make the folder's catalog when there is none.
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
    places = Places.of(target)
    if is_server(target):
        return Store(_without_query(str(target)), places, _remote(str(target), api_key))
    from operando.store import embedded

    if create:
        embedded.create(places, progress)
    return Store(str(places.root), places, embedded.connect(places))


def _without_query(address: str) -> str:
    """Drop what follows ``?``: an address may carry its key there."""
    return address.split("?")[0]


def _remote(address: str, api_key: str | None) -> Any:
    """Connect to a Tiled server."""
    from tiled.client import from_uri

    key = {} if api_key is None else {"api_key": api_key}
    try:
        return from_uri(address, **key)
    except Exception as error:
        raise StoreError(f"store {_without_query(address)}: no answer: {error}") from error
