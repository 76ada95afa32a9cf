"""The documents of a run, kept until it is over and its report is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Document = tuple[str, Mapping[str, Any]]
logger = logging.getLogger(__name__)


class KeptRun:
    """A callback that keeps the documents of a run for its report.

    Parameters
    ----------
    read : callable
        Gives the documents of an earlier run by its uid, as a store does.
    store : str
        Name of the store.
    """

    def __init__(self, read: Callable[[str], Iterable[Document]], store: str) -> None:
        self._read, self._store = read, store
        self._documents: list[Document] = []

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "start":
            self._documents.clear()
        self._documents.append((name, doc))

    @property
    def uid(self) -> str:
        """The run's uid; empty before it begins."""
        return str(self._documents[0][1]["uid"]) if self._documents else ""

    def report(self, folder: Path, agents: Sequence[Any]) -> Path | None:
        """Write the report of the run.

        Parameters
        ----------
        folder : Path
            For all reports; see `operando.reporting.folder.report_path`.
        agents : sequence
            That have read the run; see `operando.figures.panels.panel_for`.

        Returns
        -------
        Path or None
            None if there was no run, or the report failed, which is logged: the run is stored,
            and its report can be written later.
        """
        from operando.figures.panels import with_predecessors
        from operando.reporting.folder import report_path
        from operando.reporting.page import write_report

        if not self._documents:
            return None

        def read(uid: str) -> Iterable[Document]:
            return self._documents if uid == self.uid else self._read(uid)

        try:
            path = report_path(folder, self._documents[0][1])
            return write_report(with_predecessors(read, self.uid), path, self._store, agents)
        except Exception as error:
            logger.warning("no report of run %s: %s", self.uid, error)
            return None


def own_version() -> str:
    """Return the version of operando, for start documents."""
    try:
        return version("operando")
    except PackageNotFoundError:  # a copy that is not installed
        return "unknown"
