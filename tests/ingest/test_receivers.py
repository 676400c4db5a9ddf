"""The ports that devices connect to, on the real reactor."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import defer, reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.trial.unittest import TestCase

from tests.fakes import FakeSessions, LineDecoder, logged
from tests.ports import free_port
from waygps.ingest.auto import AnyVendor
from waygps.ingest.receivers import ReceiverService
from waygps.interfaces import ISessionFactory
from waygps.ports import Listener
from waygps.storage.receivers import Receiver
from waygps.vendor import Vendor

HERE = "127.0.0.1"


class Hello(Protocol):
    """A vendor's own protocol: it speaks first."""

    def connectionMade(self) -> None:
        self.transport.write(b"hello")  # type: ignore[union-attr]


class Odd(Vendor):
    """A vendor that brings its own Twisted factory."""

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        factory = Factory.forProtocol(Hello)
        factory.noisy = False
        return factory


class Faulty(Vendor):
    """A vendor whose factory has a bug."""

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        raise RuntimeError("a bug in the plugin")


class Heard(Protocol):
    """A device that tells the test what it hears."""

    def __init__(self) -> None:
        self.said: defer.Deferred[bytes] = defer.Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.said.callback(data)


def lines(kind: type[Vendor] = Vendor) -> Vendor:
    """A vendor of the made-up protocol."""
    return kind(name="lines", title="Lines", port=1, decoder=lambda transport, device: LineDecoder())


def taken(kind: socket.SocketKind) -> socket.socket:
    """A port that another program has."""
    taken = socket.socket(socket.AF_INET, kind)
    taken.bind((HERE, 0))
    if kind is socket.SOCK_STREAM:
        taken.listen()
    return taken


class ReceiverTests(TestCase):
    def receiver(
        self, transport: str, port: int = 0, vendor: Vendor | AnyVendor | None = None, name: str = "Lines"
    ) -> ReceiverService:
        """A started receiver, stopped after the test."""
        self.sessions = FakeSessions()
        service = ReceiverService(
            Listener(reactor, HERE), Receiver(1, name, "lines", port, transport), vendor or lines(), self.sessions
        )
        self.addCleanup(service.stopService)
        service.startService()
        return service

    def port(self, service: ReceiverService) -> int:
        port: Any = service._port
        return int(port.getHost().port)

    async def told(self, service: ReceiverService) -> bytes:
        """What a device hears that connects and sends nothing."""
        device = await connectProtocol(TCP4ClientEndpoint(reactor, HERE, self.port(service)), Heard())
        said: bytes = await device.said
        device.transport.abortConnection()
        return said

    def refused(self, transport: str, kind: socket.SocketKind) -> None:
        other = taken(kind)
        self.addCleanup(other.close)
        port = other.getsockname()[1]
        with logged() as log:
            service = self.receiver(transport, port)
        reason = f"receiver Lines: {transport} port {port}: Address already in use"
        assert service.fault == reason
        assert log == [
            f"receiver Lines: {transport} port {port} cannot be opened: Address already in use. Stop what uses it, or change "
            "puerto in configuraciones_receptores or set receivers.ports"
        ]

    def test_transport_that_nobody_speaks(self) -> None:
        """A row that puts TCP devices on an HTTP port is said with what they use, and the port stays closed."""
        with logged() as log:
            service = self.receiver("HTTP", free_port())
        assert service.fault.endswith("lines devices do not use HTTP, but TCP, UDP")
        assert len(log) == 1

    def test_taken_tcp_port(self) -> None:
        """A TCP port that another program has is said by receiver and number, with the remedy, and nothing stops."""
        self.refused("TCP", socket.SOCK_STREAM)

    def test_taken_udp_port(self) -> None:
        """So is a UDP port."""
        self.refused("UDP", socket.SOCK_DGRAM)

    @defer.inlineCallbacks
    def test_the_other_opens(self) -> Any:
        """Beside a taken port the other receiver serves its devices, with a vendor's own protocol here."""
        self.refused("TCP", socket.SOCK_STREAM)
        other = self.receiver("TCP", vendor=lines(Odd))
        assert other.fault == ""
        assert (yield defer.Deferred.fromCoroutine(self.told(other))) == b"hello"

    def test_vendor_with_a_bug(self) -> None:
        """A vendor whose factory raises costs its own receiver, with the reason, and not the server."""
        service = self.receiver("TCP", vendor=lines(Faulty))
        assert "a bug in the plugin" in service.fault
        self.flushLoggedErrors(RuntimeError)

    def any_vendor(self) -> AnyVendor:
        """For a receiver of all vendors, of which there is one."""
        return AnyVendor(reactor, [lines()], lambda name: self.sessions)

    @defer.inlineCallbacks
    def test_datagram(self) -> Any:
        """A device over UDP reaches its decoder and is answered from the port that it sent to."""
        yield self.answered(self.receiver("UDP"))

    @defer.inlineCallbacks
    def test_datagram_of_any_vendor(self) -> Any:
        """So it is on a port of all vendors."""
        yield self.answered(self.receiver("UDP", vendor=self.any_vendor()))

    @defer.inlineCallbacks
    def test_connection_of_any_vendor(self) -> Any:
        """A device that connects to a port of all vendors is answered by its own, and a stranger's connection is closed."""
        service = self.receiver("TCP", vendor=self.any_vendor())
        device = yield connectProtocol(TCP4ClientEndpoint(reactor, HERE, self.port(service)), Heard())
        submitted = self.submitted()
        device.transport.write(b"A 1\n")
        session = yield submitted
        session.answer(0)
        assert (yield device.said) == b"ack 1\n"
        device.transport.abortConnection()
        stranger = yield connectProtocol(TCP4ClientEndpoint(reactor, HERE, self.port(service)), Heard())
        gone: defer.Deferred[None] = defer.Deferred()
        stranger.connectionLost = lambda reason: gone.callback(None)
        stranger.transport.write(b"!\n")
        yield gone

    @defer.inlineCallbacks
    def answered(self, service: ReceiverService) -> Any:
        """A datagram is stored and answered."""
        heard: defer.Deferred[tuple[bytes, Any]] = defer.Deferred()
        device = DatagramProtocol()
        device.datagramReceived = lambda datagram, addr: heard.callback((datagram, addr))  # type: ignore[method-assign]
        udp: Any = reactor
        port = udp.listenUDP(0, device, HERE)
        self.addCleanup(port.stopListening)
        sending: Any = device.transport
        sending.write(b"A 1", (HERE, self.port(service)))
        session = yield self.submitted()
        session.answer(0)
        assert (yield heard) == (b"ack 1\n", (HERE, self.port(service)))

    def submitted(self) -> defer.Deferred[Any]:
        """The first session that a datagram begins, when it has its message."""
        begun: defer.Deferred[Any] = defer.Deferred()
        make = self.sessions.session

        def session(peer: str, producer: Any = None) -> Any:
            made = make(peer, producer)
            reactor.callLater(0, begun.callback, made)
            return made

        self.sessions.session = session  # type: ignore[method-assign]
        return begun

    @defer.inlineCallbacks
    def test_stop_frees_the_port(self) -> Any:
        """After a stop the port is free for the next start."""
        service = self.receiver("TCP")
        port = self.port(service)
        yield service.stopService()
        again = self.receiver("TCP", port)
        assert again.fault == ""
