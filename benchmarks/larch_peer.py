"""xraylarch's times of one spectrum's steps: run by the table with the interpreter that has it.

The words are the folder of measured spectra; every line of stdin is answered with the medians, ms.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

# xraylarch's environment need not have operando installed; one that has it uses its own.
sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))

from xafs import larch_times


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for _ in sys.stdin:
            with contextlib.redirect_stdout(sys.stderr):
                times = larch_times(Path(sys.argv[1]), Path(scratch))
            print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
