"""What a Tiled application may be told to write and read: names that lead nowhere, frames in place.

Tiled trusts whoever may write: it would register any file of the machine, hand it out as it is,
and make a folder of any name.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from operando.confined import printable, within
from operando.errors import BadInput

_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]

_ROUTES = ("/api/v1/metadata/", "/api/v1/register/", "/api/v1/data_source/")
_LONGEST_KEY = 200
_REFUSED_BY_TILED = "Refusing to serve"


def refusal(body: object, folders: Sequence[Path]) -> str | None:
    """Say what is wrong with a request to make a node.

    Parameters
    ----------
    body : object
        What its JSON says.
    folders : sequence of Path
        In which files may be.

    Returns
    -------
    str or None

    Examples
    --------
    >>> refusal({"id": ".."}, [])
    '.. is no name for a node'
    >>> refusal({"id": "primary", "data_sources": []}, [])
    """
    if not isinstance(body, Mapping):
        return None
    key = body.get("id")
    if isinstance(key, str) and key and not _is_key(key):
        return f"{printable(key[:40])} is no name for a node"
    for source in _sources(body):
        assets = source.get("assets")
        if not isinstance(assets, list) or not assets:
            continue
        if source.get("management", "writable") != "external":
            return "files that the server itself keeps cannot be registered"
        for asset in assets:
            uri = asset.get("data_uri") if isinstance(asset, Mapping) else None
            if isinstance(uri, str) and not _is_straight(uri, folders):
                return f"{printable(uri[:200])} is no address of a file of frames"
    return None


def _is_key(key: str) -> bool:
    plain = printable(key) == key and not set(key) & set("/\\")
    return plain and key.strip(" .") != "" and len(key) <= _LONGEST_KEY


def _sources(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    many, one = body.get("data_sources"), body.get("data_source")
    for source in [*(many if isinstance(many, list) else []), one]:
        if isinstance(source, Mapping):
            yield source


def _is_straight(uri: str, folders: Sequence[Path]) -> bool:
    """Tell whether an address is of a file, and what seems to be in a folder really is."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    path = Path(parts.path)
    if parts.scheme != "file" or not path.is_absolute() or "\0" in unquote(parts.path):
        return False
    if ".." in path.parts or ".." in Path(unquote(parts.path)).parts:
        return False
    # Of a file elsewhere, the run is kept and the file is not read.
    seems = any(path.is_relative_to(folder) for folder in folders)
    return not seems or within(path, folders)


class Confining:
    """Refuses to make nodes whose names or files lead elsewhere.

    Parameters
    ----------
    app : callable
        The ASGI application.
    folders : sequence of Path
        In which files may be.
    """

    def __init__(self, app: Any, folders: Sequence[Path]) -> None:
        self._app, self._folders = app, folders

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one connection."""
        makes = scope["type"] == "http" and scope["method"] in ("POST", "PUT")
        if not makes or not scope["path"].startswith(_ROUTES):
            await self._app(scope, receive, send)
            return
        messages, body = [], b""
        while True:
            message = await receive()
            messages.append(message)
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        why = refusal(_parsed(body), self._folders)
        if why is None:
            await self._app(scope, _again(messages, receive), send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 422, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"detail": why}).encode()})


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # Tiled says so itself
        return None


def _again(messages: list[dict[str, Any]], receive: _Receive) -> _Receive:
    waiting = iter(messages)

    async def next_message() -> dict[str, Any]:
        found = next(waiting, None)
        return await receive() if found is None else found

    return next_message


def hdf5_adapter(folders: Sequence[Path]) -> Any:
    """Make Tiled's reader of HDF5 that follows no link out of some folders."""
    from fastapi import HTTPException
    from tiled.adapters.hdf5 import SWMR_DEFAULT, HDF5Adapter, h5open
    from tiled.utils import path_from_uri

    from operando.confined_hdf5 import check_under

    class Frames(HDF5Adapter):  # type: ignore[misc]
        @classmethod
        def from_catalog(
            cls, data_source: Any, node: Any, /, dataset: Any = "/", **options: Any
        ) -> Any:
            name = dataset if isinstance(dataset, str) else "/".join(dataset)
            how = {
                "swmr": options.get("swmr", SWMR_DEFAULT),
                "libver": options.get("libver", "latest"),
                "locking": options.get("locking"),
            }
            try:
                for asset in data_source.assets:
                    path = path_from_uri(asset.data_uri)
                    if not within(path, folders):
                        raise BadInput(f"{path} is not in a folder that may be read")
                    with h5open(path, None, **how) as file:
                        check_under(file, name, lambda other: within(other, folders))
            except BadInput as error:
                raise HTTPException(403, str(error)) from error
            return HDF5Adapter.from_catalog(data_source, node, dataset, **options)

    return Frames


async def refused(request: Any, error: Exception) -> Any:
    """Answer what Tiled refuses to read as a refusal, not as a fault of the server."""
    from fastapi.responses import JSONResponse

    if not str(error).startswith(_REFUSED_BY_TILED):
        raise error
    return JSONResponse({"detail": str(error)}, 403)
