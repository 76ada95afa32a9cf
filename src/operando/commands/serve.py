"""``operando serve``: the store as a Tiled server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Json, Store, console, print_json
from operando.errors import BadInput


def serve(
    store: Store = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8000,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines reach it.")
    ] = False,
    readable: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of frames that runs may refer to, besides the store's own."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a store's folder as a Tiled server, until interrupted.

    Prints two keys once: one lets a client read, the other lets it write as well. They are new
    at each start unless OPERANDO_READ_KEY and OPERANDO_WRITE_KEY give them; a key that was given
    is not printed.
    """
    from operando.commands.stored import DEFAULT_STORE
    from operando.store import embedded, serving
    from operando.store.places import Places, is_server

    target = store or DEFAULT_STORE
    if is_server(target):
        raise BadInput(f"--store {target.split('?')[0]} is a server already; a folder is needed")
    folders = [folder.resolve() for folder in readable or []]
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise BadInput(f"--readable {missing[0]} is not a folder")
    keys = serving.Keys.of(os.environ)
    screen = console()
    with serving.listen(host, port, allow_remote=allow_remote) as opened:
        embedded.create(Places.of(target), lambda line: screen.print(f"[dim]{line}[/dim]"))
        address = serving.address_of(opened)
        given = {
            "read_key": None if serving.READ_VARIABLE in os.environ else keys.read,
            "write_key": None if serving.WRITE_VARIABLE in os.environ else keys.write,
        }
        if as_json:
            print_json({"address": address, **given})
        else:
            print(f"{target} at {address}")
            for name, key in given.items():
                print(f"  {name.replace('_', ' ')}: {key or 'as given in the environment'}")
            print(f"use it by: export TILED_API_KEY=...; operando runs --store {address}")
        sys.stdout.flush()
        serving.serve(target, opened, keys, readable=folders)
