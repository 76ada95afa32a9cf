"""The process that draws: documents on stdin, a picture in a file and, if there is one, a window.

``python -m operando.live.drawing FILE [--window] [--per-second N]``; started by `LiveView`.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from matplotlib.figure import Figure

from operando.figures.panels import PANEL_INCHES, FollowingPanel, save_panel
from operando.live.protocol import DRAWN, SAID
from operando.store.journal import Entry, unseal

#: Share of its time that the process may spend on drawing; the rest is left to the measurement.
SHARE = 0.25
#: How often it is looked whether there is something to draw, s.
_LOOK_S = 0.1


class Pace:
    """When the next picture may be drawn.

    Parameters
    ----------
    per_second : float
        Most pictures a second.
    share : float
        Most of the time that drawing may take.

    Examples
    --------
    >>> pace = Pace(2.0, 0.25)
    >>> pace.drawn(began=10.0, ended=10.1); pace.due(10.3), pace.due(10.51)
    (False, True)
    >>> pace.drawn(began=20.0, ended=21.0); pace.due(23.9), pace.due(24.1)
    (False, True)
    """

    def __init__(self, per_second: float, share: float = SHARE) -> None:
        self._period, self._share = 1.0 / per_second, share
        self._next = 0.0

    def due(self, now: float) -> bool:
        """Tell whether a picture may be drawn."""
        return now >= self._next

    def drawn(self, began: float, ended: float) -> None:
        """Take note of how long a picture took."""
        self._next = began + max(self._period, (ended - began) / self._share)


class Drawing:
    """Keep a picture up to date until the documents end.

    Parameters
    ----------
    path : Path
    documents : file
        Lines of `operando.store.journal`.
    per_second : float
        Most pictures a second.
    """

    def __init__(self, path: Path, documents: IO[bytes], per_second: float) -> None:
        self.path, self._documents = path, documents
        self.panel = FollowingPanel()
        self._pace = Pace(per_second)
        self._seen = -1
        self._ended = threading.Event()
        self._failed = ""
        self._stands_still = False

    def run(self, window: bool) -> None:
        """Draw until the documents end, then once more."""
        threading.Thread(target=self._read, name="operando-live-documents", daemon=True).start()
        if window:
            self._in_window()
        while not self._ended.wait(_LOOK_S):
            self._save_if_due()
        self._save()
        self.panel.close()

    def _read(self) -> None:
        try:
            for line in self._documents:
                if (entry := unseal(line)) is not None:
                    self._take(entry)
        finally:
            self._ended.set()

    def _take(self, entry: Entry) -> None:
        """Have the panel read a document; one that it cannot read ends the picture of its run."""
        self._stands_still = self._stands_still and entry.name != "start"
        if self._stands_still:
            return
        try:
            self.panel(entry.name, entry.doc)
        except Exception as error:  # a document that nobody foresaw: the last picture stays
            self._stands_still = True
            told = " ".join(f"{type(error).__name__}: {error}".split())
            _say(f"the live picture stands still until the next run: {told}")

    def _save_if_due(self) -> None:
        if self.panel.changes != self._seen and self._pace.due(time.monotonic()):
            self._save()

    def _save(self) -> None:
        began, self._seen = time.monotonic(), self.panel.changes
        try:
            save_panel(self.panel, self.path)
            print(f"{DRAWN}{self._seen}", flush=True)
        except Exception as error:  # a full disk, a run that nobody foresaw: the next may do
            if (failed := f"no live picture in {self.path}: {error}") != self._failed:
                self._failed = failed
                _say(failed)
        self._pace.drawn(began, time.monotonic())

    def _in_window(self) -> None:
        """Draw in a window until it or its display is gone, or the documents have ended."""
        try:
            figure = _open_window()
            closed: list[Any] = []
            figure.canvas.mpl_connect("close_event", closed.append)
            while not (closed or self._ended.is_set()):
                now = time.monotonic()
                if self.panel.changes != self._seen and self._pace.due(now):
                    self._seen = self.panel.changes
                    self.panel.draw(figure)
                    figure.canvas.draw()
                    self._pace.drawn(now, time.monotonic())
                figure.canvas.start_event_loop(_LOOK_S)
            if closed and not self._ended.is_set():
                _say(f"the window was closed; the live picture goes on in {self.path}")
        except Exception as error:
            why = " ".join(str(error).split()) or type(error).__name__
            _say(f"no window ({why}); the live picture goes on in {self.path}")
        self._seen = -1


def _open_window() -> Figure:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    figure = plt.figure("operando", figsize=PANEL_INCHES)
    if mpl.get_backend().lower() == "agg":
        raise RuntimeError("matplotlib finds no display, or no toolkit for windows")
    plt.show(block=False)
    return figure


def _say(line: str) -> None:
    print(f"{SAID}{line}", flush=True)


def main() -> None:
    """Draw what comes on stdin."""
    parser = argparse.ArgumentParser(prog="python -m operando.live.drawing")
    parser.add_argument("path", type=Path)
    parser.add_argument("--window", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--per-second", type=float, default=2.0)
    options = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(10)  # the measurement comes first
    Drawing(options.path, sys.stdin.buffer, options.per_second).run(options.window)


if __name__ == "__main__":
    main()
