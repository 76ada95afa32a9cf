"""One clock for a simulated station: real time, faster, or no waiting at all."""

from __future__ import annotations

import math
import threading
import time

from operando.errors import BadInput


class Clock:
    """Simulated time that runs `speed` times as fast as real time.

    At a finite speed simulated time follows the computer's monotonic clock, so time spent
    computing counts as well. At ``math.inf`` nothing waits: time stands still until somebody
    sleeps, and then jumps, so that the same calls give the same times.

    Parameters
    ----------
    speed : float
        Simulated seconds per real second; 1 is real time, ``math.inf`` never sleeps.
    epoch : float, optional
        Simulated time at the start, in seconds since 1970-01-01 UTC. Now, if not given.

    Raises
    ------
    BadInput
        If `speed` is not a positive number or `epoch` is not finite.

    Notes
    -----
    Times never run backwards. All methods may be called from any thread. Two threads that wait
    for the same exposure should use `sleep_until` with one deadline: at infinite speed two
    calls of `sleep` count one after the other.

    Examples
    --------
    >>> clock = Clock(speed=math.inf, epoch=1000.0)
    >>> clock.sleep(0.05)
    >>> clock.now()
    1000.05
    >>> clock.sleep_until(1000.02)  # already past
    >>> clock.now()
    1000.05
    """

    def __init__(self, speed: float = 1.0, *, epoch: float | None = None) -> None:
        if not speed > 0:
            raise BadInput(f"clock speed must be a positive number or inf, got {speed!r}")
        start = time.time() if epoch is None else float(epoch)
        if not math.isfinite(start):
            raise BadInput(f"clock epoch must be a finite number of seconds, got {epoch!r}")
        self._speed = float(speed)
        self._epoch = start
        self._started = time.monotonic()
        self._jumped = start
        self._lock = threading.Lock()

    @property
    def speed(self) -> float:
        """Simulated seconds per real second."""
        return self._speed

    def now(self) -> float:
        """Return the simulated time.

        Returns
        -------
        float
            Seconds since 1970-01-01 UTC of the simulated world.
        """
        if math.isinf(self._speed):
            with self._lock:
                return self._jumped
        return self._epoch + (time.monotonic() - self._started) * self._speed

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass.

        Parameters
        ----------
        seconds : float
            Simulated seconds, at least 0; takes ``seconds / speed`` of real time.

        Raises
        ------
        BadInput
            If `seconds` is negative or not a number.
        """
        _require_duration(seconds)
        if math.isinf(self._speed):
            with self._lock:
                self._jumped += seconds
        else:
            time.sleep(seconds / self._speed)

    def sleep_until(self, deadline: float) -> None:
        """Let simulated time pass up to a deadline; return at once if it is past.

        Parameters
        ----------
        deadline : float
            Simulated time in seconds, on the scale of `now`.
        """
        if math.isinf(self._speed):
            with self._lock:
                self._jumped = max(self._jumped, deadline)
        else:
            time.sleep(max(0.0, deadline - self.now()) / self._speed)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let simulated time pass unless `event` is set first.

        Parameters
        ----------
        event : threading.Event
            What may interrupt the wait.
        seconds : float
            Longest wait in simulated seconds.

        Returns
        -------
        bool
            True if the event was set, False if the time ran out. At infinite speed the event
            is only looked at: an event that is not set yet lets all of the time pass.

        Raises
        ------
        BadInput
            If `seconds` is negative or not a number.
        """
        _require_duration(seconds)
        if not math.isinf(self._speed):
            return event.wait(seconds / self._speed)
        if not event.is_set():
            self.sleep(seconds)
        return event.is_set()


def _require_duration(seconds: float) -> None:
    if not seconds >= 0:
        raise BadInput(f"a clock can only wait for zero or more seconds, got {seconds!r}")
