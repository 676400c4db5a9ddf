"""Answers written straight into real sockets: what the device gets, in which order, and what happens when it does not read."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.postgres import until
from waygps.ingest.prompt import PromptWriter

clock: Any = reactor
PIECE = bytes(range(256)) * 4096
"""A megabyte: more than any socket takes at once."""


class Side(Protocol):
    """One end of a connection: keeps what it gets."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.made: Deferred[Side] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class OneSide(Factory):
    """Gives the same side to the one connection there is."""

    noisy = False

    def __init__(self, side: Side) -> None:
        self._side = side

    def startedConnecting(self, connector: object) -> None: ...  # noqa: N802

    def clientConnectionLost(self, connector: object, reason: Failure) -> None: ...  # noqa: N802

    def buildProtocol(self, addr: IAddress | None) -> Side:
        return self._side


class PromptTest(TestCase):
    timeout = 20

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.server, self.device = Side(), Side()
        port = clock.listenTCP(0, OneSide(self.server), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        clock.connectTCP("127.0.0.1", port.getHost().port, OneSide(self.device))
        await self.server.made
        await self.device.made
        self.addCleanup(self.end)
        self.writer = PromptWriter(self.server.transport)  # type: ignore[arg-type]

    async def end(self) -> None:
        for side in (self.device, self.server):
            side.transport.abortConnection()  # type: ignore[union-attr]
            await side.lost

    async def test_answer_leaves_at_once(self) -> None:
        """The device has its answer although the server's loop did not turn since."""
        self.writer.write(b"\x00\x00\x00\x01")
        transport: Any = self.device.transport
        transport.socket.setblocking(True)
        assert transport.socket.recv(4) == b"\x00\x00\x00\x01"
        transport.socket.setblocking(False)

    async def test_device_that_does_not_read(self) -> None:
        """A device that reads nothing for a while gets everything in the end, whole and in order, great and small."""
        transport: Any = self.device.transport
        transport.pauseProducing()
        for number in range(8):
            self.writer.write(PIECE)
            self.writer.write(b"%d" % number)
        transport.resumeProducing()
        expected = b"".join(PIECE + b"%d" % number for number in range(8))
        await until(lambda: len(self.device.received) >= len(expected), "everything")
        assert self.device.received == expected

    async def test_close_after_the_answer(self) -> None:
        """An answer and a close right after it: the device gets the answer first."""
        self.writer.write(b"no\n")
        self.server.transport.loseConnection()  # type: ignore[union-attr]
        await self.device.lost
        assert self.device.received == b"no\n"

    async def test_device_that_is_gone(self) -> None:
        """An answer to a device that has hung up meanwhile disturbs nobody, before the server notices and after it."""
        self.device.transport.abortConnection()  # type: ignore[union-attr]
        await self.device.lost
        for _ in range(3):
            self.writer.write(b"ok")
        await self.server.lost
        self.writer.write(b"ok")


class OtherTransports(SynchronousTestCase):
    def test_as_usual(self) -> None:
        """A transport that is no plain TCP connection, such as TLS, is written to in its own way."""
        transport = StringTransport()
        writer = PromptWriter(transport)
        writer.write(b"ack 1\n")
        writer.write(b"ack 2\n")
        assert transport.value() == b"ack 1\nack 2\n"
