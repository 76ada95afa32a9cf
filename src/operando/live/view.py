"""The measuring side: documents go to the process that draws, and nothing waits for it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from operando.confined import without_keys
from operando.live.protocol import DRAWN, SAID
from operando.live.showing import notebook_screen
from operando.store.journal import seal

Tell = Callable[[str], None]
#: Documents that may wait for the drawing process: beyond that it is stuck, and left alone.
_LONGEST = 200_000
#: How long documents are gathered before they are handed over, s.
_GATHER_S = 0.1


class LiveView:
    """A RunEngine callback whose pictures are drawn elsewhere.

    Documents are handed to a thread, which writes them to another process; that process has the
    panel (`operando.figures.panels`), a window where there is a display, and the file. A notebook
    shows the file where the view was made. Whatever happens to the picture, the measurement goes
    on: nothing here raises or waits.

    Parameters
    ----------
    path : Path
        Picture to keep up to date; replaced as a whole each time.
    tell : callable, optional
        Given each line that a person should see; the first one names the file.
    window : bool, optional
        Whether to open a window; where there is a display if not given.
    per_second : float
        Most pictures a second.

    Examples
    --------
    ``view = LiveView(Path("live.png")); RE.subscribe(view); RE(plan); view.close()``
    """

    def __init__(
        self,
        path: Path,
        tell: Tell = print,
        *,
        window: bool | None = None,
        per_second: float = 2.0,
    ) -> None:
        self.path = Path(path)
        self._tell = tell
        self._options = ["--per-second", str(per_second)]
        self._screen = notebook_screen()
        self._window = has_display() and self._screen is None if window is None else window
        self._queue: queue.Queue[tuple[str, Mapping[str, Any]] | None] = queue.Queue(_LONGEST)
        self._sent: list[bytes] = []
        self._runs: set[str] = set()
        self._over = False
        self._listeners: list[threading.Thread] = []
        tell(f"live picture: {self.path}")
        self._process = self._begin()
        self._thread = threading.Thread(target=self._feed, name="operando-live-view", daemon=True)
        self._thread.start()

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document; the call returns at once."""
        if self._over:
            return
        try:
            self._queue.put_nowait((name, doc))
        except queue.Full:
            self._end("the live picture is too far behind and stands still from here on")

    def close(self, timeout: float = 30.0) -> None:
        """Have the last picture drawn and end the process.

        Parameters
        ----------
        timeout : float
            Longest wait, s; then the process is ended without its last picture.
        """
        if not self._over:
            self._over = True
            self._queue.put(None)
        self._thread.join(timeout)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for listener in self._listeners:
            listener.join(1.0)

    def __enter__(self) -> Self:
        """Return the view itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the view."""
        self.close()

    def _begin(self) -> subprocess.Popen[bytes]:
        """Start the process that draws."""
        # One thread for its matrices: the other cores have a measurement to run.
        environment = without_keys(os.environ)
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        window = "--window" if self._window else "--no-window"
        process = subprocess.Popen(
            [sys.executable, "-m", "operando.live.drawing", str(self.path), window, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            # Ctrl-C in the terminal is for the measurement.
            start_new_session=True,
        )
        self._listeners.append(
            threading.Thread(target=self._listen, args=(process.stdout,), daemon=True)
        )
        self._listeners[-1].start()
        return process

    def _listen(self, said: IO[bytes]) -> None:
        """Pass on what the process says."""
        with said:
            for raw in said:
                line = raw.decode(errors="replace").rstrip("\n")
                if line.startswith(SAID):
                    self._tell(line.removeprefix(SAID))
                elif line.startswith(DRAWN) and self._screen is not None:
                    self._screen(self.path)

    def _feed(self) -> None:
        over = False
        while not over:
            items = [self._queue.get()]
            # A few at a time: waking up for each would cost more than all the rest.
            if not self._over:
                time.sleep(_GATHER_S)
            with suppress(queue.Empty):
                while True:
                    items.append(self._queue.get_nowait())
            lines = [self._line(*item) for item in items if item is not None]
            over = None in items or not self._write(lines)
        self._shut()

    def _line(self, name: str, doc: Mapping[str, Any]) -> bytes:
        """Write a document as a line, and keep it while runs that build on it may come."""
        if name == "start":
            if not self._runs.intersection(map(str, doc.values())):
                self._sent.clear()
                self._runs.clear()
            self._runs.add(str(doc.get("uid", "")))
        self._sent.append(seal(len(self._sent), name, doc))
        return self._sent[-1]

    def _shut(self) -> None:
        """Tell the process that there are no more documents."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone: what was left to be written goes nowhere
            self._process.stdin.close()

    def _write(self, lines: list[bytes]) -> bool:
        """Write to the process; one that is gone is started again once, without a window."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.writelines(lines)
            self._process.stdin.flush()
            return True
        except OSError:
            self._shut()
            self._process.wait()
        if not self._window:
            self._end("the live picture has ended: the process that draws it is gone")
            return False
        self._window = False
        self._tell(f"the display is gone; the live picture goes on in {self.path}")
        self._process = self._begin()
        return self._write(self._sent)

    def _end(self, why: str) -> None:
        if not self._over:
            self._over = True
            self._tell(why)
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                self._process.kill()


def has_display() -> bool:
    """Tell whether a window could be opened."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
