"""What all panels share: documents in, a count of changes, a picture of what is known."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import matplotlib as mpl
from event_model import unpack_event_page
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from operando.errors import OperandoError
from operando.figures.style import FONT_POINTS, SETTINGS

T = TypeVar("T")

#: Size that panels are laid out for, inches.
PANEL_INCHES = (10.4, 7.2)
DPI = 130
#: The same run gives the same file, today and tomorrow.
_UNDATED = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
#: Longest wait of a drawing for what is being worked out, s.
PATIENCE_S = 60.0
# Settings of matplotlib belong to the process, and drawings may be asked for by several threads.
_ONE_AT_A_TIME = threading.Lock()


class Panel(Protocol):
    """A picture of a run that grows with its documents.

    The same object serves a running RunEngine, a stored run, a report and a web page.
    """

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document; cheap, and allowed while another thread draws."""
        ...

    @property
    def changes(self) -> int:
        """A number that grows when there is something new worth drawing."""
        ...

    def draw(self, figure: Figure) -> None:
        """Clear a figure and draw what is known now; PANEL_INCHES is a good size."""
        ...

    def close(self) -> None:
        """Stop whatever works for the panel in the background; it can still be drawn."""
        ...


class DocumentPanel(ABC):
    """A panel whose documents are read under a lock.

    Parameters
    ----------
    start : mapping
        Start document of the run.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.start = dict(start)
        self.stop: dict[str, Any] = {}
        self._changes = 0
        self._lock = threading.RLock()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        with self._lock:
            if name == "start":
                self.start, self.stop = dict(doc), {}
            elif name == "stop":
                self.stop = dict(doc)
            changed = self._read(name, doc)
            self._changes += changed or name in ("start", "stop")

    @property
    def changes(self) -> int:
        """A number that grows when there is something new worth drawing."""
        return self._changes

    def draw(self, figure: Figure) -> None:
        """Clear a figure and draw what is known now."""
        with _ONE_AT_A_TIME, mpl.rc_context(SETTINGS):
            figure.clear()
            figure.set_layout_engine("constrained")
            self._draw(figure)
            for axes in figure.axes:
                # Ticks are made when the figure is rendered, with other settings by then.
                axes.tick_params(labelsize=FONT_POINTS)

    def claims(self) -> list[tuple[str, str]]:
        """Say in figures what is known at present; names and values for a table."""
        return []

    def close(self) -> None:  # noqa: B027 - most have nothing to stop
        """Stop whatever works for the panel in the background."""

    @abstractmethod
    def _read(self, name: str, doc: Mapping[str, Any]) -> bool:
        """Read a document; say whether it is worth drawing."""

    @abstractmethod
    def _draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""

    def _headline(self) -> str:
        """Say which run it is and how it stands."""
        words = [str(self.start.get("plan_name", "run")), str(self.start.get("uid", ""))[:8]]
        if sample := self.start.get("sample"):
            words.append(str(sample)[:60])
        state = self.stop.get("exit_status", "running") if self.stop else "running"
        return plain("  ·  ".join([*words, {"success": "complete"}.get(state, state)]))


class AgentPanel(DocumentPanel):
    """A panel that an agent of its own works for, in the background.

    Parameters
    ----------
    start : mapping
    agent : object
        Reads documents on a thread of its own; see `operando.agents.base.ReadsDocuments`.
    fed : bool
        Whether somebody else gives the agent its documents, and closes it.
    """

    def __init__(self, start: Mapping[str, Any], agent: Any, *, fed: bool = False) -> None:
        super().__init__(start)
        self._agent, self._fed = agent, fed

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document and have the agent read it."""
        if not self._fed:
            self._agent(name, doc)
        super().__call__(name, doc)

    def close(self) -> None:
        """Stop the agent, if it is the panel's own."""
        if not self._fed:
            self._agent.close()

    def _ask(self, question: Any) -> Any:
        """Ask the agent between two documents; None when it has no answer, or none in time."""
        asked: Future[Any] = self._agent.in_turn(question)
        try:
            return asked.result(PATIENCE_S)
        except (OperandoError, TimeoutError):
            return None

    def _stopping(self) -> list[tuple[str, str]]:
        """Say what the agent answers if it is asked whether to go on."""
        answer = self._ask(self._agent.should_stop)
        if answer is None:
            return [("labels and figures", "none: the agent cannot read this run any more")]
        over, why = answer
        return [("asked whether to stop, the agent says", f"yes: {why}" if over else "no")]

    def _trouble(self) -> str:
        """Say why the agent is out of the run; empty if it is not."""
        return "" if self._agent.error is None else type(self._agent.error).__name__


def save_panel(panel: Panel, path: Path) -> Path:
    """Draw a panel into a file, which is there as a whole or not at all.

    Parameters
    ----------
    panel : Panel
    path : Path
        Its suffix is the format.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the suffix is no format of a picture.
    """
    figure = Figure(figsize=PANEL_INCHES, dpi=DPI)
    panel.draw(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        figure.savefig(unfinished, metadata=_UNDATED.get(path.suffix.lower()))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


class Streams:
    """Tell of each event which stream it belongs to.

    Examples
    --------
    >>> streams = Streams()
    >>> list(streams("descriptor", {"uid": "d", "name": "primary", "data_keys": {}}))
    []
    >>> list(streams("event", {"descriptor": "d", "data": {"x": 1.0}}))
    [('primary', {'x': 1.0})]
    """

    def __init__(self) -> None:
        self.descriptors: dict[str, Mapping[str, Any]] = {}

    def __call__(
        self, name: str, doc: Mapping[str, Any]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give name of the stream and data of each event in a document."""
        if name == "start":
            self.descriptors.clear()
        elif name == "descriptor":
            self.descriptors[doc["uid"]] = doc
        elif name in ("event", "event_page"):
            stream = str(self.descriptors.get(doc["descriptor"], {}).get("name", ""))
            if name == "event":
                yield stream, doc["data"]
            else:
                for event in unpack_event_page(doc):
                    yield stream, event["data"]

    def configuration(self, stream: str) -> dict[str, Any]:
        """Give what the devices of a stream were set to."""
        found: dict[str, Any] = {}
        for doc in self.descriptors.values():
            if doc.get("name") == stream:
                for device in doc.get("configuration", {}).values():
                    found |= device.get("data", {})
        return found


def waiting(figure: Figure, headline: str, text: str) -> None:
    """Say that there is nothing to draw yet."""
    figure.text(0.5, 0.55, headline, ha="center", parse_math=False)
    figure.text(0.5, 0.45, plain(text), ha="center", parse_math=False, color="#4D4D4D")


def title(axes: Axes, text: str) -> None:
    """Give axes a title that may hold any character."""
    axes.set_title(plain(text), parse_math=False)


def plain(text: str) -> str:
    """Put a box in place of what the font has no letter for.

    Examples
    --------
    >>> plain("steel, 鋼 $x$")
    'steel, □ $x$'
    """
    return "".join(
        one if (one.isascii() and one.isprintable()) or _has(one) else "□" for one in text
    )


@lru_cache(maxsize=1024)
def _has(letter: str) -> bool:
    return letter.isprintable() and bool(
        get_font(findfont("DejaVu Sans")).get_char_index(ord(letter))
    )
