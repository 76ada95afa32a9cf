"""Tiled inside this process: a catalog in a folder, with no server to start.

Several processes may use one folder at a time: catalog and tables are SQLite files (DuckDB, the
other choice for tables, locks its file to one process). The tables are in write-ahead-log mode, so
that who reads a run never waits for who writes one. The catalog is not: it could not be read from
a read-only disk, and its transactions are short.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import os
import secrets
import sqlite3
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from operando.confined import readable_folders
from operando.errors import BadInput, StoreError
from operando.store.places import Places

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]

# Tiled keeps its settings once a process: two stores open in one must share their key.
_PROCESS_KEY = secrets.token_hex(32)

_tables_guard = threading.Lock()
_tables_let_in: set[tuple[Path, int]] = set()

#: What a server remembers for subscribers, without Redis: messages, and for how long, s.
_STREAMING = {"uri": "memory", "maxsize": 1000, "data_ttl": 600, "seq_ttl": 86400}


def create(places: Places, progress: Progress | None = None) -> None:
    """Make an empty catalog; do nothing when there is one.

    Parameters
    ----------
    places : Places
        Where the store is.
    progress : callable, optional
        Called with one line of text before the slow part.

    Raises
    ------
    operando.errors.StoreError
        The folder cannot be written.
    """
    places.make()
    if places.catalog.exists():
        return
    if progress is not None:
        progress(f"creating the store {places.root} (once)")
    # Made under another name and moved into place: a process killed here leaves no
    # half-made catalog that later looks like a whole one.
    draft = places.root / f"catalog-{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        _in_fresh_thread(lambda: _initialise(f"sqlite+aiosqlite:///{draft}"))
        try:
            os.link(draft, places.catalog)
        except FileExistsError:
            pass  # another process was faster, and its catalog is as good
    except Exception as error:
        raise StoreError(f"store {places.root}: cannot create the catalog: {error}") from error
    finally:
        for leftover in places.root.glob(f"{draft.name}*"):
            leftover.unlink(missing_ok=True)


def _initialise(uri: str) -> None:
    """Create the tables and stamp the schema's revision, as ``tiled catalog init`` does."""
    from sqlalchemy.ext.asyncio import create_async_engine
    from tiled.alembic_utils import stamp_head
    from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
    from tiled.catalog.core import initialize_database

    async def create_tables() -> None:
        engine = create_async_engine(uri)
        try:
            await initialize_database(engine)
        finally:
            await engine.dispose()

    asyncio.run(create_tables())
    stamp_head(ALEMBIC_INI_TEMPLATE_PATH, ALEMBIC_DIR, uri)


def _in_fresh_thread(work: Callable[[], None]) -> None:
    """Run ``work`` where no event loop runs, also when called from a notebook."""
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # carried to the caller
            failure.append(error)

    thread = threading.Thread(target=guarded, name="operando-store-create")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def exporters() -> Any:
    """Return Tiled's serialisers with the one that ``run.documents()`` needs.

    A copy: Tiled's own registry is shared by everything in the process.
    """
    from bluesky_tiled_plugins.exporters import json_seq_exporter
    from tiled.media_type_registration import default_serialization_registry
    from tiled.serialization import register_builtin_serializers

    register_builtin_serializers()
    registry = copy.deepcopy(default_serialization_registry)
    registry.register("BlueskyRun", "application/json-seq", json_seq_exporter)
    return registry


def _let_readers_in(tables: Path) -> None:
    """Put the tables in write-ahead-log mode, which their file remembers, once a process.

    There are two SQLites in this process, Python's and that of Tiled's driver of tables, and a
    process has its locks on a file together. So neither knows of the other's connections: were
    the tables opened by this one while a store writes them by the other, closing them here would
    take the locks away and delete the log that is being written.
    """
    with _tables_guard:
        if tables.exists() and (tables, tables.stat().st_ino) in _tables_let_in:
            return
        try:
            with contextlib.closing(sqlite3.connect(tables, timeout=5.0)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            _tables_let_in.add((tables, tables.stat().st_ino))
        except sqlite3.OperationalError as error:
            logger.debug("%s stays as it is: %s", tables, error)


def application(
    places: Places,
    *,
    api_key: str | None = None,
    anonymous: bool = False,
    readable: Sequence[Path] = (),
    streaming: bool = False,
) -> Any:
    """Return the Tiled server application of a folder, not yet started.

    Parameters
    ----------
    places : Places
        Where the store is; its catalog must exist.
    api_key : str, optional
        Key that lets a client in; by default a random one that nobody else knows.
    anonymous : bool
        Whether a client without a key may read.
    readable : sequence of pathlib.Path
        Folders of frames, besides the store's own, that runs may refer to.
    streaming : bool
        Whether clients may subscribe to what is written, which this process remembers for a
        while.

    Returns
    -------
    fastapi.FastAPI
    """
    from bluesky_tiled_plugins.routers.validator import router as validator
    from tiled.catalog import from_uri
    from tiled.config import Authentication
    from tiled.server.app import build_app

    from operando.store.confining import Confining, hdf5_adapter, refused

    folders = tuple(folder.resolve() for folder in (*readable_folders(places.frames), *readable))
    logging.getLogger("tiled.server.app").setLevel(logging.WARNING)
    # Of a disk that is full it shows the traceback; the upload says so in one line and tries again.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    _let_readers_in(places.tables)
    tree = from_uri(
        f"sqlite:///{places.catalog}",
        specs=[{"name": "CatalogOfBlueskyRuns", "version": "3.0"}],
        writable_storage=[places.data.as_uri(), f"sqlite:///{places.tables}"],
        readable_storage=[folder.as_uri() for folder in folders],
        adapters_by_mimetype={"application/x-hdf5": hdf5_adapter(folders)},
        cache_config=dict(_STREAMING) if streaming else None,
    )
    app = build_app(
        tree,
        # A file as it is may hold more than the frames that a run refers to.
        server_settings={"expose_raw_assets": False},
        authentication=Authentication(
            single_user_api_key=api_key or _PROCESS_KEY, allow_anonymous_access=anonymous
        ),
        serialization_registry=exporters(),
        include_routers=[validator],
    )
    app.add_middleware(Confining, folders=(*folders, places.data))
    app.add_exception_handler(RuntimeError, refused)
    return app


def connect(places: Places) -> Any:
    """Open the catalog of a folder in this process.

    Returns
    -------
    bluesky_tiled_plugins.CatalogOfBlueskyRuns

    Raises
    ------
    operando.errors.BadInput
        There is no store in that folder.
    operando.errors.StoreError
        Tiled cannot open it.
    """
    if not places.catalog.exists():
        raise BadInput(f"no store in {places.root}")
    from tiled.client import from_context
    from tiled.client.context import Context

    try:
        with warnings.catch_warnings():
            # Tiled's in-process transport is Starlette's test client, which announces
            # that its next version wants another HTTP library.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", message="Using `httpx` with")
            context = Context.from_app(application(places), show_progress=False)
        return from_context(context)
    except Exception as error:
        raise StoreError(f"store {places.root}: Tiled cannot open it: {error}") from error


def disconnect(catalog: Any) -> None:
    """Close a catalog that `connect` opened, and let go of the server behind it.

    The interpreter keeps the client of every in-process server until its end, to close it then.
    Emptied, it keeps no server: a hundred openings would hold two gigabytes.
    """
    client = catalog.context.http_client
    catalog.context.close()
    vars(client).clear()
    client.exit_stack = contextlib.ExitStack()  # what closing it again asks for
    from fastapi.dependencies import models

    # So do the answers that FastAPI remembers about thousands of functions, these servers' among
    # them. They are quickly found again.
    for remembered in vars(models).values():
        if clear := getattr(remembered, "cache_clear", None):
            clear()
