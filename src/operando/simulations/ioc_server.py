"""The Channel Access server of a soft IOC, on the loopback interface only."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from caproto.asyncio.server import Context

from operando.simulations.soft_ioc import Board

#: A repeater answers a client that registers (24) by a confirmation (17).
_REGISTER, _CONFIRM = 24, 17
LOOPBACK = "127.0.0.1"


class _Repeater(asyncio.DatagramProtocol):
    """Answers clients that register, so that they start no repeater of their own.

    There is one server and its beacons go to nobody else, so there is nothing to repeat.
    """

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if len(data) < 16 or int.from_bytes(data[:2], "big") == _REGISTER:
            answer = _CONFIRM.to_bytes(2, "big") + bytes(10) + socket.inet_aton(address[0])
            self._transport.sendto(answer, address)


class _Server(Context):  # type: ignore[misc]
    """caproto's server, which answers at once."""

    async def tcp_handler(self, client: Any, address: Any) -> None:
        # asyncio leaves Nagle's algorithm on for these sockets: every answer would wait 40 ms.
        connection = client.writer.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await super().tcp_handler(client, address)


async def _serve(boards: Sequence[Board], repeater_port: int, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):  # the site has a repeater
        await loop.create_datagram_endpoint(_Repeater, local_addr=(LOOPBACK, repeater_port))

    async def begin(library: Any) -> None:
        ready()
        await asyncio.gather(*(board.began() for board in boards))

    pvdb = {name: channel for board in boards for name, channel in board.pvdb.items()}
    await _Server(pvdb, [LOOPBACK]).run(startup_hook=begin)


def serve(boards: Sequence[Board], repeater_port: int, ready: Callable[[], None]) -> None:
    """Serve process variables on the loopback interface until interrupted.

    The port is that of ``EPICS_CA_SERVER_PORT``.

    Parameters
    ----------
    boards : sequence of Board
        The process variables.
    repeater_port : int
        Where clients look for a repeater.
    ready : callable
        Called when the server listens.
    """
    logging.getLogger("caproto").setLevel(logging.CRITICAL)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(boards, repeater_port, ready))
