"""Actions that take simulated time, without holding up whoever asked for them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from operando.errors import DeviceError

if TYPE_CHECKING:
    from operando.simulations.clock import Clock


def in_background(work: Callable[[], None], name: str) -> None:
    """Have something done in a thread of its own, which does not outlive the process.

    Raises
    ------
    DeviceError
        If the system gives no more threads, as it does when memory ends.
    """
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        raise DeviceError(f"{name}: {error}") from error


class Timed:
    """Call back when some simulated time has passed, unless cancelled before.

    At unlimited speed the time passes, and the callback runs, before the constructor returns:
    a thread for each step would cost more than the step.

    Parameters
    ----------
    clock : Clock
        Where the time passes.
    seconds : float
        How long it takes, in simulated seconds.
    finish : callable
        Called once, without arguments, when the time is over.
    pass_time : callable, optional
        What lets the time pass at unlimited speed, given `seconds`; ``clock.sleep`` unless told.
        It is where two actions can be made to overlap.

    Raises
    ------
    DeviceError
        As `in_background`.
    """

    def __init__(
        self,
        clock: Clock,
        seconds: float,
        finish: Callable[[], None],
        pass_time: Callable[[float], None] | None = None,
    ) -> None:
        self._cancelled = threading.Event()
        if math.isinf(clock.speed):
            (pass_time or clock.sleep)(seconds)
            finish()
            return

        def work() -> None:
            clock.wait(self._cancelled, seconds)
            if not self._cancelled.is_set():
                finish()

        in_background(work, "operando-timed")

    def cancel(self) -> None:
        """Do not call back any more."""
        self._cancelled.set()
