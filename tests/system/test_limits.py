"""Limits of the real program, and the honest device beside those who run into them. Crowds: test_crowds.py."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import ClientConnection

from tests.system.server import Server, ServerCase, receive, until
from waygps.ingest.journal import NAME

PATIENT = 2.0
"""Seconds: a device that waits longer is not served beside the crowd, however busy the machine is."""


class Honest:
    """A device that reports and is answered, and notes how long it waited."""

    def __init__(self, server: Server) -> None:
        self.connection = server.tcp("generic")
        self.waited: list[float] = []

    def reports(self) -> None:
        """One report, up to its acknowledgement."""
        begun = time.monotonic()
        self.connection.sendall(b"IMEI: 350000000000077, LAT: -34.6, LON: -58.4\n")
        assert receive(self.connection, 4) == b"OK\r\n"
        self.waited.append(time.monotonic() - begun)

    def assert_undisturbed(self) -> None:
        """It was answered all the time, and soon; its connection is the first one still."""
        self.reports()
        waited = sorted(self.waited)
        assert waited[len(waited) * 95 // 100] < PATIENT, waited[-5:]
        self.connection.close()


@contextmanager
def crowd(server: Server, size: int) -> Iterator[list[socket.socket]]:
    """So many connections to the same receiver."""
    with ExitStack() as stack:
        yield [stack.enter_context(server.tcp("generic")) for _ in range(size)]


def is_closed(connection: socket.socket) -> bool:
    """Whether the server ended it; what it said before is read over."""
    if not select.select([connection], [], [], 0)[0]:
        return False
    try:
        return connection.recv(1024) == b""
    except ConnectionError:
        return True


class Flood(ServerCase):
    settings = {"LIMITS_NEW_PER_SECOND": "0.5", "LIMITS_NEW_BURST": "20", "LIMITS_CONNECTIONS_ADDRESS": "15"}

    def test_flood(self) -> None:
        """Of a thousand connects from one address the burst comes in, the rest is refused, and the device before them goes on."""
        honest = Honest(self.server)
        honest.reports()
        for _ in range(50):
            for _ in range(20):
                self.server.tcp("generic").close()
            honest.reports()
        honest.assert_undisturbed()
        assert self.server.log().count("opens more than limits.new_per_second (0.5) after a burst") == 1
        until(lambda: 'device="350000000000077"' in (self.server.data_dir / NAME).read_text(), "the honest device's line")
        assert len((self.server.data_dir / NAME).read_text().splitlines()) < 100


class ManyOpen(ServerCase):
    settings = {"LIMITS_CONNECTIONS_ADDRESS": "15"}

    def test_address(self) -> None:
        """An address has its number of connections and not one more; when they end there is room again."""
        honest = Honest(self.server)
        honest.reports()
        with crowd(self.server, 20) as connections:
            until(lambda: sum(is_closed(connection) for connection in connections) == 6, "six to be refused")
            honest.reports()
        assert "limits.connections_address (15) are open from its address" in self.server.log()

        def answered() -> bool:
            with self.server.tcp("generic") as again:
                again.sendall(b"IMEI: 350000000000078, LAT: -34.6, LON: -58.4\n")
                return again.recv(10) == b"OK\r\n"

        until(answered, "room for another device")
        honest.assert_undisturbed()


class OpenFiles(SynchronousTestCase):
    def test_limit(self) -> None:
        """At the limit on open files further devices are closed at once, which browsers are told; those connected report on, the
        web answers, and when some have left there is room again."""
        server = Server({"LIMITS_FIRST_MESSAGE": "12"}, files=300)  # which has it look every three seconds
        self.addCleanup(server.stop)
        server.start()
        assert "300 open files are allowed, 150 of them for devices: less than limits.connections_receiver" in server.log()
        with server.watch(server.token()) as browser:
            json.loads(browser.recv(10))
            honest = Honest(server)
            honest.reports()
            with crowd(server, 200) as connections:
                until(lambda: sum(map(is_closed, connections)) >= 50, "some to be refused")
                honest.reports()
                assert server.is_healthy()
                assert told(browser) == "archivos_agotados"
                assert sum(map(is_closed, connections)) < 100
            assert told(browser) == "archivos_disponibles"
        assert "too many files are open, the rest is kept: limits.reserved_files (200)" in server.log()
        assert "EMFILE" not in server.log()
        with server.tcp("generic") as device:
            device.sendall(b"IMEI: 350000000000078, LAT: -34.6, LON: -58.4\n")
            assert receive(device, 4) == b"OK\r\n"
        honest.assert_undisturbed()


def told(browser: ClientConnection) -> str:
    """The next system_alert that the browser hears of."""
    while True:
        message = json.loads(browser.recv(30))
        if message["type"] == "system_alert":
            return str(message["alert_type"])
