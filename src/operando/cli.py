"""The ``operando`` command."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, Any

import typer

from operando import __version__
from operando.allocator import few_arenas
from operando.commands import demo, store
from operando.commands.classify import classify
from operando.commands.dashboard import dashboard
from operando.commands.export import export
from operando.commands.ingest import ingest
from operando.commands.ioc import ioc
from operando.commands.ipython import ipython
from operando.commands.kinetics import kinetics
from operando.commands.lcf import lcf
from operando.commands.regress import regress
from operando.commands.replay import replay
from operando.commands.report import report
from operando.commands.runs import NEGATIVE_NUMBERS, runs, show
from operando.commands.serve import serve
from operando.commands.train import train
from operando.errors import BadInput, OperandoError
from operando.turns import short_turns

app = typer.Typer(
    name="operando",
    help="Experiment control and feedback agents for synchrotron beamlines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(demo.app, name="demo")
app.add_typer(store.app, name="store")
app.command()(classify)
app.command()(dashboard)
app.command(context_settings=NEGATIVE_NUMBERS)(export)
app.command()(ingest)
app.command()(ioc)
app.command()(ipython)
app.command(context_settings=NEGATIVE_NUMBERS)(kinetics)
app.command()(lcf)
app.command()(regress)
app.command(context_settings=NEGATIVE_NUMBERS)(replay)
app.command(context_settings=NEGATIVE_NUMBERS)(report)
app.command()(runs)
app.command()(serve)
app.command(context_settings=NEGATIVE_NUMBERS)(show)
app.command()(train)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"operando {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Experiment control and feedback agents for synchrotron beamlines."""


class _OneLine(logging.Formatter):
    """A message is one line, whatever the names in it: no line is forged, no terminal obeys."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        from operando.confined import printable

        return printable(super().formatMessage(record))


def main() -> None:
    """Run the command line; one clear line and status 2 on bad input."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_OneLine())
    few_arenas()
    short_turns()
    # numexpr, which pyFAI prepares with, ends the process where it can start no thread.
    os.environ.setdefault("NUMEXPR_MAX_THREADS", "1")
    try:
        # A command that ends by typer.Exit has its status returned, not raised.
        status = app(standalone_mode=False)
        if isinstance(status, int) and status:
            sys.exit(status)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except BadInput as error:
        _fail(error, 2)
    except OperandoError as error:
        _fail(error, 1)
    except MemoryError as error:
        _fail(f"there is not enough memory: {error}" if str(error) else "out of memory", 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except Exception as error:
        if str(error) == "can't start new thread":  # Python has no error of its own for it
            _fail(f"there is not enough memory: {error}", 1)
        # click's own usage errors carry their status and a message that names the option.
        if hasattr(error, "format_message"):
            if not error.format_message():  # a bare command group has printed its help
                sys.exit(getattr(error, "exit_code", 2))
            _fail(error.format_message(), getattr(error, "exit_code", 2))
        raise


def _fail(message: Any, status: int) -> None:
    from operando.confined import printable

    print(f"operando: {printable(' '.join(str(message).split()))}", file=sys.stderr)
    sys.exit(status)
