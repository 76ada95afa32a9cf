"""Work handed in chunks to a Dask cluster that is there already, and brought back in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from operando import __version__
from operando.errors import BadInput, OperandoError

#: How long a scheduler may take to answer, s.
PATIENCE_S = 5.0


class Cluster:
    """A Dask cluster.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    address : str
        Of its scheduler, for messages.
    """

    def __init__(self, client: Any, address: str) -> None:
        self.client = client
        self.address = address

    def everywhere(self, thing: Any) -> Any:
        """Give every worker something that all chunks need."""
        return self.client.scatter(thing, broadcast=True, hash=False)

    def submit(self, function: Callable[..., Any], *args: Any, first: bool = False) -> Any:
        """Hand one chunk over.

        Parameters
        ----------
        function : callable
            What is done with it; workers find it by its name.
        *args : object
            Its arguments. What `submit` or `everywhere` returned stands for its result.
        first : bool
            Do it before chunks that were handed over earlier without this.

        Returns
        -------
        distributed.Future
            Workers keep the result as long as this is kept.
        """
        return self.client.submit(function, *args, pure=False, priority=int(first))

    def result(self, chunk: Any) -> Any:
        """Wait for a chunk.

        Raises
        ------
        OperandoError
            If the cluster lost it. What the function raised is raised as it was.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        try:
            return chunk.result()
        except (KilledWorker, FutureCancelledError, CommClosedError) as error:
            raise OperandoError(f"the Dask cluster at {self.address} lost work: {error}") from error

    def results(self, chunks: list[Any]) -> Iterator[Any]:
        """Give what came of chunks, in their order; the list is used up."""
        chunks.reverse()
        while chunks:
            yield self.result(chunks.pop())


@contextmanager
def cluster(address: str) -> Iterator[Cluster]:
    """Connect to a Dask cluster; the scheduler drops what waits when the connection closes.

    Parameters
    ----------
    address : str
        Of the scheduler, like ``tcp://10.0.0.1:8786``.

    Raises
    ------
    BadInput
        If Dask is not installed, nobody answers, or the workers are none or of another version.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise BadInput("--dask needs the extra dask: pip install 'operando[dask]'") from error
    if not address.strip():
        raise BadInput("--dask needs a scheduler's address, like tcp://10.0.0.1:8786")
    # It reports what the caller is told in one line.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        # A client that cannot connect says so again when Python ends; so knock first.
        asyncio.run(_knock(address))
        client = Client(address, timeout=PATIENCE_S, set_as_default=False)
    except Exception as error:  # whatever the words of who is there instead make of it
        raise BadInput(f"no Dask scheduler answers at {address} (--dask): {error}") from error
    reached = Cluster(client, address)
    try:
        _check_workers(reached)
        yield reached
    finally:
        client.close(timeout=PATIENCE_S)


@contextmanager
def counting_bar(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a call ``(done, known so far)`` that shows how far chunks are."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line in a file
    )
    with bars:
        task = bars.add_task(title, total=None)
        yield lambda done, known: bars.update(task, completed=done, total=known)


async def _knock(address: str) -> None:
    from distributed.comm import connect

    comm = await connect(address, timeout=PATIENCE_S)
    await comm.close()


def _version() -> str:
    return __version__


def _check_workers(reached: Cluster) -> None:
    """Refuse workers that would not give the same answers."""
    try:
        versions = set(reached.client.run(_version).values())
    except Exception as error:  # whatever a worker without operando makes of it
        raise BadInput(f"the workers at {reached.address} cannot run operando: {error}") from error
    if not versions:
        raise BadInput(f"the Dask cluster at {reached.address} has no worker")
    if versions != {__version__}:
        others = ", ".join(sorted(versions - {__version__}))
        raise BadInput(
            f"workers at {reached.address} have operando {others}, here it is {__version__}"
        )
