"""A peer in a process of its own: a line of JSON each way.

So a peer that is licensed otherwise, needs another environment or leaves threads behind stays out
of the table's process, and its start is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self


class PeerProcess:
    """A script of this folder that answers every line of its stdin with one of stdout.

    Parameters
    ----------
    script : str
        Its name.
    *words : str
        Its arguments.
    python : str
        The interpreter that has the peer.
    """

    def __init__(self, script: str, *words: str, python: str = sys.executable) -> None:
        self._script = script
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name(script)), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def ask(self, question: Any) -> Any:
        """Put a question and wait for the answer.

        Raises
        ------
        RuntimeError
            If the process has ended; what it said is on stderr.
        """
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{self._script} ended with status {self._process.wait()}")
        return json.loads(line)
