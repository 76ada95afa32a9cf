"""One store, embedded or on a server, behind one set of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from operando.errors import BadInput
from operando.store import recovery, replay
from operando.store.connection import Connection, apart
from operando.store.intake import Intake
from operando.store.journal import SUFFIX, journal_name
from operando.store.places import Places
from operando.store.recovery import spill
from operando.store.replay import Document, Source
from operando.store.running import RunningRuns
from operando.store.upload import Waiting
from operando.store.uploader import Uploader

Callback = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Status:
    """What a store holds and what still waits to be in it.

    Parameters
    ----------
    store : str
        The folder or the server's address.
    reachable : bool
        Whether Tiled answers.
    runs : int or None
        Runs in Tiled.
    waiting : tuple of Waiting
        Runs that Tiled does not have as a whole, taken by this process.
    elsewhere : tuple of str
        Runs that another process is measuring.
    """

    store: str
    reachable: bool
    runs: int | None
    waiting: tuple[Waiting, ...]
    elsewhere: tuple[str, ...]


class Store(RunningRuns):
    """Runs of Bluesky documents in a Tiled catalog.

    Made by `operando.store.open_store`. A context manager: leaving it closes the store.

    Parameters
    ----------
    name : str
        The folder or the server's address, for messages.
    places : Places
        What this machine keeps for the store.
    connection : Connection
        The line to its catalog.
    """

    def __init__(self, name: str, places: Places, connection: Connection) -> None:
        self.name = name
        self._places = places
        self._connection = connection
        self._uploader = Uploader(self._connection.catalog, places.sent)
        self._intake = Intake(places.journal, self._uploader.add)

    @property
    def catalog(self) -> Any:
        """The catalog's client, a ``CatalogOfBlueskyRuns``.

        Raises
        ------
        operando.errors.StoreError
            Tiled does not answer.
        """
        return self._connection.catalog()

    def lazy(self, key: str | int) -> Any:
        """Return a run, as ``store[key]`` does, whose arrays are read as dask arrays.

        Examples
        --------
        ``store.lazy(-1)["primary"]["pilatus_image"].read()`` has shape
        (frames, rows, columns) and has read no frame yet.
        """
        from tiled.client.container import DEFAULT_STRUCTURE_CLIENT_DISPATCH

        uid = self[key].metadata["start"]["uid"]
        dask = DEFAULT_STRUCTURE_CLIENT_DISPATCH["dask"]
        return self.catalog.new_variation(structure_clients=dask)[uid]

    def broker(self) -> Any:
        """Return the store by databroker's idioms (``db[-1].table()``), on a client of its own."""
        from databroker.v1 import Broker

        return Broker(apart(self.catalog))

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

    def find(self, text: str) -> Any:
        """Return one run as it is named on a command line.

        Parameters
        ----------
        text : str
            A uid or its first characters (5 or more), a scan_id, or ``-1`` for the last run.

        Raises
        ------
        operando.errors.BadInput
            No run, or more than one, answers to that.
        """
        if re.fullmatch(r"-\d{1,9}|\d{1,4}", text):
            return self[int(text)]
        # ``%`` and ``_`` are wild cards to the database.
        if not re.fullmatch(r"[0-9A-Za-z-]+", text):
            raise BadInput(f"{text!r} names no run: a uid, its beginning, a scan_id or -1 does")
        try:
            return self[text]
        except BadInput:
            if not text.isdigit() or len(text) > 15:
                raise
        return self[int(text)]

    def search(
        self,
        *,
        plan: str | None = None,
        sample: str | None = None,
        agent: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Any:
        """Return the catalog of the runs that answer to all that is given.

        Parameters
        ----------
        plan, sample : str, optional
            ``plan_name`` and ``sample`` of the start document.
        agent : str, optional
            Name of the agent that followed the run.
        since, until : float, optional
            The run began at this time or later, and before; epoch seconds.

        Returns
        -------
        bluesky_tiled_plugins.CatalogOfBlueskyRuns
        """
        from tiled.queries import Comparison, Eq

        found = self.catalog
        for key, value in (("plan_name", plan), ("sample", sample), ("agent.name", agent)):
            if value is not None:
                found = found.search(Eq(f"start.{key}", value))
        if since is not None:
            found = found.search(Comparison("ge", "start.time", since))
        if until is not None:
            found = found.search(Comparison("lt", "start.time", until))
        return found

    @staticmethod
    def streams(run: Any) -> list[str]:
        """Return the names of a run's streams, in the order in which they began.

        The store's own stream, ``journal``, is not among them.
        """
        from operando.store.live_writer import JOURNAL_STREAM

        names = [name for name in run if name != JOURNAL_STREAM]
        return sorted(names, key=lambda name: float(run[name].metadata.get("time", 0.0)))

    def __len__(self) -> int:
        """Return the number of runs in Tiled now."""
        # A client remembers its length for a second: ask with one that has none to remember.
        return len(self.catalog.new_variation())

    def writer(self) -> Callback:
        """Return the Bluesky callback that stores every run it is given.

        It returns as soon as a document is in the journal, and never raises because of
        the disk or of Tiled; Tiled is filled in the background.
        """
        import operando.store.live_writer  # noqa: F401 - slow: now, not while a plan runs

        return self._intake

    def documents(self, key: str | int, source: Source | str = Source.BEST) -> Iterator[Document]:
        """Return a run's documents in the order in which they were emitted.

        Parameters
        ----------
        key : str or int
            The run, as in ``store[key]``.
        source : Source
            ``"journal"`` and ``"tiled"`` give the very bytes that were taken; ``"tables"``
            rebuilds them from the catalog's tables; ``"best"`` is the first that is there.

        Raises
        ------
        operando.errors.BadInput
            There is no such run, or not in that source.
        """
        return replay.documents(self, self._places, key, Source(source))

    def sync(self, timeout: float = 60.0) -> Status:
        """Recover killed runs and upload what waits, now.

        Parameters
        ----------
        timeout : float
            Longest wait, s.
        """
        self.recover()
        self._uploader.sync(timeout)
        return self.status()

    def recover(self) -> tuple[str, ...]:
        """Close the runs whose process died, and have them uploaded.

        Returns
        -------
        tuple of str
            Their uids.
        """
        recovery.unspill(self._places)
        found = []
        for journal in recovery.abandoned(self._places.journal):
            uid = recovery.close_run(journal, self._places.damaged)
            if uid is not None:
                self._uploader.add(uid, journal, "stop")
                found.append(uid)
        return tuple(found)

    def status(self) -> Status:
        """Return what is stored and what waits."""
        waiting = self._uploader.states()
        mine = {Path(journal_name(run.uid)).stem for run in waiting}
        journals = (path.stem for path in self._places.journal.glob(f"*{SUFFIX}"))
        try:
            runs = len(self)
        except Exception:  # whatever Tiled is suffering from, the journal has the runs
            runs = None
        return Status(
            store=self.name,
            reachable=runs is not None,
            runs=runs,
            waiting=waiting,
            elsewhere=tuple(sorted(set(journals) - mine)),
        )

    def close(self, timeout: float = 60.0) -> None:
        """Upload what waits and close the store; it cannot be used afterwards.

        What Tiled does not take within `timeout` seconds stays in the journal, and goes
        there when the store is opened next.

        Raises
        ------
        operando.errors.StoreError
            If documents are lost: no disk takes them.
        """
        waiting = self._uploader.close(timeout)
        try:
            spill((upload.journal for upload in waiting), self._places)
        finally:
            self._connection.close()

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
