"""The table as text, as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.row import Row

HEADS = ("measured", "operando", "beside", "its figure", "ratio", "range", "n")
PACKAGES = (
    "numpy bluesky tiled bluesky-tiled-plugins bluesky-adaptive pyFAI scikit-learn "
    "scikit-optimize gpcam dynesty emcee xraylarch"
).split()


def figure(value: float | None, unit: str = "") -> str:
    """Give three figures that count, without powers of ten.

    Examples
    --------
    >>> figure(1234.5, "ms"), figure(0.012345, "s"), figure(None), figure(12.0)
    ('1,234 ms', '0.0123 s', '-', '12.0')
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    digits = 0 if value == 0 else max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{digits}f} {unit}".rstrip()


def cells(row: Row) -> tuple[str, ...]:
    """Give the words of a row, in the order of `HEADS`."""
    known = row.ratio is not None
    span = f"{figure(row.low)} to {figure(row.high)}" if row.low is not None else ""
    return (
        row.what,
        figure(row.ours, row.unit),
        row.peer,
        figure(row.theirs, row.unit) if row.status == "measured" else row.status,
        f"{figure(row.ratio)} ×" if known else "-",
        span,
        str(row.repeats) if row.repeats else "",
    )


def text(families: Iterable[tuple[str, Sequence[Row]]]) -> str:
    """Align the columns; remarks stand below their row."""
    named = [(name, [(cells(row), row.remark) for row in rows]) for name, rows in families]
    every = [HEADS, *(words for _, rows in named for words, _ in rows)]
    widths = [max(len(words[column]) for words in every) for column in range(len(HEADS))]
    right = (False, True, False, True, True, False, True)

    def line(words: Sequence[str]) -> str:
        placed = zip(words, widths, right, strict=True)
        return "  ".join(w.rjust(n) if r else w.ljust(n) for w, n, r in placed).rstrip()

    lines = [line(HEADS), line(["-" * width for width in widths])]
    for name, rows in named:
        lines.append(f"[{name}]")
        for words, remark in rows:
            lines += [line(words), *([f"    {remark}"] if remark else [])]
    return "\n".join(lines)


def markdown(families: Iterable[tuple[str, Sequence[Row]]]) -> str:
    """Give a table as Markdown has them."""
    heads = ("", *HEADS, "remark")
    lines = [_piped(heads), _piped(["---"] * len(heads))]
    for name, rows in families:
        lines += [_piped((name, *cells(row), row.remark)) for row in rows]
    return "\n".join(lines)


def _piped(words: Iterable[str]) -> str:
    return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"


def as_json(families: Iterable[tuple[str, Sequence[Row]]], machine: dict[str, Any]) -> str:
    """Give one line of JSON: what the machine is, and the rows."""
    rows = [{"family": name} | dataclasses.asdict(row) for name, found in families for row in found]
    return json.dumps({"machine": machine, "rows": [_finite(row) for row in rows]})


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what JSON has no word for."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def machine() -> dict[str, Any]:
    """Say where and beside which versions the figures are taken."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": versions,
    }


def heading(facts: dict[str, Any]) -> str:
    """Say the same in a line or two."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['time']}, {facts['cores']} cores, load {facts['load']}, Python {facts['python']}\n"
        f"{versions}\n"
        "ratio: how many times better operando is (above 1: faster, smaller, or more right),\n"
        "median and range of n rounds in which both took turns"
    )
