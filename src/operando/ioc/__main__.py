"""An IOC that lives as long as whoever started it: ``python -m operando.ioc SETTINGS``."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from operando.errors import OperandoError
from operando.ioc.address import Address
from operando.ioc.process import run_ioc
from operando.ioc.settings import IocSettings
from operando.simulations.gas_cell import LoadingTruth

#: Time for a client that has let go of its channels to close the connection, s.
LINGER_S = 0.5


def main() -> None:
    """Serve until standard input is closed, which it is when whoever holds it ends."""
    told = json.loads(sys.argv[1])
    values = told["settings"]
    values["shape"] = tuple(values["shape"])
    values["truth"] = None if values["truth"] is None else LoadingTruth(**values["truth"])
    settings = IocSettings(**values)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_ioc(settings, Address(**told["address"]), lambda number: print("ready", flush=True))
    except OperandoError as error:
        print(error, flush=True)
        sys.exit(2)


def _end_with_parent() -> None:
    sys.stdin.read()
    time.sleep(LINGER_S)
    os._exit(0)


if __name__ == "__main__":
    main()
