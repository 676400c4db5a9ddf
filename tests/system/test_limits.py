"""Crowds and floods against the real program, and the honest device beside them."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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


def drip(connection: socket.socket) -> None:
    """One byte of a message without end."""
    try:
        connection.sendall(b"I")
    except ConnectionError:
        return  # closed, which is what the test waits for


class SlowLoris(ServerCase):
    settings = {"LIMITS_FIRST_MESSAGE": "4"}

    def test_crowd(self) -> None:
        """Three hundred connections that drip bytes are closed at their time; a device beside them is answered throughout."""
        honest = Honest(self.server)
        with crowd(self.server, 300) as left:

            def all_closed() -> bool:
                nonlocal left
                for connection in left:
                    drip(connection)
                honest.reports()
                left = [connection for connection in left if not is_closed(connection)]
                return not left

            assert not all_closed()
            assert len(left) == 300
            until(all_closed, "the crowd to be closed")
        honest.assert_undisturbed()
        log = self.server.log()
        assert log.count("no device was identified within limits.first_message (4 s)") == 1
        journal = (self.server.data_dir / NAME).read_text()
        assert journal.count('end="first_message"') == 300
        until(lambda: 'device="350000000000077"' in (self.server.data_dir / NAME).read_text(), "the honest device's line")


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


class DeclaredLengths(ServerCase):
    def test_gigabytes(self) -> None:
        """A hundred frames that declare a gigabyte each take no memory to speak of, and are closed at once."""
        honest = Honest(self.server)
        honest.reports()
        before = self.memory()
        hello = b"\x00\x0f" + b"350000000000079"
        for _ in range(100):
            with self.server.tcp("teltonika") as device:
                device.sendall(hello)
                assert receive(device, 1) == b"\x01"
                device.sendall(b"\x00\x00\x00\x00\x40\x00\x00\x00\x08\x01" + bytes(1000))
                until(lambda device=device: is_closed(device), "the connection to be closed")  # type: ignore[misc]
            honest.reports()
        assert self.memory() - before < 20_000
        honest.assert_undisturbed()

    def memory(self) -> int:
        """Kilobytes that the server has in memory."""
        with open(f"/proc/{self.server.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
