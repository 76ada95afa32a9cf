"""The RunEngine of a prompt: Ctrl-C once pauses, twice aborts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from bluesky import RunEngine
from bluesky.preprocessors import SupplementalData
from bluesky.utils import ProgressBarManager, RunEngineInterrupted
from rich.console import Console

from operando import __version__
from operando.interactive.metadata import StoredMetadata
from operando.interactive.progress import RunProgress
from operando.interrupts import Aborted, CtrlC

PAUSED = (
    "paused, shutter closed. RE.resume() goes on; RE.abort() ends the run, and what it measured "
    "stays stored"
)


class PromptEngine(RunEngine):  # type: ignore[misc]
    """A RunEngine for a prompt.

    The first Ctrl-C pauses at the next point or line and gives the prompt back, with the run
    open: look around, then ``RE.resume()`` or ``RE.abort()``. A second one before that aborts.

    Parameters
    ----------
    *args, **kwargs
        What a RunEngine takes.
    console : Console
        Where the person is told what happens.
    """

    def __init__(self, *args: Any, console: Console, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._console = console
        self.pause_msg = PAUSED

    def __call__(self, plan: Any, subs: Any = None, /, **metadata: Any) -> Any:
        """Run a plan: ``RE(plans.map_fly(...))``; further keywords go to the start document.

        Returns
        -------
        tuple of str
            The uids of its runs.

        Raises
        ------
        Aborted
            If Ctrl-C was pressed twice. The shutter is closed then, and the run is stored.
        """
        begin = super().__call__
        return self._watched(lambda: begin(plan, subs, **metadata))

    def resume(self) -> Any:
        """Go on with a paused run; returns as the call that began it would have."""
        return self._watched(super().resume)

    def _watched(self, run: Callable[[], Any]) -> Any:
        keys = CtrlC(self, self._console)
        with keys.caught():
            try:
                return run()
            except RunEngineInterrupted:
                if not (keys.abort_wanted and self.state == "paused"):
                    raise
                uids = self.abort("Ctrl-C twice")
                raise Aborted(str(uids[0]) if uids else "") from None


@contextmanager
def _without_ophyd() -> Iterator[None]:
    """Spare a RunEngine that is made the import of ophyd, a second, for its version number.

    Whoever uses a device imports it then.
    """
    if "ophyd" in sys.modules:
        yield
        return
    sys.modules["ophyd"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["ophyd"]


def prompt_engine(
    metadata: StoredMetadata, console: Console
) -> tuple[PromptEngine, SupplementalData]:
    """Make the RunEngine of a session.

    Parameters
    ----------
    metadata : StoredMetadata
        What every start document says.
    console : Console

    Returns
    -------
    PromptEngine
    SupplementalData
        Devices that are read before and after every run: ``sd.baseline``.
    """
    with _without_ophyd():
        engine = PromptEngine(
            metadata, console=console, scan_id_source=lambda md: metadata.next_scan_id()
        )
    versions = {"ophyd": version("ophyd"), "operando": __version__}
    engine.md["versions"] = {**engine.md["versions"], **versions}
    extra = SupplementalData()
    engine.preprocessors.append(extra)
    progress = RunProgress()
    engine.subscribe(progress)
    engine.waiting_hook = ProgressBarManager(progress.bar)
    return engine, extra
