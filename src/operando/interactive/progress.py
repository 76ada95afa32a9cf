"""How far a run is, in the last line of the terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from bluesky.utils import ProgressBarBase, TerminalProgressBar
from tqdm import tqdm

#: Shorter runs show nothing; and the time between two drawings, s.
DELAY_S, EVERY_S = 0.5, 0.1
#: Streams whose events are the points that a start document's ``num_points`` counts.
_COUNTED = ("primary", "revisits", "empty", "loaded", "knife_v", "knife_h")


class RunProgress:
    """A callback that counts points, and the source of bars for bluesky's ProgressBarManager.

    While a run that says how many points it has is under way, its one bar is drawn, at most ten
    times a second. Outside, moves of devices that tell how far they are have theirs.
    """

    def __init__(self) -> None:
        self._title, self._total, self._done = "", 0, 0
        self._began = self._drawn = 0.0
        self._streams: set[str] = set()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if name == "start":
            self._title, self._total = (
                str(doc.get("plan_name", "run")),
                _count(doc.get("num_points")),
            )
            self._began, self._drawn, self._done = time.monotonic(), 0.0, 0
            self._streams.clear()
        elif name == "descriptor" and doc.get("name") in _COUNTED:
            self._streams.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in self._streams:
            self._done += 1
        elif name == "event_page" and doc["descriptor"] in self._streams:
            self._done += len(doc["seq_num"])
        elif name == "stop":
            self._tell(doc)

    def bar(self, statuses: Iterable[Any]) -> Any:
        """Draw, as the RunEngine begins to wait; bluesky's manager closes what is returned."""
        if self._total:
            self._draw()
            return ProgressBarBase()
        return TerminalProgressBar(list(statuses), delay_draw=0.2)

    def _draw(self) -> None:
        now = time.monotonic()
        if now - self._began < DELAY_S or now - self._drawn < EVERY_S or not sys.stdout.isatty():
            return
        self._drawn = now
        line = tqdm.format_meter(
            min(self._done, self._total),
            self._total,
            now - self._began,
            ncols=shutil.get_terminal_size().columns - 1,
            prefix=self._title,
            unit="pt",
        )
        sys.stdout.write(f"\r{line}")
        sys.stdout.flush()

    def _tell(self, doc: Mapping[str, Any]) -> None:
        """Say in a line how the run ended."""
        if self._drawn:
            sys.stdout.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
        seconds = time.monotonic() - self._began
        why = f" ({doc['reason']})" if doc.get("reason") else ""
        counted = f"{self._done} points, " if self._done else ""
        print(
            f"run {doc['run_start'][:8]} {self._title}: {doc['exit_status']}{why}, "
            f"{counted}{seconds:.1f} s"
        )
        self._total, self._drawn = 0, 0.0


def _count(value: Any) -> int:
    """Give how many points were announced; none when that is no number."""
    return value if isinstance(value, int) and value > 0 else 0
