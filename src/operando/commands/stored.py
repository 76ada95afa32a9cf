"""What the commands that read a store share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from operando.confined import printable, readable_folders, reading_within, short_name
from operando.errors import BadInput, OperandoError, StoreError

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
    from operando.store.connection import without_key

    name = target or DEFAULT_STORE
    with open_store(
        name, create=create, progress=lambda line: console.print(f"[dim]{line}[/dim]")
    ) as store:
        try:
            with reading_within(readable_folders(store.frames_dir)):
                yield store
        except OperandoError:
            raise
        except Exception as error:
            if said := _refused(error):
                raise StoreError(f"store {without_key(name)}: {said}") from error
            if Path(name).is_dir() and not os.access(name, os.W_OK):
                # SQLite needs to write beside a table even to read it.
                raise StoreError(
                    f"store {name}: it is read-only, and Tiled cannot read tables where it cannot "
                    "write; runs, show and replay work, for they do without"
                ) from error
            raise


def _refused(error: Exception) -> str | None:
    """Say what Tiled refuses to do; nothing if that is not what went wrong."""
    from tiled.client.utils import ClientError

    return printable(str(error).splitlines()[0]) if isinstance(error, ClientError) else None


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


def draw_run(store: Store, uid: str, path: Path | None = None) -> Path:
    """Draw the panel of a stored run, as it was drawn while the run was measured.

    Parameters
    ----------
    store : Store
    uid : str
    path : Path, optional
        Its suffix is the format; ``PLAN-UID.png`` in the working directory if not given.

    Returns
    -------
    Path

    Raises
    ------
    BadInput
        If the file cannot be written, or its suffix is no format of a picture.
    """
    from operando.figures.panels import FollowingPanel, save_panel, with_predecessors

    panel = FollowingPanel()
    try:
        runs = with_predecessors(store.documents, uid)
        for documents in runs:
            for name, doc in documents:
                panel(name, doc)
        plan = str(runs[-1][0][1].get("plan_name", "run"))
        path = path or Path(f"{re.sub('[^A-Za-z0-9_-]', '_', plan)}-{short_name(uid)}.png")
        save_panel(panel, path)
    except (OSError, ValueError) as error:
        raise BadInput(f"no picture in {path}: {error}") from error
    finally:
        panel.close()
    return path


def clock_time(seconds: float) -> str:
    """Write an epoch time as local date and time.

    Examples
    --------
    >>> len(clock_time(0.0))
    19
    """
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
