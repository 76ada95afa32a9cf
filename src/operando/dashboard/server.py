"""The web server of the dashboard, on this machine only."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server

from operando.dashboard.keys import COOKIE, WRITE, KeyAuth
from operando.dashboard.page import Page
from operando.dashboard.pictures import Pictures
from operando.dashboard.runs import RunList
from operando.store import Store
from operando.store.serving import Keys, listen

HOST = "127.0.0.1"


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
        cookies = doc.session_context.request.cookies
        role = auth.role(cookies.get(COOKIE))
        Page(doc, store, runs, pictures, may_ask=role == WRITE)

    server = Server(
        {"/": Application(FunctionHandler(page))},
        port=port,
        address=HOST,
        auth_provider=auth,
        # Other pages in the same browser may not talk to this one.
        allow_websocket_origin=[f"{name}:{port}" for name in (HOST, "localhost")],
    )
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
