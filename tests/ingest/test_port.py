"""The TCP port of a receiver, with real sockets: a crowd that comes at once is taken in pieces."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from waygps.ingest.port import ACCEPTED, READ, DevicePort
from waygps.ports import Listener

HERE = "127.0.0.1"


class Noting(Protocol):
    """Notes the sizes of what it gets."""

    def connectionMade(self) -> None:
        factory: Any = self.factory
        factory.made.append(self)

    def dataReceived(self, data: bytes) -> None:
        factory: Any = self.factory
        factory.sizes.append(len(data))


class PortTests(SynchronousTestCase):
    def setUp(self) -> None:
        factory: Any = Factory.forProtocol(Noting)
        self.factory = factory
        self.factory.noisy, self.factory.made, self.factory.sizes = False, [], []
        self.port: Any = Listener(reactor, HERE).tcp(0, self.factory, 1024, DevicePort)
        self.addCleanup(self.port.stopListening)

    def device(self) -> socket.socket:
        """One more that waits to be taken."""
        made = socket.create_connection((HERE, self.port.getHost().port), 10)
        self.addCleanup(made.close)
        return made

    def test_crowd(self) -> None:
        """However many wait, and came before, only so many are taken before everybody else has a turn; then the next ones are."""
        for _ in range(ACCEPTED * 2 + 5):
            self.device()
        self.port.numberAccepts = 1000
        taken = []
        for _ in range(4):
            self.port.doRead()
            taken.append(len(self.factory.made))
        assert taken == [ACCEPTED, ACCEPTED * 2, ACCEPTED * 2 + 5, ACCEPTED * 2 + 5]
        for protocol in self.factory.made:
            protocol.transport.abortConnection()

    def test_much_at_once(self) -> None:
        """A device that sends as much as it can is read piece by piece, and whole."""
        device = self.device()
        device.setblocking(False)
        sent = device.send(bytes(READ * 4))
        self.port.doRead()
        (protocol,) = self.factory.made
        while sum(self.factory.sizes) < sent:
            protocol.transport.doRead()
        assert max(self.factory.sizes) <= READ
        protocol.transport.abortConnection()
