"""Ports that several processes of one server open together."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.trial.unittest import TestCase

from tests.fakes import logged
from tests.ports import free_port
from tests.postgres import until
from waygps.ports import Listener, open_port

HERE = "127.0.0.1"


class Counting(Factory):
    """A process's side of the port: how many connections it got."""

    noisy = False

    def __init__(self) -> None:
        self.connections = 0

    def buildProtocol(self, addr: object) -> Protocol:
        self.connections += 1
        return Protocol()


class Hearing(DatagramProtocol):
    """A process's side of a UDP port."""

    noisy = False

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.heard.append(datagram)


class ListenerTest(TestCase):
    def setUp(self) -> None:
        self.shared = Listener(reactor, HERE, is_shared=True)
        self.alone = Listener(reactor, HERE)
        self.number = free_port()

    def opened(self, port: Any) -> Any:
        """The port, closed after the test."""
        self.addCleanup(port.stopListening)
        return port

    async def test_tcp_shared(self) -> None:
        """Connections to a port that two processes have open are dealt out to both, and none is lost."""
        sides = [Counting(), Counting()]
        for side in sides:
            self.opened(self.shared.tcp(self.number, side))
        for _ in range(64):
            device = await connectProtocol(TCP4ClientEndpoint(reactor, HERE, self.number), Protocol())
            self.addCleanup(device.transport.abortConnection)
        await until(lambda: sum(side.connections for side in sides) == 64, "all connections are accepted")
        assert all(side.connections for side in sides), [side.connections for side in sides]

    async def test_udp_shared(self) -> None:
        """All datagrams of one device come to one process."""
        sides = [Hearing(), Hearing()]
        for side in sides:
            self.opened(self.shared.udp(self.number, side))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for number in range(20):
                device.sendto(b"%d" % number, (HERE, self.number))
        await until(lambda: sum(len(side.heard) for side in sides) == 20, "all datagrams are heard")
        assert sorted(len(side.heard) for side in sides) == [0, 20]

    async def test_one_leaves(self) -> None:
        """When one process closes the port the other serves whoever comes."""
        first, second = Counting(), Counting()
        leaving = self.shared.tcp(self.number, first)
        self.opened(self.shared.tcp(self.number, second))
        closing: Deferred[None] | None = leaving.stopListening()
        if closing is not None:
            await closing
        for _ in range(8):
            device = await connectProtocol(TCP4ClientEndpoint(reactor, HERE, self.number), Protocol())
            self.addCleanup(device.transport.abortConnection)
        await until(lambda: second.connections == 8, "the other has them all")
        assert first.connections == 0

    def test_taken(self) -> None:
        """A port that another program has is an error that names it, shared or not."""
        self.opened(self.alone.tcp(self.number, Counting()))
        for listener in (self.alone, self.shared):
            with logged() as lines:
                port, fault = open_port(lambda listener=listener: listener.tcp(self.number, Counting()), "port x", "change it")  # type: ignore[misc]
            assert (port, fault) == (None, "port x: Address already in use")
            assert lines == ["port x cannot be opened: Address already in use. Stop what uses it, or change it"]

    def test_taken_by_datagrams(self) -> None:
        """So is a UDP port."""
        self.opened(self.alone.udp(self.number, Hearing()))
        for listener in (self.alone, self.shared):
            self.assertRaises(CannotListenError, listener.udp, self.number, Hearing())
