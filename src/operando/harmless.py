"""Callbacks of a RunEngine that cannot end its run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

Callback = Callable[[str, Mapping[str, Any]], None]
logger = logging.getLogger(__name__)


class Harmless:
    """A callback without its errors: one that raises is out of the run, and the run goes on.

    A RunEngine aborts a run when a callback raises. A progress bar, a picture or an agent of
    somebody else's is not worth a beamtime.

    Parameters
    ----------
    callback : callable
    name : str, optional
        Of the callback, for the log; what Python calls it if not given.

    Examples
    --------
    >>> seen = []
    >>> def poor(name, doc):
    ...     seen.append(doc["n"])
    >>> harmless = Harmless(poor)
    >>> harmless("event", {}); harmless("event", {"n": 1})
    >>> harmless("start", {"n": 2}); seen
    [2]
    """

    def __init__(self, callback: Callback, name: str = "") -> None:
        self._callback = callback
        self._name = name or getattr(callback, "name", "") or type(callback).__name__
        self._out = False

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Hand a document on, unless the callback is out of the run."""
        self._out = self._out and name != "start"
        if self._out:
            return
        try:
            self._callback(name, doc)
        except Exception as error:
            self._out = True
            logger.exception(
                "%s failed at a document (%s) and is out of the run, which goes on: %s: %s",
                self._name,
                name,
                type(error).__name__,
                error,
            )
