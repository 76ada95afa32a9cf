"""``operando ipython``: a prompt with the station behind it."""

from __future__ import annotations

from typing import Annotated

import typer

from operando.commands.options import Store, parse_speed

Station = Annotated[
    str,
    typer.Option(
        envvar="OPERANDO_STATION",
        help="sim, epics-sim, or the TOML file that describes the station.",
    ),
]


def ipython(
    station: Station = "sim",
    store: Store = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the simulated devices, not the file's.")
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(help="Simulated seconds a real second, or 'max', not the file's."),
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--no-live", help="Draw the run under way [default: at a terminal]."),
    ] = None,
) -> None:
    """Begin IPython with RE, station, plans, agents and catalog.

    The station is described in a file; the store is the one it names unless --store does. What is
    measured, and how, is explained as it starts.
    """
    from operando.stations import read_station_file

    file = read_station_file(station).with_(
        store=store, seed=seed, speed=None if speed is None else parse_speed(speed)
    )
    from operando.interactive.shell import start

    start(file, live=live)
