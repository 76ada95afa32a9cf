"""A store's folder as a Tiled server, with one key to read and one to write."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from operando.errors import BadInput
from operando.store import embedded
from operando.store.places import Places

_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]

#: Variables that hold keys which are to stay the same from one start to the next.
READ_VARIABLE, WRITE_VARIABLE = "OPERANDO_READ_KEY", "OPERANDO_WRITE_KEY"
_SHORTEST_KEY = 16
_ABOUT = "/api/v1/"


@dataclass(frozen=True)
class Keys:
    """What lets a client in.

    Parameters
    ----------
    read : str
        Lets it read.
    write : str
        Lets it read and write.
    """

    read: str = field(repr=False)
    write: str = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Keys:
        """Take the keys from variables, or make new ones.

        Parameters
        ----------
        environment : mapping
            ``OPERANDO_READ_KEY`` and ``OPERANDO_WRITE_KEY`` are looked for.

        Raises
        ------
        operando.errors.BadInput
            A key is too short, holds more than letters and digits, or serves for both.
        """
        keys = []
        for name in (READ_VARIABLE, WRITE_VARIABLE):
            key = environment.get(name) or secrets.token_hex(32)
            if len(key) < _SHORTEST_KEY or not (key.isascii() and key.isalnum()):
                raise BadInput(f"{name} must be {_SHORTEST_KEY} or more letters and digits")
            keys.append(key)
        if keys[0] == keys[1]:
            raise BadInput(f"{READ_VARIABLE} and {WRITE_VARIABLE} must differ")
        return cls(*keys)


class Gate:
    """Lets requests with a key through to a Tiled application that takes anyone for a reader.

    A key is taken from the ``Authorization: Apikey …`` header and from nowhere else: addresses
    end up in logs and histories.

    Parameters
    ----------
    application : callable
        The ASGI application. Its own key is the write key, and it lets anonymous clients read.
    keys : Keys
        The keys.
    """

    def __init__(self, application: Any, keys: Keys) -> None:
        self._application = application
        self._keys = keys

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        key = _key(scope["headers"])
        # As Starlette reads it: bytes that are no text are some text, and no fault of the server.
        query = scope.get("query_string", b"").decode("latin-1")
        if "api_key" in parse_qs(query, keep_blank_values=True):
            await _refuse(scope, send, "keys are not taken from addresses; use the header")
        elif scope["path"] == _ABOUT and scope.get("method") == "GET":
            # Tiled's clients ask what a server is before they show a key.
            bare = _without(scope, b"cookie", b"authorization")
            await self._application(bare, receive, send)
        elif key is not None and secrets.compare_digest(key, self._keys.write.encode()):
            await self._application(_without(scope, b"cookie"), receive, send)
        elif key is not None and secrets.compare_digest(key, self._keys.read.encode()):
            bare = _without(scope, b"cookie", b"authorization")
            await self._application(bare, receive, send)
        else:
            await _refuse(scope, send, "a valid API key is needed")


def _key(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        kind, _, key = value.strip().partition(b" ")
        if name.lower() == b"authorization" and kind.lower() == b"apikey":
            return key.strip()
    return None


def _without(scope: dict[str, Any], *names: bytes) -> dict[str, Any]:
    headers = [pair for pair in scope["headers"] if pair[0].lower() not in names]
    return {**scope, "headers": headers}


async def _refuse(scope: dict[str, Any], send: _Send, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Apikey")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": why}).encode()})


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """Open the socket that a server listens on.

    Parameters
    ----------
    host : str
        Name or address of this machine; ``127.0.0.1`` is reached from it alone.
    port : int
        Port; 0 takes a free one.
    allow_remote : bool
        Whether other machines may reach it.

    Raises
    ------
    operando.errors.BadInput
        The address can be reached from outside and `allow_remote` is false, or it cannot be
        listened on.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        outside = not ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback
        if outside and not allow_remote:
            raise BadInput(
                f"--host {host} can be reached by other machines; say --allow-remote if it may"
            )
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"cannot listen on {host}:{port}: {reason}") from error
    return opened


def address_of(opened: socket.socket) -> str:
    """Return the address of a server that listens on a socket."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    target: str | os.PathLike[str],
    opened: socket.socket,
    keys: Keys,
    *,
    readable: Sequence[Path] = (),
) -> None:
    """Serve a store's folder until interrupted.

    Parameters
    ----------
    target : str or path
        The folder, whose catalog must exist.
    opened : socket.socket
        Where to listen.
    keys : Keys
        The keys.
    readable : sequence of pathlib.Path
        Folders of frames, besides the store's own, that runs may refer to.
    """
    import uvicorn

    application = embedded.application(
        Places.of(target), api_key=keys.write, anonymous=True, readable=readable, streaming=True
    )
    config = uvicorn.Config(
        Gate(application, keys), log_level="warning", access_log=False, lifespan="on"
    )
    uvicorn.Server(config).run(sockets=[opened])
