"""Magics: where everything is, a quick move, a quick count, and the stored runs."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.interactive.beamtime import Beamtime


@magics_class
class SessionMagics(Magics):  # type: ignore[misc]
    """The magics of a session.

    Parameters
    ----------
    shell : InteractiveShell
    beamtime : Beamtime
    """

    def __init__(self, shell: Any, beamtime: Beamtime) -> None:
        super().__init__(shell)
        self._beamtime = beamtime

    @cached_property
    def _bluesky(self) -> Any:
        from bluesky.magics import BlueskyMagics

        return BlueskyMagics(self.shell)

    @line_magic  # type: ignore[untyped-decorator]
    def wa(self, line: str) -> None:
        """Say where all positioners of the devices in use are, or those of one job: %wa mapping."""
        opened = self._beamtime.station.opened()
        if line.strip() and line.strip() not in opened:
            self._beamtime.station.__getattribute__(line.strip())
            opened = self._beamtime.station.opened()
        jobs = [line.strip()] if line.strip() else list(opened)
        if not jobs:
            print("no devices are in use yet; %wa mapping, say, makes those of a job")
        rows = [row for job in jobs for row in _positions(f"station.{job}", opened[job])]
        width = max((len(name) for name, *_ in rows), default=0)
        for name, value, limits in rows:
            print(f"{name:<{width}}  {value:<20} {limits}")

    @line_magic  # type: ignore[untyped-decorator]
    def mov(self, line: str) -> None:
        """Move and wait: %mov station.mapping.stage.x 40 station.mapping.stage.y 16."""
        self._bluesky.mov(line)

    @line_magic  # type: ignore[untyped-decorator]
    def movr(self, line: str) -> None:
        """Move by so much and wait: %movr station.mapping.stage.x -5."""
        self._bluesky.movr(line)

    @line_magic  # type: ignore[untyped-decorator]
    def ct(self, line: str) -> None:
        """Expose once and show what was read, stored nowhere: %ct, or %ct 0.5 for 0.5 s."""
        from operando.interactive.quick import count_once

        try:
            seconds = float(line) if line.strip() else 0.1
        except ValueError:
            raise BadInput(f"%ct {line}: an exposure in s is needed") from None
        count_once(self._bluesky.RE, self._beamtime.station.mapping, seconds)

    @line_magic  # type: ignore[untyped-decorator]
    def runs(self, line: str) -> None:
        """List stored runs, the newest last; options as of operando runs: %runs --limit 5."""
        self._command("runs", line)

    @line_magic  # type: ignore[untyped-decorator]
    def show(self, line: str) -> None:
        """Show one run; options as of operando show: %show -1."""
        self._command("show", line or "-1")

    @line_magic  # type: ignore[untyped-decorator]
    def report(self, line: str) -> None:
        """Write the report of a run, a page to send to a colleague: %report -1."""
        self._command("report", line or "-1")

    @line_magic  # type: ignore[untyped-decorator]
    def live(self, line: str) -> None:
        """Say where the live picture is; %live off and %live on stop and start it."""
        picture = self._beamtime.live
        if line.strip() in ("on", "off"):
            picture.wanted = line.strip() == "on"
            if not picture.wanted:
                picture.close()
        elif line.strip():
            raise BadInput(f"%live {line}: on or off is needed, or nothing")
        print(f"live picture: {picture.path if picture.wanted else 'off'}")

    def _command(self, name: str, line: str) -> None:
        """Run a command of operando on this session's store."""
        # By name: the command line stands above the prompt, one of its commands.
        app = importlib.import_module("operando.cli").app
        arguments = [name, *shlex.split(line), "--store", self._beamtime.file.store]
        try:
            app(arguments, standalone_mode=False)
        except SystemExit:
            pass
        except Exception as error:
            if hasattr(error, "format_message"):  # click's own, of an option that there is not
                raise BadInput(error.format_message()) from None
            raise


def _positions(name: str, device: Any) -> Iterator[tuple[str, str, str]]:
    """Give name, value and limits of every axis and readable signal below a job's devices."""
    from operando.interactive.roles import roles_of

    for role, part in roles_of(device).items():
        yield from _axes(f"{name}.{role}", part)


def _axes(name: str, part: Any, depth: int = 2) -> Iterator[tuple[str, str, str]]:
    if hasattr(part, "position"):
        low, high = getattr(part, "limits", (None, None))
        units = getattr(part, "egu", "")
        limits = "" if low is None else f"{low:g} to {high:g} {units}"
        yield name, f"{part.position:.6g} {units}", limits
    elif hasattr(part, "is_open"):
        yield name, "open" if part.is_open else "closed", ""
    elif depth:
        for child in getattr(part, "component_names", ()):
            yield from _axes(f"{name}.{child}", getattr(part, child), depth - 1)
