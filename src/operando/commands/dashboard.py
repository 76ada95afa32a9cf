"""``operando dashboard``: the runs of a store as a web page."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from operando.commands.options import Json, Store, console, print_json
from operando.errors import BadInput


def dashboard(
    store: Store = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 5006,
    as_json: Json = False,
) -> None:
    """Serve a web page with the runs of a store, the running one live, until interrupted.

    It can be reached from this machine alone; from home, by `ssh -L 5006:127.0.0.1:5006 HOST`.
    Prints two keys once: one to look, one with which a run can be paused or aborted, or its
    agent stopped, as well. They are new at each start unless OPERANDO_READ_KEY and
    OPERANDO_WRITE_KEY give them; a key that was given is not printed.
    """
    try:
        from operando.dashboard.server import serve
    except ImportError as error:
        raise BadInput(
            f"the dashboard needs {error.name}: pip install 'operando[dashboard]'"
        ) from error
    from operando.commands.stored import opened
    from operando.store.serving import READ_VARIABLE, WRITE_VARIABLE, Keys

    keys = Keys.of(os.environ)
    given = {
        "read_key": None if READ_VARIABLE in os.environ else keys.read,
        "write_key": None if WRITE_VARIABLE in os.environ else keys.write,
    }

    def ready(address: str) -> None:
        if as_json:
            print_json({"address": address, **given})
        else:
            print(f"{stored.name} at {address}")
            for name, key in given.items():
                print(f"  {name.replace('_', ' ')}: {key or 'as given in the environment'}")
        sys.stdout.flush()

    with opened(store, console()) as stored:
        serve(stored, port, keys, ready)
