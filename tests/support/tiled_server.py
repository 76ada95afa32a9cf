"""The store as a Tiled server, in a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import httpx

READ_KEY, WRITE_KEY = "readreadreadread0", "writewritewritewrite0"
ENVIRONMENT = {**os.environ, "OPERANDO_READ_KEY": READ_KEY, "OPERANDO_WRITE_KEY": WRITE_KEY}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A real server in a process of its own."""

    def __init__(self, folder, frames, port):
        self.address = f"http://127.0.0.1:{port}"
        words = ["serve", "--store", folder, "--readable", frames, "--port", port]
        code = "from operando.cli import main; main()"
        self.command = [sys.executable, "-c", code, *map(str, words)]
        self.process = None

    def __enter__(self):
        """Start it and wait until it answers."""
        self.start()
        try:
            self.wait()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self.process = subprocess.Popen(self.command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)

    def answers(self):
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/api/v1/").status_code == 200
        return False

    def wait(self):
        deadline = time.monotonic() + 240
        while not self.answers():
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.1)
