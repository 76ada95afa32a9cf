"""A process that measures maps into a store, one forked child a run, until it is told to end.

Run as a script with the store's folder and a folder for notes. Each line on stdin is a name:
a child is forked that measures a map and writes, in ``<notes>/<name>``, the run's uid and then
one line for each event as soon as the store's writer has taken it. The child's process id goes
to stdout. Forking saves each child the seconds that imports and the making of Tiled's application
take; it is started by the child.
"""

import math
import os
import sys
from pathlib import Path

from bluesky import RunEngine

import operando.store.live_writer  # noqa: F401 - imported before forking
from operando.devices import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.plans.mapping import map_raster
from operando.simulations.clock import Clock
from operando.store import embedded, open_store, uploader
from operando.store.places import Places
from support.echo_source import EchoSource

SHAPE = (25, 40)


def measure(folder: str, notes: Path) -> None:
    """Measure one map into the store in a folder."""
    with open_store(folder, create=False) as store:
        descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        station = simulated_mapping_station(
            EchoSource(), Clock(math.inf), store.frames_dir, DetectorGeometry()
        )
        engine = RunEngine({}, context_managers=[])
        engine.subscribe(store.writer())
        engine.subscribe(lambda name, doc: os.write(descriptor, note(name, doc)))
        engine(map_raster(station, shape=SHAPE, step=2.0, exposure=0.01))


def note(name: str, doc: dict) -> bytes:
    """Return what is to be known of a document, should the process die now."""
    if name == "start":
        return f"{doc['uid']}\n".encode()
    return f"{doc['seq_num']}\n".encode() if name == "event" else b""


def main() -> None:
    """Fork a child for each name on stdin, one at a time."""
    folder, notes = sys.argv[1], Path(sys.argv[2])
    made = embedded.application(Places.of(folder))
    embedded.application = lambda places: made
    # Runs are short here: have them uploaded while they are measured, as long ones are.
    uploader._INTERVAL = 0.2
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            measure(folder, notes / line.strip())
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
