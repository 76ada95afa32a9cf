"""What the commands that read a store share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from operando.errors import OperandoError, StoreError

if TYPE_CHECKING:
    from operando.store import Store

#: Where the demonstrations put their runs when they are not told.
DEFAULT_STORE = os.path.join("operando-out", "store")


@contextmanager
def opened(target: str | None, console: Console, *, create: bool = False) -> Iterator[Store]:
    """Open the store that a command was given, or the default one.

    Parameters
    ----------
    target : str or None
        Value of ``--store``.
    console : Console
        Where it is said when something slow begins.
    create : bool
        Whether to make a store that is not there.

    Yields
    ------
    Store

    Raises
    ------
    BadInput
        There is no store and `create` is false.
    StoreError
        It cannot be opened, or not be read because it is read-only.
    """
    from operando.store import open_store

    name = target or DEFAULT_STORE
    with open_store(
        name, create=create, progress=lambda line: console.print(f"[dim]{line}[/dim]")
    ) as store:
        try:
            yield store
        except OperandoError:
            raise
        except Exception as error:
            if Path(name).is_dir() and not os.access(name, os.W_OK):
                # SQLite needs to write beside a table even to read it.
                raise StoreError(
                    f"store {name}: it is read-only, and Tiled cannot read tables where it cannot "
                    "write; runs, show and replay work, for they do without"
                ) from error
            raise


def run_summary(run: Any) -> dict[str, Any]:
    """Say in a few words what a stored run is.

    Parameters
    ----------
    run : bluesky_tiled_plugins.BlueskyRun

    Returns
    -------
    dict
        ``uid``, ``scan_id``, ``time`` (epoch seconds), ``plan``, ``sample``, ``agent``,
        ``exit_status`` (None while it runs), ``duration_s``, ``events`` (stream to number).
    """
    start, stop = run.metadata["start"], run.metadata.get("stop") or {}
    agent = start.get("agent") or {}
    ended = stop.get("time")
    return {
        "uid": start["uid"],
        "scan_id": start.get("scan_id"),
        "time": start["time"],
        "plan": start.get("plan_name"),
        "sample": start.get("sample"),
        "agent": agent.get("name") if isinstance(agent, dict) else str(agent),
        "exit_status": stop.get("exit_status"),
        "duration_s": None if ended is None else ended - start["time"],
        "events": stop.get("num_events", {}),
    }


def clock_time(seconds: float) -> str:
    """Write an epoch time as local date and time.

    Examples
    --------
    >>> len(clock_time(0.0))
    19
    """
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
