"""A picture of the run under way, begun with the first run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operando.live import LiveView


class LivePicture:
    """A callback that has a picture drawn, elsewhere, while ``wanted`` is true.

    A window where there is a display, the notebook where there is one, and a file in any case.

    Parameters
    ----------
    path : Path
        The file.
    tell : callable
        Given each line that a person should see.
    wanted : bool
        Whether to draw.
    """

    def __init__(self, path: Path, tell: Callable[[str], None], *, wanted: bool) -> None:
        self.path, self.wanted = path, wanted
        self._tell = tell
        self._view: LiveView | None = None

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        if self._view is None:
            if name != "start" or not self.wanted:
                return
            from operando.live import LiveView

            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._view = LiveView(self.path, self._tell)
        self._view(name, doc)

    def close(self) -> None:
        """Have the last picture drawn, and end."""
        if self._view is not None:
            self._view.close()
            self._view = None
