"""One thread that sees to it that nobody waits in vain for a process variable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ophyd import Signal

#: How often it looks, s.
LOOK_S = 0.5


@dataclass(frozen=True)
class _Wait:
    """Somebody waits for a signal.

    Parameters
    ----------
    signal : Signal
        What is waited for.
    timeout : float
        Longest wait, s.
    deadline : float
        When it is over, on the monotonic clock.
    over : callable
        Says whether the wait has ended.
    fail : callable
        Told why it is in vain to wait any longer.
    """

    signal: Signal
    timeout: float
    deadline: float
    over: Callable[[], bool]
    fail: Callable[[str], None]

    def ended(self) -> bool:
        """Say whether nobody waits any more, after telling whoever waits in vain."""
        if self.over():
            return True
        if not self.signal.connected:
            self.fail("does not answer any more")
        elif time.monotonic() >= self.deadline:
            self.fail(f"has not changed within {self.timeout:g} s")
        else:
            return False
        return True


class _Watchdog:
    """Looks after all waits of the process, in a thread that lives as long as there are any."""

    def __init__(self) -> None:
        self._waits: list[_Wait] = []
        self._lock = threading.Lock()
        self._awake = False

    def add(self, wait: _Wait) -> None:
        """Look after a wait."""
        with self._lock:
            self._waits.append(wait)
            if not self._awake:
                self._awake = True
                threading.Thread(target=self._look, name="operando-epics", daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_S)
            with self._lock:
                waits, self._waits = self._waits, []
            left = [wait for wait in waits if not wait.ended()]
            with self._lock:
                self._waits += left
                if not self._waits:
                    self._awake = False
                    return


_watchdog = _Watchdog()


def watch_over(
    signal: Signal, timeout: float, over: Callable[[], bool], fail: Callable[[str], None]
) -> None:
    """Have a function told why it is in vain to wait for a signal any longer.

    Parameters
    ----------
    signal : Signal
        What is waited for.
    timeout : float
        Longest wait, s; infinity for as long as it answers.
    over : callable
        Says whether the wait has ended.
    fail : callable
        Called once, if it has not, with what is wrong with the signal.
    """
    _watchdog.add(_Wait(signal, timeout, time.monotonic() + timeout, over, fail))
