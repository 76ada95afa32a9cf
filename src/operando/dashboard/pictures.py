"""A run followed for everybody who looks at it, and its picture."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from operando.figures.panels import PANEL_INCHES, Panel, panel_for
from operando.store import Store

logger = logging.getLogger(__name__)

#: Of the picture, dots an inch.
DPI = 90
#: Shortest time from one picture to the next, s.
PAUSE_S = 1.0


@dataclass
class Progress:
    """How far a run is.

    Parameters
    ----------
    points : int
        Events of the streams that measure.
    planned : int or None
        Of them, as the plan says.
    decisions : int
    last_reason : str
        Of the last decision.
    status : str
        "running", or how it ended.
    """

    points: int = 0
    planned: int | None = None
    decisions: int = 0
    last_reason: str = ""
    status: str = "running"
    _streams: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "start":
            self.planned = doc.get("num_points")
        elif name == "descriptor":
            self._streams[doc["uid"]] = str(doc.get("name", ""))
        elif name in ("event", "event_page"):
            stream = self._streams.get(doc["descriptor"], "")
            count = 1 if name == "event" else len(doc["seq_num"])
            if stream in ("primary", "revisits"):
                self.points += count
            elif stream == "decisions":
                self.decisions += count
                reason = doc["data"].get("decision_reason", "")
                self.last_reason = str(reason if name == "event" else reason[-1])
        elif name == "stop":
            self.status = str(doc.get("exit_status", "ended"))


class LivePicture:
    """Follow one run and draw it, at most once a second.

    Parameters
    ----------
    store : Store
    uid : str
        The whole uid.

    Attributes
    ----------
    progress : Progress
    """

    def __init__(self, store: Store, uid: str) -> None:
        self.uid = uid
        self.progress = Progress()
        self.trouble = ""
        self._store = store
        self._panel: Panel | None = None
        self._png = b""
        self._drawn = -1
        self._looked_at = threading.Event()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"operando-dashboard-{name}", daemon=True)
            for name, target in (("follow", self._follow), ("draw", self._draw))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def drawn(self) -> int:
        """A number that grows with every new picture; -1 before the first."""
        return self._drawn

    def png(self) -> bytes:
        """Give the last picture, and have a newer one drawn if there is news."""
        self._looked_at.set()
        return self._png

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()
        self._looked_at.set()
        for thread in self._threads:
            thread.join(5.0)
        if self._panel is not None:
            self._panel.close()

    def _follow(self) -> None:
        try:
            for name, doc in self._store.follow(self.uid, self._stopped):
                if name == "start":
                    self._panel = panel_for(doc)
                if self._panel is not None:
                    self._panel(name, doc)
                self.progress(name, doc)
        except Exception as error:
            logger.exception("run %s cannot be followed", self.uid)
            self.trouble = f"the run cannot be followed: {error}"

    def _draw(self) -> None:
        """Draw when somebody looks and there is something new."""
        changes = -1
        while not self._stopped.is_set():
            self._looked_at.wait()
            self._looked_at.clear()
            panel = self._panel
            if panel is not None and panel.changes != changes:
                changes = panel.changes
                try:
                    self._png = picture(panel)
                    self._drawn += 1
                except Exception as error:
                    logger.exception("run %s cannot be drawn", self.uid)
                    self.trouble = f"the run cannot be drawn: {error}"
            self._stopped.wait(PAUSE_S)


def picture(panel: Panel) -> bytes:
    """Draw a panel as PNG."""
    figure = Figure(figsize=PANEL_INCHES, dpi=DPI)
    panel.draw(figure)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


class Pictures:
    """The pictures that somebody looks at, each run followed once.

    Parameters
    ----------
    store : Store
    most : int
        Runs followed at the same time; the one not asked for longest is let go.
    """

    def __init__(self, store: Store, most: int = 4) -> None:
        self._store, self._most = store, most
        self._pictures: dict[str, LivePicture] = {}
        self._lock = threading.Lock()

    def of(self, uid: str) -> LivePicture:
        """Give the picture of a run."""
        with self._lock:
            found = self._pictures.pop(uid, None) or LivePicture(self._store, uid)
            self._pictures[uid] = found
            oldest = next(iter(self._pictures)) if len(self._pictures) > self._most else None
            left = self._pictures.pop(oldest) if oldest is not None else None
        if left is not None:
            left.close()
        return found

    def close(self) -> None:
        """Let all of them go."""
        with self._lock:
            pictures, self._pictures = list(self._pictures.values()), {}
        for one in pictures:
            one.close()
