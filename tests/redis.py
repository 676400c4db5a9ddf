"""A Redis of the test's own, on a free port, that can die and come back."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from tests.ports import free_port

PROGRAM = os.environ.get("TEST_REDIS") or "redis-server"


class Redis:
    """Keeps nothing on disk. ``url`` is where it is found, whether it runs or not."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._directory = Path(mkdtemp(prefix="waygps-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._directory)]
        self._process = subprocess.Popen([PROGRAM, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def crash(self) -> None:
        """Kill it without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it for good."""
        self.crash()
        rmtree(self._directory, ignore_errors=True)
