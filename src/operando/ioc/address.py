"""Where an IOC on this computer is found: ports, and what a client must know."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from operando.errors import BadInput

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Ports of an IOC on the loopback interface.

    Parameters
    ----------
    port : int
        UDP and TCP port of the server.
    repeater_port : int
        UDP port at which it answers clients that look for a repeater.

    Examples
    --------
    >>> Address(5064, 5065).client()["EPICS_CA_ADDR_LIST"]
    '127.0.0.1:5064'
    """

    port: int
    repeater_port: int

    @classmethod
    def free(cls) -> Address:
        """Find ports that nobody uses."""
        return cls(_free_port(), _free_port())

    def client(self) -> dict[str, str]:
        """Return the environment of a client that looks here and nowhere else."""
        return client_environment([self])

    def server(self) -> dict[str, str]:
        """Return the environment of the server itself."""
        return {
            "EPICS_CA_SERVER_PORT": str(self.port),
            "EPICS_CAS_SERVER_PORT": str(self.port),
            "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
            "EPICS_CAS_BEACON_ADDR_LIST": LOOPBACK,
            "EPICS_CAS_BEACON_PORT": str(self.repeater_port),
            "EPICS_CA_REPEATER_PORT": str(self.repeater_port),
            # caproto waits so long for more before it sends; a client that waits pays it each time.
            "CAPROTO_SERVER_HIGH_LOAD_TIMEOUT_SEC": "0.0005",
        }

    def refuse_if_used(self) -> None:
        """Refuse a port that somebody listens at; the server itself would share it.

        Raises
        ------
        BadInput
            If it is in use.
        """
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind((LOOPBACK, self.port))
                except OSError:
                    raise BadInput(
                        f"port {self.port} of {LOOPBACK} is in use; --port 0 finds a free one"
                    ) from None


def client_environment(addresses: Sequence[Address]) -> dict[str, str]:
    """Return the environment of a client that looks at some IOCs and nowhere else."""
    return {
        "EPICS_CA_ADDR_LIST": " ".join(f"{LOOPBACK}:{address.port}" for address in addresses),
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_REPEATER_PORT": str(addresses[0].repeater_port),
    }


def _free_port() -> int:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
    ):
        stream.bind((LOOPBACK, 0))
        port = int(stream.getsockname()[1])
        datagram.bind((LOOPBACK, port))
        return port
