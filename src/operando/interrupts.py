"""Ctrl-C while a plan runs: once pauses, twice aborts, as does being told to end."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
    redirect_stdout,
    suppress,
)
from types import FrameType
from typing import Any

from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted, TransitionError
from rich.console import Console

from operando.errors import OperandoError

logger = logging.getLogger(__name__)

#: Signals closer together than this are one press of the keys, s.
ONE_PRESS_S = 0.05
_LOOK_AGAIN_S = 0.01
_NO_SIGNAL = 0
#: By these a process is told to end: by ``kill``, a service manager, a terminal that closes.
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_OURS = (signal.SIGINT, *ENDINGS)
_PAUSED = "[bold]paused[/bold], shutter closed. Enter goes on, Ctrl-C again aborts."


class Aborted(OperandoError):  # noqa: N818 - what happened, not what is wrong
    """The person at the keyboard ended a run; it is closed, and stored as far as it went.

    Parameters
    ----------
    uid : str
        The run; empty when none had begun.
    signal_number : int
        The signal that ended it.
    """

    def __init__(self, uid: str, signal_number: int = signal.SIGINT) -> None:
        self.uid, self.signal_number = uid, signal_number
        super().__init__(f"run {uid} was aborted; what it measured is stored")


def what_failed(error: FailedStatus) -> BaseException:
    """Give what a device said when it failed; the status says no more than that it did."""
    cause = error.__cause__
    return cause if isinstance(cause, OperandoError | MemoryError) else error


def _leave_to_the_watcher(number: int, frame: FrameType | None) -> None:
    """Do nothing, in place of what Python or the system would do with a signal."""


class CtrlC:
    """Count presses of Ctrl-C and have the RunEngine pause; be told to end.

    Parameters
    ----------
    engine : RunEngine
        What runs the plan.
    console : Console
        Where the person is told what happens.
    elsewhere : callable, optional
        Says what somebody who is not at the keyboard wants done with a paused run: "resume",
        "abort", or None.

    Notes
    -----
    The first press asks for a pause at the next checkpoint: between two points, or at the end
    of a line that is being flown, so that nothing is measured twice. The second pauses at once,
    and whoever waits for the run aborts it. SIGTERM and SIGHUP, by which a process is told to
    end, are as good as two presses: left to themselves they would end it with the shutter open.

    Python runs what it calls a signal's handler in the main thread, when that has the interpreter
    next. While a plan runs it sleeps, and a signal that another thread receives does not wake it:
    one press in ten was seen to do nothing at all. So signals are taken from the file that Python
    writes their numbers to at once (`signal.set_wakeup_fd`), by a thread that waits for them.
    """

    def __init__(
        self,
        engine: RunEngine,
        console: Console,
        elsewhere: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._engine, self._console, self._elsewhere = engine, console, elsewhere
        self.why = "Ctrl-C"
        self.signal_number: int = signal.SIGINT
        self._presses = 0
        self._last = 0.0
        self._over = False
        self._others = -1

    @property
    def abort_wanted(self) -> bool:
        """Whether the keys were pressed twice, or the process was told to end."""
        return self._presses >= 2

    @property
    def told_to_end(self) -> bool:
        """Whether the process is to end, and not the run alone."""
        return self.signal_number != signal.SIGINT

    @property
    def pressed(self) -> bool:
        """Whether the keys were pressed at all."""
        return self._presses > 0

    def forget(self) -> None:
        """Begin to count anew, as a run goes on."""
        self._presses = 2 if self.told_to_end else 0

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch Ctrl-C, in place of the RunEngine's own way with it.

        Outside the main thread, where signals cannot be caught, nothing happens.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers, pipe = os.pipe()
        os.set_blocking(pipe, False)
        watcher = threading.Thread(
            target=self._watch, args=(numbers,), name="operando-ctrl-c", daemon=True
        )
        try:
            watcher.start()
        except RuntimeError:  # there is no room for a thread
            os.close(numbers)
            os.close(pipe)
            raise
        managers, self._engine.context_managers = self._engine.context_managers, []
        self._others = signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)
        before = {}
        for number in _OURS:
            # As ``nohup`` leaves it; Ctrl-C is heard in any case.
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _leave_to_the_watcher)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._others)
            self._engine.context_managers = managers
            self._over = True
            with suppress(BlockingIOError):  # full: its end is seen all the same
                os.write(pipe, bytes([_NO_SIGNAL]))
            watcher.join(1.0)
            os.close(pipe)

    def _watch(self, numbers: int) -> None:
        """Read signals' numbers until there is none; those of others go on to their file."""
        try:
            while told := os.read(numbers, 64):
                for number in told:
                    if number == _NO_SIGNAL:
                        return
                    if number not in _OURS:
                        self._pass_on(number)
                    elif self._count(number):
                        self._ask_for_pause()
        finally:
            os.close(numbers)

    def _pass_on(self, number: int) -> None:
        if self._others >= 0:
            with suppress(OSError):
                os.write(self._others, bytes([number]))

    def _count(self, number: int) -> bool:
        """Count a signal; tell whether it is another than the last."""
        if number in ENDINGS:
            self.why, self.signal_number = signal.Signals(number).name, number
            self._presses = 2
            return True
        now, last = time.monotonic(), self._last
        self._last = now
        if now - last <= ONE_PRESS_S:
            return False
        self._presses += 1
        return True

    def _ask_for_pause(self) -> None:
        # It may not have begun yet, or be between two states.
        while not self._over and self._engine.state not in ("running", "paused"):
            time.sleep(_LOOK_AGAIN_S)
        if self._over or self._engine.state == "paused":
            return  # whoever waits for the person looks at the keys
        if self._presses == 1:
            self._console.print("pausing after this point or line; Ctrl-C again aborts")
        try:
            self._engine.request_pause(defer=self._presses == 1)
        except TransitionError as error:  # it has just come to its end
            logger.debug("no pause: %s", error)

    def wait(self) -> bool:
        """Ask the person what to do with a paused run.

        Returns
        -------
        bool
            True to go on (Enter), False to abort (Ctrl-C).
        """
        if self.abort_wanted:
            return False
        self._console.print(_PAUSED)
        while not self.abort_wanted:
            if answer := self._elsewhere():
                self.why = "asked from elsewhere"
                return answer == "resume"
            try:
                ready, _, _ = select.select([sys.stdin], [], [], 0.1)
                line = sys.stdin.readline() if ready else None
            except (OSError, ValueError):  # no input at all
                line = ""
            if line:
                return True
            if line == "":
                time.sleep(0.1)
        return False


def run_to_end(
    engine: RunEngine,
    plan: Any,
    console: Console,
    *,
    on_wait: Callable[[], AbstractContextManager[None]] = nullcontext,
    elsewhere: Callable[[], str | None] = lambda: None,
) -> str:
    """Run a plan; pause and abort it as Ctrl-C says.

    Parameters
    ----------
    engine : RunEngine
        What runs the plan.
    plan : generator
        One run.
    console : Console
        Where the person is told what happens.
    on_wait : callable, optional
        Gives a context manager that is entered while the person is asked.
    elsewhere : callable, optional
        Asked as well as the person at the keyboard; see `CtrlC`.

    Returns
    -------
    str
        The run's uid.

    Raises
    ------
    Aborted
        If the person aborted it. The run is closed then and the devices are stopped.
    """
    keys, uids = CtrlC(engine, console, elsewhere), list[str]()
    token = engine.subscribe(lambda name, doc: uids.append(doc["uid"]), "start")
    # The RunEngine tells of pauses on stdout, which belongs to the answer.
    try:
        with keys.caught(), redirect_stdout(sys.stderr):
            whole = _whole(engine, plan, keys, on_wait)
    finally:
        engine.unsubscribe(token)
    uid = uids[0] if uids else ""
    # Keys that came too late for this run are for what would follow.
    if keys.abort_wanted or not whole:
        raise Aborted(uid, keys.signal_number)
    return uid


def _whole(
    engine: RunEngine,
    plan: Any,
    keys: CtrlC,
    on_wait: Callable[[], AbstractContextManager[None]],
) -> bool:
    """Run a plan; tell whether it came to its end."""
    begun = False
    while True:
        try:
            engine.resume() if begun else engine(plan)
            return True
        except FailedStatus as error:
            raise what_failed(error) from error.__cause__
        except RunEngineInterrupted:
            if engine.state == "idle":  # it was over before it could pause
                return True
            if engine.state != "paused":
                raise
        with on_wait():
            go_on = keys.wait()
        if not go_on:
            engine.abort(keys.why)
            return False
        keys.forget()
        begun = True
