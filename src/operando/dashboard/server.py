"""The web server of the dashboard, on this machine only."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server
from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler

from operando.dashboard.keys import COOKIE, WRITE, KeyAuth
from operando.dashboard.page import Page
from operando.dashboard.pictures import Pictures
from operando.dashboard.runs import RunList
from operando.store import Store
from operando.store.serving import Keys, listen

#: What this machine is called in an address. Another name for it is somebody's who wants a browser
#: here to take their page for ours.
NAMES = ("127.0.0.1", "localhost")
HOST = NAMES[0]
#: What a session's signed token says of who began it.
_ROLE = "role"


class _Handler(FunctionHandler):  # type: ignore[misc]
    """Fills a page, and writes down for whom."""

    def __init__(self, page: Callable[[Document], None], auth: KeyAuth) -> None:
        super().__init__(page)
        self._auth = auth

    def process_request(self, request: HTTPServerRequest) -> dict[str, Any]:
        """Give what a session is told of the request that begins it."""
        cookie = request.cookies.get(COOKIE)
        return {_ROLE: self._auth.role(cookie.value if cookie else None)}


class _Refused(RequestHandler):  # type: ignore[misc]
    """What is not there for anybody."""

    def prepare(self) -> None:
        """Refuse, whatever is asked for."""
        raise HTTPError(403)


def serve(store: Store, port: int, keys: Keys, ready: Callable[[str], None]) -> None:
    """Serve the dashboard until interrupted.

    Parameters
    ----------
    store : Store
    port : int
        0 takes a free one.
    keys : Keys
        The one to look, the one to ask something of a run.
    ready : callable
        Called with the address once it can be reached.

    Raises
    ------
    operando.errors.BadInput
        The port is taken, or may not be used.
    """
    with listen(HOST, port) as tried:  # says clearly when it is taken, and which one is free
        port = tried.getsockname()[1]
    # Every browser that comes and goes is worth a line to Bokeh, and none to us.
    logging.getLogger("bokeh").setLevel(logging.WARNING)
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    auth = KeyAuth(keys)
    runs, pictures = RunList(store), Pictures(store)

    def page(doc: Document) -> None:
        role = doc.session_context.token_payload.get(_ROLE)
        Page(doc, store, runs, pictures, may_ask=role == WRITE)

    server = guarded_server(page, port, auth)
    try:
        server.start()
        ready(f"http://{HOST}:{server.port}")
        server.io_loop.start()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
        pictures.close()
        runs.close()


def guarded_server(page: Callable[[Document], None], port: int, auth: KeyAuth) -> Server:
    """Make the server of a page that asks everybody for a key.

    Parameters
    ----------
    page : callable
        Fills the document of a browser's session.
    port : int
    auth : KeyAuth
    """
    server = Server(
        {"/": Application(_Handler(page, auth))},
        port=port,
        address=HOST,
        auth_provider=auth,
        # Other pages in the same browser may not talk to this one.
        allow_websocket_origin=[f"{name}:{port}" for name in NAMES],
        # A session is one that this server has begun. Its token, which scripts can read, is signed
        # and holds no cookie.
        sign_sessions=True,
        secret_key=secrets.token_hex(32),
        include_headers=[],
        include_cookies=[],
    )
    names = "|".join(map(re.escape, NAMES))
    rules = server._tornado  # noqa: SLF001 - there is no other way to the rules
    rules.add_handlers(rf"(?!({names})$).*", [(".*", _Refused)])
    # For pages elsewhere that show ours: it would tell any of them a session's token.
    rules.add_handlers(".*", [("/autoload.js", _Refused)])
    return server
