"""One XAFS spectrum reduced, beside xraylarch: the same spectra, step by step.

xraylarch is heavy and may be in an environment of its own: ``OPERANDO_LARCH_PYTHON`` names its
interpreter. The measured spectra are no part of the project: ``OPERANDO_SHARED_DATA`` names their
folder, as for the tests.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from xafs import ours

from benchmarks.peer_process import PeerProcess
from benchmarks.row import Row, Settings, absent, compared, progress

ROOT = Path(__file__).resolve().parents[2]
WHAT, PEER = "XAFS: {}", "xraylarch"
TOGETHER = "all of these, three edges"


def rows(settings: Settings) -> Iterator[Row]:
    """Give a row for each step that both have, and their sum for three edges."""
    folder = Path(os.environ.get("OPERANDO_SHARED_DATA", ROOT.parent / "shared" / "data")) / "xafs"
    if not folder.is_dir():
        remark = "measured spectra not found: set OPERANDO_SHARED_DATA"
        yield Row(WHAT.format(TOGETHER), PEER, remark=remark, status="no data")
        return
    python = os.environ.get("OPERANDO_LARCH_PYTHON", "")
    if not python and importlib.util.find_spec("larch") is None:
        how = "extra [larch], or OPERANDO_LARCH_PYTHON names the interpreter that has it"
        yield absent(WHAT.format(TOGETHER), PEER, how)
        return
    mine: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    with PeerProcess("larch_peer.py", str(folder), python=python or sys.executable) as process:
        for turn in range(settings.repeats + 1):
            pair = ours(folder), process.ask("")
            progress(f"  round {turn}: four-path fit {[one['four-path fit'] for one in pair]} ms")
            if turn:
                mine.append(pair[0])
                theirs.append(pair[1])
    both = [step for step in mine[0] if step in theirs[0]]
    for step in both:
        each = [[one[step] for one in times] for times in (mine, theirs)]
        yield compared(WHAT.format(step), PEER, "ms", *each)
    each = [[3.0 * sum(one[step] for step in both) for one in times] for times in (mine, theirs)]
    yield compared(
        WHAT.format(TOGETHER), PEER, "ms", *each, remark="500 ms is what a step may take"
    )
