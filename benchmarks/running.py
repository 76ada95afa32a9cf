"""Run families of rows, each in a process of its own, and keep going when one fails."""

from __future__ import annotations

import importlib
import multiprocessing
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection

from benchmarks.row import Row, Settings, progress

PACKAGE = "benchmarks.rows"


def run(name: str, settings: Settings) -> Iterator[Row]:
    """Give the rows of one family, and one that says so if it raised or its process died."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, f"{PACKAGE}.{name}", settings))
    process.start()
    sender.close()
    try:
        yield from _received(receiver)
        process.join()
        if process.exitcode:
            yield failed(name, f"its process ended with status {process.exitcode}")
    finally:
        receiver.close()
        if process.is_alive():
            process.terminate()
            process.join()


def _received(receiver: Connection) -> Iterator[Row]:
    while True:
        try:
            row: Row = receiver.recv()
        except EOFError:
            return
        yield row


def _send(sender: Connection, module: str, settings: Settings) -> None:
    try:
        for row in importlib.import_module(module).rows(settings):
            sender.send(row)
    except Exception as error:
        progress(traceback.format_exc(limit=-8, chain=False))
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sender.send(failed(module.rpartition(".")[2], reason))


def failed(name: str, why: str) -> Row:
    """Make the row of a family that came to an end before its time."""
    return Row(name, "", remark=why, status="failed")
