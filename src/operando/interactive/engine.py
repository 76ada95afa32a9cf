"""The RunEngine of a prompt: Ctrl-C once pauses, twice aborts."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from bluesky import RunEngine
from bluesky.preprocessors import SupplementalData
from bluesky.utils import FailedStatus, ProgressBarManager, RunEngineInterrupted
from rich.console import Console

from operando import __version__
from operando.harmless import Harmless
from operando.interactive.metadata import StoredMetadata
from operando.interactive.progress import RunProgress
from operando.interrupts import Aborted, CtrlC, what_failed
from operando.remote_control import RemoteControl

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

    Attributes
    ----------
    remote : callable or None
        Makes what listens for requests from elsewhere while a plan runs. A pause from there keeps
        the prompt until it is resumed from there, or Ctrl-C takes it back.
    """

    def __init__(self, *args: Any, console: Console, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._console = console
        self.pause_msg = PAUSED
        self.remote: Callable[[], RemoteControl] | None = None
        self._hearing: RemoteControl | None = None
        self._heard = 0

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
        if self.state == "idle":
            self._hear()
        return self._watched(lambda: begin(plan, subs, **metadata))

    def resume(self) -> Any:
        """Go on with a paused run; returns as the call that began it would have."""
        return self._watched(super().resume)

    def _watched(self, run: Callable[[], Any]) -> Any:
        keys = CtrlC(self, self._console)
        try:
            with keys.caught():
                while True:
                    try:
                        return run()
                    except FailedStatus as error:
                        raise what_failed(error) from error.__cause__
                    except RunEngineInterrupted:
                        if self.state != "paused":
                            raise
                    wanted = "abort" if keys.abort_wanted else self._wanted_elsewhere(keys)
                    if wanted == "abort":
                        by_keys = keys.abort_wanted
                        why = keys.why if keys.told_to_end else "Ctrl-C twice"
                        uids = self.abort(why if by_keys else "asked from elsewhere")
                        raise Aborted(str(uids[0]) if uids else "")
                    if wanted != "resume":
                        raise RunEngineInterrupted(self.pause_msg)
                    keys.forget()
                    run = super().resume
        finally:
            if self.state != "paused":
                self._hear_no_more()
            if keys.told_to_end:  # now that nothing runs, as if nobody had caught it
                signal.raise_signal(keys.signal_number)

    def _wanted_elsewhere(self, keys: CtrlC) -> str | None:
        """Wait for what somebody elsewhere wants who has paused; Ctrl-C ends the wait."""
        remote = self._hearing
        if remote is None or keys.pressed:
            return None
        if not remote.paused:  # the plan paused by itself, or somebody wants an abort
            return remote.answer()
        self._console.print("paused from elsewhere, shutter closed; Ctrl-C gives the prompt back")
        while not keys.pressed:
            if wanted := remote.answer():
                return wanted
            time.sleep(0.1)
        return None

    def _hear(self) -> None:
        self._hear_no_more()
        if self.remote is not None:
            self._hearing = self.remote()
            self._heard = self.subscribe(self._hearing)
            self._hearing.__enter__()

    def _hear_no_more(self) -> None:
        if self._hearing is not None:
            self.unsubscribe(self._heard)
            self._hearing.__exit__(None, None, None)
            self._hearing = None


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
    engine.subscribe(Harmless(progress))
    engine.waiting_hook = ProgressBarManager(progress.bar)
    return engine, extra
