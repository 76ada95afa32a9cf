"""Ctrl-C that a library has swallowed."""

from __future__ import annotations

import signal
from typing import Any


class _Remembered:
    """Raise KeyboardInterrupt as Python does, and count."""

    def __init__(self) -> None:
        self.presses = 0

    def __call__(self, number: int, frame: Any) -> None:
        self.presses += 1
        raise KeyboardInterrupt


def remember_ctrl_c() -> None:
    """Have presses of Ctrl-C counted from now on, in a command that is to end at the first.

    Some libraries catch everything while they are imported, with what a press has raised.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _Remembered())


def end_if_pressed() -> None:
    """Raise KeyboardInterrupt if somebody has swallowed one.

    Raises
    ------
    KeyboardInterrupt
    """
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, _Remembered) and handler.presses:
        raise KeyboardInterrupt
