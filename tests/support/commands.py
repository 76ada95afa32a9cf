"""``operando`` in this process: another Python would take seconds to import the same again."""

import json
import sys
from typing import NamedTuple

from operando.cli import main


class Done(NamedTuple):
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str

    def json(self):
        """Return the object that ``--json`` prints last."""
        return json.loads(self.stdout.splitlines()[-1])


def runner(monkeypatch, capfd):
    """Return what runs ``operando`` with some words."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["operando", *map(str, words)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        return Done(status, *capfd.readouterr())

    return run
