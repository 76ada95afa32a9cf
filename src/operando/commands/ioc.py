"""``operando ioc``: a simulated station behind EPICS process variables."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from operando.commands.options import Json, Speed, parse_shape, parse_speed, print_json


def ioc(
    station: Annotated[str, typer.Option(help="mapping, battery, kinetics or all.")] = "all",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the specimen and of the noise.")] = 7,
    speed: Speed = "1",
    shape: Annotated[str, typer.Option(help="Rows x columns of the mapping section.")] = "95x80",
    step: Annotated[float, typer.Option(help="Distance between its points, µm.")] = 2.0,
    prefix: Annotated[str, typer.Option(help="Begin of every PV's name.")] = "sim:",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 5064,
    as_json: Json = False,
) -> None:
    """Serve a simulated station over EPICS Channel Access, on this computer only.

    Prints the prefix of its process variables and the environment that a client needs. Runs until
    interrupted. It takes the place of a real IOC: docs/how-to/connect-to-your-epics.md.
    """
    from operando.ioc.address import Address
    from operando.ioc.process import run_ioc
    from operando.ioc.settings import IocSettings

    settings = IocSettings(
        station=station,
        prefix=prefix,
        seed=seed,
        speed=parse_speed(speed),
        shape=parse_shape(shape),
        step_um=step,
    )
    address = Address.free()
    if port:
        address = Address(port, address.repeater_port)

    begins = [settings.prefix_of(name) for name in settings.stations]

    def ready(number: int) -> None:
        if as_json:
            print_json({"prefixes": begins, "pvs": number, "environment": address.client()})
        else:
            print(f"{number} process variables: {', '.join(f'{begin}...' for begin in begins)}")
            print("a client needs:")
            for key, value in address.client().items():
                print(f"  export {key}={value}")
        sys.stdout.flush()

    run_ioc(settings, address, ready)
