"""What somebody asks of a run that another process is measuring."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from operando.errors import BadInput, StoreError
from operando.store.places import Places, is_server

if TYPE_CHECKING:
    from operando.store.running import RunningRuns

#: What can be asked for.
ACTIONS = ("pause", "resume", "abort", "stop-agent")
#: Key of a run's metadata on a server that holds what was asked.
KEY = "operando_requests"
_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")


@dataclass(frozen=True)
class Request:
    """Something asked of a run.

    Parameters
    ----------
    action : str
        One of `ACTIONS`.
    id : str
        Different for each.
    time : float
        When, epoch seconds.
    """

    action: str
    id: str
    time: float


def post(store: RunningRuns, places: Places, uid: str, action: str) -> Request:
    """Ask something of a run; see `Store.ask`."""
    if action not in ACTIONS:
        raise BadInput(f"a run can be asked to {', '.join(ACTIONS)}, not {action!r}")
    request = Request(action, uuid.uuid4().hex, time.time())
    if is_server(store.name):
        run = store[uid]
        try:
            run.update_metadata({KEY: [*run.metadata.get(KEY, []), asdict(request)]})
        except Exception as error:  # a key that may only read, or a server that is away
            raise StoreError(f"store {store.name}: {str(error).splitlines()[0]}") from error
        return request
    path = _path(places, uid)
    try:
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, json.dumps(asdict(request)).encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"store {store.name}: {error.strerror or error}") from error
    return request


def pending(store: RunningRuns, places: Places, uid: str) -> list[Request]:
    """Give what was asked of a run, in order; see `Store.asked`."""
    if is_server(store.name):
        try:
            run = store.catalog.new_variation()[uid]
        except KeyError:  # not there yet
            return []
        return [found for item in run.metadata.get(KEY, []) if (found := _request(item))]
    try:
        lines = _path(places, uid).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [found for line in lines if (found := _parsed(line))]


def _path(places: Places, uid: str) -> Any:
    # A uid becomes the name of a file: it must not lead anywhere else.
    if not _UID.fullmatch(uid):
        raise BadInput(f"{uid!r} is no uid of a run")
    return places.root / "requests" / f"{uid}.jsonl"


def _parsed(line: str) -> Request | None:
    try:
        return _request(json.loads(line))
    except (ValueError, OverflowError, RecursionError):
        return None


def _request(item: Any) -> Request | None:
    """Take what is a request; anything else is left out."""
    if not isinstance(item, Mapping):
        return None
    action, name, when = item.get("action"), item.get("id"), item.get("time")
    if action not in ACTIONS or not isinstance(name, str) or not isinstance(when, float | int):
        return None
    return Request(action, name, float(when))
