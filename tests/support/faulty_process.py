"""A process that forks a child for each ``operando`` command it is sent, and has it go wrong.

Run as a script with the folder of a store and one for notes. Each line on stdin is a JSON object:
``name``, ``words`` of the command, whether it draws ``pictures``, and ``fault``, see
`support.injections`, or null. The child runs
the command line as a user does; what it says is in ``<name>.out`` and ``<name>.err``. In
``<name>.notes`` is what the store's writer has taken, a line a document as soon as it had, and
what the hardware did. The child's process id goes to stdout, and when it has ended its status.
Forking saves each child the seconds that imports and the making of Tiled's application take.
"""

import contextlib
import faulthandler
import importlib
import json
import os
import pickle
import signal
import sys
from functools import partial
from pathlib import Path

import operando.demos.battery as battery_demo
import operando.demos.kinetics as kinetics_demo
import operando.demos.mapping
import operando.live.view
import operando.reporting.page
import operando.store.live_writer
from operando import cli
from operando.commands import replay as replay_command  # noqa: F401
from operando.demos import battery_settings
from operando.devices.gas_cell import GasCell
from operando.devices.potentiostat_driver import PotentiostatDriver
from operando.devices.shutter import Shutter
from operando.devices.stage import Axis
from operando.reporting.keeping import KeptRun
from operando.store import embedded
from operando.store.intake import Intake
from operando.store.places import Places
from support.injections import Injector
from support.notes import Notes

#: The attribute of each device by which it can be told when it is not safe.
HARDWARE = {
    Shutter: ("_open", bool),
    Axis: ("_travel", lambda travel: travel is not None),
    PotentiostatDriver: ("_state", lambda state: state == "running"),
    GasCell: ("_position", lambda position: position != "closed"),
}


def watch_hardware(note):
    """Have every change of a device from safe to unsafe and back noted."""

    def watched(kind, attribute, unsafe):
        assign = kind.__setattr__

        def set_and_note(self, name, value):
            assign(self, name, value)
            if name == attribute:
                which = f"{getattr(self, 'name', kind.__name__)}@{id(self):x}"
                note(f"H {which} {'unsafe' if unsafe(value) else 'safe'}")

        kind.__setattr__ = set_and_note

    for kind, (attribute, unsafe) in HARDWARE.items():
        watched(kind, attribute, unsafe)


def watch_store(note, taken):
    """Have every document noted that the writer has taken; call ``taken`` after it."""
    take = Intake.__call__

    def take_and_note(self, name, doc):
        take(self, name, doc)
        uid = doc["uid"] if name == "start" else doc.get("run_start", "")
        plan = doc.get("plan_name", "") if name == "start" else ""
        numbers = doc.get("seq_num", "")
        parent = doc.get("descriptor", doc.get("uid", ""))
        if name in ("start", "descriptor", "event", "event_page", "stop"):
            note("D " + json.dumps([name, uid, parent, numbers, plan]))
        taken()

    Intake.__call__ = take_and_note


def small_demos(folder):
    """Have the demonstrations measure less than is shown to people."""
    settings = battery_settings.BatteryDemo
    battery_settings.BatteryDemo = partial(settings, reference_repeats=1)
    kinetics_demo.KineticsDemo = partial(kinetics_demo.KineticsDemo, reference_s=5.0)
    measure, path = battery_demo.measure_references, folder / "references.pickle"

    def measured_once(session, demo):
        if not path.exists():
            path.write_bytes(pickle.dumps(measure(session, demo)))
        return pickle.loads(path.read_bytes())

    battery_demo.measure_references = measured_once


def without_pictures():
    """Leave out what is drawn when everything is measured."""
    operando.demos.mapping.draw_map = lambda *given: []
    battery_demo.draw_charge = lambda *given: []
    battery_demo._regression = lambda agent: None
    kinetics_demo.draw_kinetics = kinetics_demo.draw_patterns = lambda *given: ""
    kinetics_demo._audit = lambda record: None
    KeptRun.report = lambda kept, folder, agents: None


def run(folder, task):
    """Be the child: run one command."""
    notes = Notes(folder / f"{task['name']}.notes")
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    for number, kind in ((1, "out"), (2, "err")):
        path = folder / f"{task['name']}.{kind}"
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdin = open(0, closefd=False)
    # As from a terminal: what a shell starts in the background is deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.register(signal.SIGUSR1, open(folder / f"{task['name']}.hang", "w"))  # who asks
    os.environ["OPERANDO_TRIAL"] = task["name"]
    injector = Injector(task["fault"], notes, enter=lambda: os.write(writing, b"\n"))
    watch_hardware(notes)
    watch_store(notes, injector.taken)
    if not task["pictures"]:
        without_pictures()
    sys.argv = ["operando", *task["words"]]
    injector.begin()
    try:
        cli.main()
    finally:
        if not (folder / "modules").exists():
            (folder / "modules").write_text("\n".join(sys.modules))


def import_what_was_imported(path):
    """Import what the first child did, so that no other has to."""
    if path.exists():
        for name in set(path.read_text().split()) - set(sys.modules):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def main():
    """Fork a child for each task on stdin, one at a time."""
    store, folder = Path(sys.argv[1]), Path(sys.argv[2])
    real, made = embedded.application, embedded.application(Places.of(store))
    usual = Places.of(store).root

    def application(places, **options):
        return made if places.root == usual and not options else real(places, **options)

    embedded.application = application
    small_demos(folder)
    print("ready", flush=True)
    for line in sys.stdin:
        import_what_was_imported(folder / "modules")
        child = os.fork()
        if child == 0:
            run(folder, json.loads(line))
            return
        print(child, flush=True)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(status, flush=True)


if __name__ == "__main__":
    main()
