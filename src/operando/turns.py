"""How the threads of a process that measures take turns."""

from __future__ import annotations

import sys

#: s; Python's own is 5 ms.
TURN_S = 5e-4


def short_turns(turn: float = TURN_S) -> None:
    """Let threads that compute in Python give way to the others sooner.

    Whoever packs, reads or reduces frames leaves the interpreter for a fraction of a millisecond
    at a time, and waits a whole turn to have it again while the RunEngine checks an event page.
    With turns of 0.5 ms a sixth more frames a second went through the loop (median of four
    pairs of ``benchmarks/frames.py`` on two cores: 1,016 beside 872 a second); with shorter ones
    the turns themselves take time.

    Parameters
    ----------
    turn : float
        Longest time that a thread computes while another waits for the interpreter, s.
    """
    sys.setswitchinterval(turn)
