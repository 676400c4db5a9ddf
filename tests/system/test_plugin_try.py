"""``waygps plugin try``: the command, with a device on its ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.vendors import LOGIN, POSITION
from tests.ports import free_port
from tests.system.server import CHECKOUT, receive, until
from waygps.cli.plugin_new import render


class TryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="waygps-try-"))
        self.addCleanup(rmtree, self.directory)
        self.file, self.output = self.directory / "acme.py", self.directory / "output"
        self.file.write_text(render("text", "acme"))
        self.port = free_port()
        places = [part for transport in ("tcp", "udp") for part in ("--listen", f"{transport}:127.0.0.1:{self.port}")]
        command = [str(Path(sys.executable).with_name("waygps")), "plugin", "try", str(self.file), *places]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=CHECKOUT, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.says(f"ACME listens on udp 127.0.0.1:{self.port}")

    def says(self, text: str) -> None:
        """Wait until the command printed this."""
        until(lambda: text in self.output.read_text(), f"{text!r} in {self.output.read_text()!r}")

    def device(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def test_live(self) -> None:
        """A device is answered, what it sends is printed; a changed file serves the next connection, not the one that is open."""
        with self.device() as device:
            device.sendall(LOGIN + POSITION)
            assert receive(device, 14) == b"!L*OK\r\n!P*OK\r\n"
            self.says('fix {"device":"350000000000017","time":"2026-11-24T07:30:00.000Z","lat":-34.60372')
            self.file.write_text(render("text", "acme").replace("*OK", "*YES"))
            self.says("is loaded anew")
            device.sendall(LOGIN)
            assert receive(device, 7) == b"!L*OK\r\n"
        with self.device() as device:
            device.sendall(LOGIN)
            assert receive(device, 8) == b"!L*YES\r\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.settimeout(10)
            device.sendto(POSITION.strip(), ("127.0.0.1", self.port))
            assert device.recv(20) == b"!P*YES\r\n"

    def test_what_cannot_be_decoded(self) -> None:
        """The reason and the bytes are printed, the connection ends; the command goes on until it is interrupted."""
        with self.device() as device:
            device.sendall(b"!P,nonsense*00\r\n")
            assert device.recv(10) == b""
        self.says("its checksum is wrong; closing, nothing of it is acknowledged. First bytes: 21502c6e6f")
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0
