"""A port for the devices of every vendor: what comes first is held back, and handed to the vendor's own protocol."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.fakes import FakeSessions, LineDecoder, logged
from tests.ingest.exchanging import a_vendor, get, heard
from waygps.ingest.auto import PATIENCE, QUIET, AnyVendor
from waygps.interfaces import ISessionFactory, IVendor, Transport, Verdict
from waygps.vendor import Vendor

LOGIN = b"\0\x0f356307042441013"
LINE = b"IMEI: 7, LAT: 1, LON: 2\n"
REPORT = (
    b"+BUFF:GTFRI,060100,135790246811220,,,00,1,1,4.3,92,70.0,121.354335,31.222073,20090214013254,,,,,,,,20090214093254,11F0$"
)
HERE = ("10.0.0.7", 5000)


class Greeter(Protocol):
    """A vendor's own protocol, which keeps what it hears."""

    def connectionMade(self) -> None:
        self.heard = [f"from {self.transport.getPeer().host}"]  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data.decode())

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.heard.append("lost")


class Own(Vendor):
    """A vendor that brings its own Twisted factory, which counts its starts and stops."""

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        self.made: list[Greeter] = []
        self.told: list[str] = []
        factory = Factory()
        factory.noisy = False
        factory.startFactory = lambda: self.told.append("start")  # type: ignore[method-assign]
        factory.stopFactory = lambda: self.told.append("stop")  # type: ignore[method-assign]
        factory.buildProtocol = self.build  # type: ignore[method-assign, assignment]
        return factory

    def build(self, address: Any) -> Greeter:
        self.made.append(Greeter())
        return self.made[-1]


class Faulty(Vendor):
    """A vendor whose factory has a bug."""

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        raise RuntimeError("a bug in the plugin")


def vendor(kind: type[Vendor], name: str, start: bytes = b"") -> Any:
    """A vendor whose devices begin with ``start``."""

    def recognises(data: bytes, transport: Transport) -> Verdict:
        if data.startswith(start):
            return Verdict.YES
        return Verdict.MORE if start.startswith(data) else Verdict.NO

    decoder: Any = lambda transport, device: LineDecoder()  # noqa: E731
    return kind(name=name, title=name, port=1, decoder=decoder, recognises=recognises if start else None)


class AutoTest(SynchronousTestCase):
    vendors: tuple[IVendor, ...] = (teltonika, queclink, generic)

    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions: dict[str, FakeSessions] = {}

    def any_vendor(self, *vendors: IVendor) -> AnyVendor:
        """All of these, or of the built-in ones."""
        return AnyVendor(self.clock, vendors or self.vendors, lambda name: self.sessions.setdefault(name, FakeSessions()))

    def devices(self) -> dict[str, list[str]]:
        """The devices whose messages were handed in, by the vendor that they were taken for; ports of UDP apart."""
        made = {name: [each for each in sessions.made if each.messages] for name, sessions in self.sessions.items()}
        return {name: [message.device for session in of for message in session.messages] for name, of in made.items() if of}


class StreamTests(AutoTest):
    def connect(self, *vendors: IVendor) -> None:
        self.factory = self.any_vendor(*vendors).unguarded()
        self.factory.doStart()
        self.join()

    def join(self) -> None:
        """One more device on the same port."""
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", *HERE))
        self.device = self.factory.buildProtocol(self.transport.getPeer())
        self.device.makeConnection(self.transport)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.device.dataReceived(piece)

    def test_each_vendor(self) -> None:
        """A connection is its vendor's from the first byte on, however the network cuts it, and answered as on its own port."""
        for name, data, device in (
            ("teltonika", LOGIN, "356307042441013"),
            ("queclink", REPORT, "135790246811220"),
            ("generic", LINE, "7"),
        ):
            for pieces in ([data], [bytes([byte]) for byte in data]):
                self.sessions.clear()
                self.connect()
                self.send(*pieces)
                assert self.devices() == {name: [device]}
                session = self.sessions[name].made[0]
                session.answer(0)
                assert self.transport.value() == session.messages[0].reply != b""
                assert session.peer == "10.0.0.7:5000"

    def test_what_follows(self) -> None:
        """What a recognised device goes on to send is handed on, also when it resembles another vendor's."""
        self.connect()
        self.send(LINE[:10], LINE[10:] + LINE, REPORT + b"\n")
        assert list(self.devices()) == ["generic"]
        assert [message.device for message in self.sessions["generic"].made[0].messages] == ["7", "7", "7"]

    def test_http(self) -> None:
        """A connection that begins with a request line is served by the vendor whose request it is, however it is cut."""
        data = get("b?d=7")
        for pieces in ([data], [bytes([byte]) for byte in data]):
            self.sessions.clear()
            self.connect(teltonika, queclink, generic, a_vendor("one", "/a"), a_vendor("two", "/b"))
            self.send(*pieces)
            assert self.devices() == {"two": ["7"]}
            (session,) = [made for made in self.sessions["two"].made if made.messages]
            session.answer(0)
            assert [(answer.status, answer.body) for answer in heard(self.transport.value())] == [(200, b"[7]")]
            assert session.peer == "10.0.0.7:5000"
            self.device.connectionLost()
            assert session.ended == 1
            assert self.clock.getDelayedCalls() == []

    def test_http_of_nobody(self) -> None:
        """A request that no vendor claims is answered 400; without a vendor that speaks HTTP it is a stranger's."""
        self.connect(generic, a_vendor("one", "/a"))
        self.send(get("robots.txt"))
        assert [answer.status for answer in heard(self.transport.value())] == [400]
        self.connect(generic)
        self.send(get("robots.txt"))
        assert self.transport.value() == b""
        assert self.transport.disconnecting

    def test_beside_http(self) -> None:
        """Devices of all other vendors are theirs beside vendors that speak HTTP."""
        for data, name in ((LOGIN, "teltonika"), (REPORT, "queclink"), (LINE, "generic")):
            self.sessions.clear()
            self.connect(teltonika, queclink, generic, a_vendor())
            self.send(data)
            assert list(self.devices()) == [name]

    def test_own_protocol(self) -> None:
        """A vendor's own factory is started and stopped with the port, and its protocol sees the connection as its own."""
        own = vendor(Own, "own", b"@@")
        self.connect(own, generic)
        self.send(b"@", b"@7", b"8")
        self.device.connectionLost()
        self.factory.doStop()
        assert own.made[0].heard == ["from 10.0.0.7", "@@7", "8", "lost"]
        assert own.told == ["start", "stop"]
        assert self.clock.getDelayedCalls() == []

    def test_faulty_factory(self) -> None:
        """A vendor whose factory raises is not served, and the others are."""
        self.connect(vendor(Faulty, "faulty", b"@@"), generic)
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        self.send(LINE)
        assert self.devices() == {"generic": ["7"]}

    def test_nobody(self) -> None:
        """What no vendor recognises ends the connection at once, with one line a host that has the first bytes."""
        with logged() as lines:
            self.connect()
            for _ in range(3):
                self.join()
                self.send(b"SSH-2.0-scan\r\n", b"more")
                assert self.transport.disconnecting
        assert lines == [f"10.0.0.7:5000 sent what no vendor recognises: {b'SSH-2.0-scan'.hex()}0d0a"]
        assert self.devices() == {}
        assert self.transport.value() == b""

    def test_two_vendors(self) -> None:
        """What two vendors claim is neither's, and the log names both."""
        with logged() as lines:
            self.connect(vendor(Own, "one", b"@"), vendor(Own, "two", b"@"))
            self.send(b"@")
        assert lines == ["10.0.0.7:5000 sent what may be of one or two: 40"]
        assert self.transport.disconnecting

    def test_device_that_waits(self) -> None:
        """A device that waits for its answer has it after a moment, though another vendor would see more bytes first."""
        one = vendor(Own, "one", b"@")
        self.connect(one, vendor(Own, "two", b"@x@"))
        self.send(b"@")
        self.clock.advance(QUIET * 0.8)
        self.send(b"x")
        assert one.made == []
        self.clock.advance(QUIET * 0.4)
        assert one.made[0].heard[1:] == ["@x"]

    def test_silence(self) -> None:
        """A connection that says nothing, or not enough, is closed in time, with a line only where there was something."""
        for said, told in ((b"", 0), (b"IME", 1)):
            with logged() as lines:
                self.connect()
                self.send(said)
                self.clock.advance(PATIENCE * 0.9)
                assert not self.transport.disconnecting
                self.clock.advance(PATIENCE * 0.2)
            assert self.transport.disconnecting
            assert len(lines) == told

    def test_line_without_its_end(self) -> None:
        """A report whose end is the connection's is stored, as on the vendor's own port."""
        self.connect()
        self.send(LINE.rstrip())
        assert self.devices() == {}
        self.device.connectionLost()
        assert self.devices() == {"generic": ["7"]}
        assert [session.ended for session in self.sessions["generic"].made] == [1]

    def test_lost_too_early(self) -> None:
        """A connection that is lost before it has shown whose it is leaves nothing behind."""
        for said in (b"", b"IMEI: 7,"):
            self.connect()
            self.send(said)
            self.device.connectionLost()
        assert self.devices() == {}
        assert self.clock.getDelayedCalls() == []


class DatagramTests(AutoTest):
    def setUp(self) -> None:
        super().setUp()
        self.port = self.any_vendor().datagrams()
        self.transport = FakeDatagramTransport()
        self.port.makeConnection(self.transport)

    def test_each_vendor(self) -> None:
        """Each datagram of one port is taken by its vendor, and answered to where it came from."""
        packet = teltonika.encoder("350000000000001", "udp")
        assert packet is not None
        self.port.datagramReceived(packet.report(()), HERE)
        self.port.datagramReceived(REPORT, HERE)
        self.port.datagramReceived(LINE.rstrip(), HERE)
        assert self.devices() == {"teltonika": ["350000000000001"], "queclink": ["135790246811220"], "generic": ["7"]}
        (session,) = [each for each in self.sessions["generic"].made if each.messages]
        session.answer(0)
        assert self.transport.written == [(b"OK\r\n", HERE)]

    def test_nobody(self) -> None:
        """A datagram that nobody recognises is dropped, with one line a host."""
        with logged() as lines:
            for _ in range(3):
                self.port.datagramReceived(b"\x01\x02", HERE)
        assert lines == ["10.0.0.7:5000 sent what no vendor recognises: 0102"]
        assert self.devices() == {}

    def test_pause_and_stop(self) -> None:
        """While the store takes nothing more, datagrams are dropped as on a vendor's own port; a stop ends every account."""
        for sessions in self.sessions.values():
            sessions.made[0].producer.pauseProducing()  # type: ignore[union-attr]
        self.port.datagramReceived(LINE, HERE)
        assert self.devices() == {}
        self.port.doStop()
        assert [sessions.made[0].ended for sessions in self.sessions.values()] == [1, 1, 1]
