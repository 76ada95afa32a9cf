"""The stored runs, opened when they are wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from operando.store import Store
    from operando.store.requests import Request


#: How long a look at the runs waits for the last one to be in Tiled, s.
_PATIENCE_S = 30.0


class Catalog:
    """The runs of the store: ``catalog`` lists the newest, ``catalog[-1]`` is the last one.

    A run is named by its uid, the beginning of it, its scan_id, or -1, -2, ... Whatever a store
    can do is here as well: ``catalog.search(plan="map_fly")``, ``catalog.documents(uid)``.

    Parameters
    ----------
    target : str
        Folder or Tiled server's address.
    console : Console
        Where it is said when something slow begins.

    Examples
    --------
    ``catalog[-1]["primary"].read(["stage_x", "i0"])`` gives columns as xarray.
    """

    def __init__(self, target: str, console: Console) -> None:
        self._target, self._console = target, console
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._writer: Callable[[str, Mapping[str, Any]], None] | None = None
        self._under_way = False

    @property
    def name(self) -> str:
        """Where the runs are kept."""
        return self._target

    @property
    def folder(self) -> Path:
        """The folder of what this machine keeps for the store."""
        from operando.store.places import Places

        return Places.of(self._target).root

    @property
    def frames_dir(self) -> Path:
        """Where detectors write."""
        from operando.store.places import Places

        places = Places.of(self._target)
        places.make()
        return places.frames

    @property
    def store(self) -> Store:
        """The store, with all runs that have ended; see `operando.store.Store`."""
        store = self._opened()
        if not self._under_way:
            store.sync(_PATIENCE_S)
        return store

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                from operando.store import open_store

                self._store = open_store(
                    self._target, progress=lambda line: self._console.print(f"[dim]{line}[/dim]")
                )
            return self._store

    def write(self, name: str, doc: Mapping[str, Any]) -> None:
        """Store a document: a Bluesky callback, which opens the store at the first one."""
        if self._writer is None:
            self._writer = self._opened().writer()
        self._writer(name, doc)
        self._under_way = name != "stop"

    def asked(self, uid: str) -> list[Request]:
        """Give what has been asked of a run from elsewhere; nothing before the first document."""
        return [] if self._store is None else self._store.asked(uid)

    def __getitem__(self, key: str | int) -> Any:
        """Return one run."""
        return self.store[key]

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.store) if self._is_there() else 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.store, name)

    def __dir__(self) -> list[str]:
        from operando.store import Store

        return sorted({*super().__dir__(), *(name for name in dir(Store) if name[0] != "_")})

    def close(self) -> None:
        """Close the store, if it was opened."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = self._writer = None

    def _is_there(self) -> bool:
        from operando.store.places import Places, is_server

        return is_server(self._target) or Places.of(self._target).catalog.exists()

    def __repr__(self) -> str:
        if not self._is_there():
            return f"no runs yet; {self._target} is made with the first one"
        newest = [run.metadata for run in self.store.catalog.values().tail(10)]
        lines = [f"{len(self)} run(s) in {self._target}; the newest:"]
        for metadata in newest:
            start, stop = metadata["start"], metadata.get("stop") or {}
            how = stop.get("exit_status") or "running"
            lines.append(
                f"  {start.get('scan_id') or '':>5}  {start['uid'][:8]}  "
                f"{start.get('plan_name') or '':<16}{start.get('sample') or '':<32.30}{how}"
            )
        return "\n".join([*lines, "catalog[-1] is the last one; %show -1 tells about it"])
