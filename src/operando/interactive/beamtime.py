"""All that a session at the prompt consists of, in one place."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from operando.harmless import Harmless
from operando.interactive.agents import Agents
from operando.interactive.catalog import Catalog
from operando.interactive.engine import prompt_engine
from operando.interactive.live import LivePicture
from operando.interactive.metadata import StoredMetadata
from operando.interactive.plan_book import Plans
from operando.interactive.roles import StationRoles
from operando.interactive.waiting import wait_for_beam
from operando.remote_control import RemoteControl
from operando.stations.station_file import StationFile, read_station_file

#: What ``from operando.session import *`` brings.
NAMES = ("RE", "agents", "bp", "bps", "catalog", "plans", "sd", "station")


class Beamtime:
    """RunEngine, station, plans, agents and stored runs, wired together.

    Devices, agents and store are made when they are first used.

    Parameters
    ----------
    file : StationFile
        What the station consists of.
    console : Console, optional
        Where a person is told what happens.
    live : bool
        Whether a picture of the run under way is drawn, from the first run on.

    Attributes
    ----------
    live : LivePicture
        ``live.wanted = False`` draws no more.
    """

    def __init__(
        self, file: StationFile, console: Console | None = None, *, live: bool = False
    ) -> None:
        self.file = file
        self.console = console or Console(stderr=True)
        self.catalog = Catalog(file.store, self.console)
        folder = self.catalog.folder
        self.metadata = StoredMetadata(folder / "metadata.json")
        self.RE, self.sd = prompt_engine(self.metadata, self.console)
        self.RE.subscribe(self.catalog.write)
        self.station = StationRoles(
            file, lambda: self.catalog.frames_dir, self._read_always, self._wait_for
        )
        self.agents = Agents(file.seed, folder)
        self.plans = Plans(self.station, self.agents, self.catalog, self._defaults)
        self.RE.remote = lambda: RemoteControl(
            self.RE, self.catalog, self.agents.made(), self.console.print
        )
        self.live = LivePicture(folder / "live.png", self._say, wanted=live)
        self.RE.subscribe(Harmless(self.live))
        self._closed = False
        atexit.register(self.close)

    def names(self) -> dict[str, Any]:
        """Return what a person's namespace gets."""
        import bluesky.plan_stubs
        import bluesky.plans

        here = {name: getattr(self, name) for name in NAMES if hasattr(self, name)}
        return {**here, "bp": bluesky.plans, "bps": bluesky.plan_stubs}

    def close(self) -> None:
        """End what is paused, stop the agents, and store what waits; twice does no harm."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        if self.RE.state == "paused":
            self.RE.abort("the session was ended")
        self.live.close()
        self.agents.close()
        self.station.close()
        self.catalog.close()

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)

    def _read_always(self, devices: Iterable[Any]) -> None:
        self.sd.baseline.extend(devices)

    def _wait_for(self, ring: Any) -> None:
        assert self.file.ring is not None
        wait_for_beam(self.RE, ring, self.file.ring)

    def _defaults(self) -> dict[str, Any]:
        return {"seed": self.file.seed, "sample": str(self.metadata.get("sample", ""))}


_current: list[Beamtime] = []


def current(file: StationFile | None = None, *, live: bool | None = None) -> Beamtime:
    """Return the session of this process, begun at the first call.

    Parameters
    ----------
    file : StationFile, optional
        Its station when it begins here; otherwise that of ``OPERANDO_STATION`` (``sim`` if not
        set), with ``OPERANDO_STORE`` as its store.
    live : bool, optional
        Whether it draws a live picture when it begins here; if somebody is there, unless told.

    Returns
    -------
    Beamtime
    """
    if not _current:
        if file is None:
            file = read_station_file(os.environ.get("OPERANDO_STATION", "sim"))
            file = file.with_(store=os.environ.get("OPERANDO_STORE"))
        _current.append(Beamtime(file, live=sys.stdin.isatty() if live is None else live))
    return _current[0]
