"""The list of a store's runs, the newest first."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from operando.store import Store

#: Columns of the list.
COLUMNS = ("began", "plan", "sample", "status", "uid")


class RunList:
    """Look what runs there are, in the background, every few seconds.

    Parameters
    ----------
    store : Store
    most : int
        Length of the list.
    every : float
        From one look to the next, s.
    """

    def __init__(self, store: Store, most: int = 50, every: float = 2.0) -> None:
        self._store, self._most, self._every = store, most, every
        self.trouble = ""
        self.rows: list[dict[str, str]] = []
        self._ended: dict[str, dict[str, str]] = {}
        self._over = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._watch, name="operando-runs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join(10.0)

    def columns(self) -> dict[str, list[str]]:
        """Give the list by columns."""
        rows = self.rows
        return {name: [row[name] for row in rows] for name in COLUMNS}

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            self._look()

    def _look(self) -> None:
        try:
            found = {str(start["uid"]): (start, stop) for start, stop in self._known()}
        except Exception as error:  # a store that is away comes back
            self.trouble = f"the store does not answer: {error}"
            return
        self.trouble = ""
        newest = sorted(found.values(), key=lambda pair: -float(pair[0].get("time", 0.0)))
        self.rows = [_row(start, stop) for start, stop in newest[: self._most]]

    def _known(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
        catalog = self._store.catalog.new_variation()
        known = []
        for run in catalog.values().tail(self._most):
            metadata = run.metadata
            known.append((metadata["start"], metadata.get("stop")))
        return known


def _row(start: Mapping[str, Any], stop: Mapping[str, Any] | None) -> dict[str, str]:
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(start.get("time", 0.0))))
    return {
        "began": began,
        "plan": str(start.get("plan_name", "")),
        "sample": str(start.get("sample", "")),
        "status": str(stop.get("exit_status", "ended")) if stop else "running",
        "uid": str(start["uid"]),
    }
