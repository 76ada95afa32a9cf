"""Runs that are being measured: followed, and asked to pause, from anywhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from operando.store import following, requests
from operando.store.places import Places
from operando.store.replay import Document


class RunningRuns:
    """What a store says of runs that another process may be measuring."""

    name: str
    _places: Places

    @property
    def catalog(self) -> Any:
        """The catalog's client."""
        raise NotImplementedError

    def __getitem__(self, key: str | int) -> Any:
        """Return one run."""
        raise NotImplementedError

    def follow(self, uid: str, stopped: threading.Event) -> Iterator[Document]:
        """Yield a run's documents while it is measured, by this or any other process.

        Parameters
        ----------
        uid : str
            The whole uid.
        stopped : threading.Event
            Set it to stop following; otherwise it ends with the ``stop`` document.

        Notes
        -----
        A journal on this machine is read as it grows. Of a server, Tiled's subscription to the
        run's ``journal`` stream brings the same lines, some seconds later.
        """
        return following.follow(self, self._places, uid, stopped)

    def ask(self, uid: str, action: str) -> requests.Request:
        """Ask whoever measures a run to "pause", "resume", "abort" or "stop-agent".

        Parameters
        ----------
        uid : str
            The whole uid.
        action : str

        Raises
        ------
        operando.errors.BadInput
            Nothing else can be asked for, or there is no such run.
        """
        return requests.post(self, self._places, uid, action)

    def asked(self, uid: str) -> list[requests.Request]:
        """Give what has been asked of a run, in order."""
        return requests.pending(self, self._places, uid)
