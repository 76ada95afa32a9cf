"""Print one table of operando beside its peers, all measured in this run.

    python -m benchmarks [--only NAME ...] [--repeats N] [--full] [--markdown | --json]

Progress goes to stderr. The exit status is 1 if a family of rows failed, 2 for bad words.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from benchmarks import printing
from benchmarks.row import Row, Settings, progress
from benchmarks.rows import FAMILIES
from benchmarks.running import run


def chosen(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; bad words end with one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these families of rows")
    parser.add_argument("--list", action="store_true", help="say which families there are")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="rounds, default 5")
    parser.add_argument("--full", action="store_true", help="what is expensive in full size")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true")
    form.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options = parser.parse_args(words)
    unknown = [name for name in options.only or () if name not in FAMILIES]
    if unknown:
        _refuse(f"no rows are called {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    if options.repeats < 1:
        _refuse(f"--repeats must be at least 1, not {options.repeats}")
    return options


def _refuse(why: str) -> None:
    progress(why)
    raise SystemExit(2)


def measured(names: Sequence[str], settings: Settings) -> list[tuple[str, list[Row]]]:
    """Run the families; Ctrl-C ends early with what there is."""
    families: list[tuple[str, list[Row]]] = []
    for name in names:
        families.append((name, []))
        began = time.perf_counter()
        progress(f"{name}: {FAMILIES[name]}")
        try:
            for row in run(name, settings):
                families[-1][1].append(row)
                progress("  " + "  ".join(word for word in printing.cells(row) if word))
        except KeyboardInterrupt:
            progress("stopped; what was measured so far:")
            break
        progress(f"{name}: {time.perf_counter() - began:.0f} s")
    return families


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    options = chosen(words)
    if options.list:
        for name, text in FAMILIES.items():
            print(f"{name:12}{text}")
        return 0
    facts = printing.machine()
    names = [name for name in FAMILIES if name in (options.only or FAMILIES)]
    families = measured(names, Settings(options.repeats, options.full))
    if options.json:
        print(printing.as_json(families, facts))
    elif options.markdown:
        print(printing.markdown(families))
    else:
        print(f"{printing.heading(facts)}\n\n{printing.text(families)}")
    return int(any(row.status == "failed" for _, rows in families for row in rows))


if __name__ == "__main__":
    sys.exit(main())
