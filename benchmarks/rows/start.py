"""How long it takes to begin, and how much is installed, beside what operando is built on."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import operando
from benchmarks.row import Row, Settings, absent, by_turns, compared, timed

COMMAND = "from operando.cli import main; main()"
MEGABYTE = 1e6
#: What any Bluesky station with a Tiled catalog has installed.
STACK = (
    "bluesky",
    "ophyd",
    "bluesky-tiled-plugins",
    "databroker[back-compat]",
    "tiled[client,server]",
)


def rows(settings: Settings) -> Iterator[Row]:
    """Give start-up, import, prompt and size."""
    yield from starts(settings.repeats)
    yield prompt(settings.repeats)
    yield from sizes()


def starts(repeats: int) -> Iterator[Row]:
    """Begin processes by turns."""
    begun = {
        "operando --help": ("-c", COMMAND, "--help"),
        "tiled --help": ("-m", "tiled", "--help"),
        "python -c pass": ("-c", "pass"),
        "import operando": ("-c", "import operando"),
        "import bluesky": ("-c", "import bluesky"),
        "import operando.session": ("-c", "import operando.session"),
        "RunEngine, ophyd, Tiled client": (
            "-c",
            "import ophyd, bluesky.run_engine, bluesky_tiled_plugins, tiled.client",
        ),
    }
    found = by_turns({name: timed(process(*words)) for name, words in begun.items()}, repeats)
    for ours, peer, remark in (
        ("operando --help", "tiled --help", ""),
        ("operando --help", "python -c pass", "the interpreter alone is the limit"),
        ("import operando", "import bluesky", "both with the interpreter's start"),
        (
            "import operando.session",
            "RunEngine, ophyd, Tiled client",
            "what a session imports at once; the rest comes when it is used",
        ),
    ):
        yield compared(ours, peer, "s", found[ours], found[peer], remark=remark)


def process(*words: str):
    """Give a call that runs Python once, its answer thrown away."""
    command = [sys.executable, *words]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def prompt(repeats: int) -> Row:
    """Time to the prompt, in a terminal, of ours and of IPython with the least of Bluesky."""
    ours, peer = "operando ipython", "ipython, RunEngine({}), ophyd"
    if importlib.util.find_spec("pexpect") is None:
        return absent(f"{ours}, to the prompt", peer, "extra [bench], for its terminal")
    from prompt import PEERS, to_prompt

    with tempfile.TemporaryDirectory() as folder:

        def seconds(name: str):
            return lambda: to_prompt(PEERS[name], folder)[0]

        found = by_turns({name: seconds(name) for name in (ours, peer)}, repeats)
    return compared(f"{ours}, to the prompt", peer, "s", found[ours], found[peer])


def sizes() -> Iterator[Row]:
    """Count what is on the disk, compiled Python left out."""
    own = folder_bytes(Path(operando.__file__).parent) / MEGABYTE
    every = closure(["operando"])
    total = own + distribution_bytes(every) / MEGABYTE
    stack = closure(STACK)
    peer = distribution_bytes(stack) / MEGABYTE
    bluesky = distribution_bytes({"bluesky"}) / MEGABYTE
    yield Row("installed size, operando alone", "bluesky alone", "MB", own, bluesky, bluesky / own)
    yield Row(
        "installed size with dependencies",
        "bluesky, ophyd, databroker, Tiled with theirs",
        "MB",
        total,
        peer,
        peer / total,
        remark=f"{len(every)} packages beside {len(stack)}; no extras of operando",
    )


def closure(requirements) -> set[str]:
    """Names of installed packages that these need, themselves included."""
    found: dict[str, set[str]] = {}
    waiting = [split(text) for text in requirements]
    while waiting:
        name, extras = waiting.pop()
        if name in found and extras <= found[name]:
            continue
        found[name] = found.get(name, set()) | extras
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            del found[name]
            continue
        waiting += [split(text) for text in needed if wanted(text, found[name])]
    return set(found)


def split(requirement: str) -> tuple[str, set[str]]:
    """Give the name as it is normalised, and the extras."""
    name, extras = re.match(r"([\w.-]+)\s*(?:\[([^]]*)\])?", requirement).groups()
    listed = {extra.strip() for extra in (extras or "").split(",")} - {""}
    return re.sub(r"[-_.]+", "-", name).lower(), listed


def wanted(requirement: str, extras: set[str]) -> bool:
    """Tell whether a requirement holds here, with some extras."""
    from packaging.requirements import Requirement

    marker = Requirement(requirement).marker
    return marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras))


def distribution_bytes(names: set[str]) -> int:
    total = 0
    for name in names:
        for file in importlib.metadata.files(name) or []:
            path = Path(file.locate())
            if path.suffix != ".pyc" and path.is_file():
                total += path.stat().st_size
    return total


def folder_bytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sum(path.stat().st_size for path in files)
