"""Devices of other vendors at the port of one: who is recognised, who is served, and what is said of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport, StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from protocols.generic import generic
from protocols.queclink import queclink
from protocols.teltonika import teltonika
from tests.fakes import NOON, FakeSession, FakeSessions, LineDecoder, logged
from waygps.ingest.auto import PATIENCE, datagrams_of
from waygps.ingest.findings import FOREIGN, Findings
from waygps.ingest.foreign import Attentive, Foreign
from waygps.ingest.sniff import MOST_BYTES
from waygps.ingest.strangers import Strangers
from waygps.interfaces import IRecognises, ISessionFactory, IVendor
from waygps.storage.receivers import Receiver
from waygps.vendor import Vendor

LOGIN = b"\0\x0f356307042441013"
LINE = b"IMEI: 7, LAT: 1, LON: 2\n"
REPORT = (
    b"+BUFF:GTFRI,060100,135790246811220,,,00,1,1,4.3,92,70.0,121.354335,31.222073,20090214013254,,,,,,,,20090214093254,11F0$"
)
HERE = ("10.0.0.7", 5000)
PEER = "10.0.0.7:5000"
VENDORS: tuple[IVendor, ...] = (teltonika, queclink, generic)
TEXTS = {
    False: "this device speaks queclink; port 8080 is for teltonika; queclink has port 8081",
    True: "this device speaks queclink; port 8080 is for teltonika; it is served here",
}


def attach(factory: Any) -> None:
    """Let a factory of Teltonika's notice others, as the server's are made; for measuring."""
    findings = Findings(lambda kind, text: None, lambda: 0.0)
    receiver = Receiver(1, "R", "teltonika", 8080, "TCP")
    factory.foreign = Foreign(
        Clock(), receiver, VENDORS, lambda name: FakeSessions(), lambda *_: None, findings, Strangers("R", [findings.stranger])
    )


class OwnFactory(Vendor):
    """A vendor that brings its own Twisted factory."""

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return Factory.forProtocol(Protocol)


class ForeignTest(SynchronousTestCase):
    """A receiver for ``own``; the test says with ``serves`` whether others are served there."""

    own: IVendor = teltonika
    transport = "TCP"

    def setUp(self) -> None:
        self.alerts: list[tuple[str, str]] = []
        self.now = NOON / 1000
        self.findings = Findings(lambda *alert: self.alerts.append(alert), lambda: self.now)
        self.kept: list[tuple[Any, ...]] = []
        self.clock = Clock()
        self.receive(self.own)

    def receive(self, own: IVendor, *vendors: IVendor) -> None:
        """Open a receiver for this vendor among these, or the built-in ones."""
        self.sessions: dict[str, FakeSessions] = {}
        self.receiver = Receiver(1, "Norte", own.name, 8080, self.transport)
        listeners = [self.findings.stranger, lambda *told: self.kept.append(told)]
        self.foreign = Foreign(
            self.clock,
            self.receiver,
            vendors or VENDORS,
            self.of,
            lambda name, transport: {"queclink": 8081, "generic": 8082}.get(name),
            self.findings,
            Strangers("Norte", listeners),
        )
        self.vendor: Any = Attentive(own, self.foreign)
        self.factory: Any = self.vendor.factory(self.of(own.name))

    def serves(self) -> None:
        """The operator allows other vendors."""
        self.foreign.receiver = Receiver(1, "Norte", self.receiver.vendor, 8080, self.transport, others=True)

    def of(self, name: str) -> FakeSessions:
        return self.sessions.setdefault(name, FakeSessions())

    def devices(self) -> dict[str, list[str]]:
        """The devices whose messages were handed in, by the vendor that they were taken for."""
        made = {
            name: [message.device for each in sessions.made for message in each.messages]
            for name, sessions in self.sessions.items()
        }
        return {name: named for name, of in made.items() if (named := [device for device in of if device])}


class StreamTests(ForeignTest):
    def connect(self, *pieces: bytes) -> None:
        """A device connects and sends this."""
        self.transport_ = StringTransport(peerAddress=IPv4Address("TCP", *HERE))
        self.device: Any = self.factory.buildProtocol(self.transport_.getPeer())
        self.device.makeConnection(self.transport_)
        self.send(*pieces)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.device.dataReceived(piece)

    def session(self, name: str) -> FakeSession:
        """The last session of this vendor."""
        return self.of(name).made[-1]

    def test_interfaces(self) -> None:
        """To everybody else the vendor is what it was."""
        assert verifyObject(IVendor, self.vendor)
        assert verifyObject(IRecognises, self.vendor)

    def test_own_device(self) -> None:
        """The receiver's own devices are served as ever, whole or byte by byte, and nothing is said of them."""
        for pieces in ([LOGIN], [bytes([byte]) for byte in LOGIN]):
            with logged() as lines:
                self.connect(*pieces)
                self.session("teltonika").answer(0)
                assert self.transport_.value() == b"\x01"
                self.device.connectionLost()
            assert lines == []
        assert self.devices() == {"teltonika": ["356307042441013"] * 2}
        assert (list(self.findings), self.kept) == ([], [])

    def test_not_served(self) -> None:
        """Another vendor's device is cut off as ever, but the log says whose it is and where it belongs, and so does an alert."""
        with logged() as lines:
            self.connect(REPORT)
        assert self.transport_.disconnecting
        assert f"receiver Norte: {PEER}: {TEXTS[False]}" in lines
        assert [line for line in lines if "cannot be decoded" in line]
        (found,) = self.findings
        assert (found.time, found.receiver, found.transport, found.peer) == (NOON / 1000, "Norte", "tcp", PEER)
        assert (found.vendor, found.score, found.served, found.data) == ("queclink", 1.0, False, REPORT[:64])
        assert self.alerts == [(FOREIGN, f"Norte: {PEER}: {TEXTS[False]}")]
        assert (self.devices(), self.kept) == ({}, [])
        self.device.connectionLost()
        assert [session.ended for session in self.of("teltonika").made] == [1]

    def test_served(self) -> None:
        """Where others are allowed it is served by its own vendor's protocol, which is said too; its account is in order."""
        self.serves()
        with logged() as lines:
            self.connect(REPORT[:20], REPORT[20:])
        assert lines == [f"receiver Norte: {PEER}: {TEXTS[True]}"]
        self.send(REPORT)
        assert self.devices() == {"queclink": ["135790246811220"] * 2}
        session = self.session("queclink")
        session.answer(0)
        session.answer(1)
        assert self.transport_.value() == session.messages[0].reply + session.messages[1].reply != b""
        assert not self.transport_.disconnecting
        self.device.connectionLost()
        assert [session.ended for sessions in self.sessions.values() for session in sessions.made] == [1, 1]
        assert [found.served for found in self.findings] == [True]

    def test_byte_by_byte(self) -> None:
        """However the network cuts what comes first, it is found out whose it is."""
        self.serves()
        for data, name in ((REPORT, "queclink"), (LINE, "generic")):
            self.connect(*[bytes([byte]) for byte in data])
            assert name in self.devices()

    def test_allowed_meanwhile(self) -> None:
        """The permission takes effect for the next connection, without the port being opened anew."""
        self.connect(REPORT)
        assert self.transport_.disconnecting
        self.serves()
        self.connect(REPORT)
        assert self.devices() == {"queclink": ["135790246811220"]}

    def test_decoder_that_skips(self) -> None:
        """At the port of a vendor whose decoder refuses nothing another's device is found out too: when the connection ends, or,
        where it may be served, at once."""
        self.receive(generic)
        with logged() as lines:
            self.connect(LOGIN)
            assert not self.transport_.disconnecting
            self.device.connectionLost()
        text = "this device speaks teltonika; port 8080 is for generic; no receiver of teltonika is open"
        assert lines == [f"receiver Norte: {PEER}: {text}"]
        self.serves()
        self.connect(LOGIN[:5], LOGIN[5:])
        assert self.devices() == {"teltonika": ["356307042441013"]}
        self.device.connectionLost()
        assert [session.ended for sessions in self.sessions.values() for session in sessions.made] == [1, 1, 1]

    def test_answer_that_comes_late(self) -> None:
        """What the own vendor would have answered does not reach a device that is another's."""
        self.receive(generic)
        self.serves()
        self.connect(LOGIN + b"\n")
        assert self.devices() == {"teltonika": ["356307042441013"]}
        self.of("generic").made[0].answer(0)
        assert self.transport_.value() == b""

    def test_much_without_a_device(self) -> None:
        """Beyond some kilobytes nothing is held: what there is then is judged, once."""
        self.receive(generic)
        self.connect(LOGIN, b"\xff" * MOST_BYTES, b"\xff" * MOST_BYTES)
        self.device.connectionLost()
        assert len(list(self.findings)) == 1

    def test_own_device_with_a_fault(self) -> None:
        """A device of the receiver's own vendor that was known is nobody else's, whatever it sends afterwards."""
        self.serves()
        self.connect(LOGIN)
        self.session("teltonika").answer(0)
        with logged() as lines:
            self.send(REPORT)
        assert [line for line in lines if "cannot be decoded" in line] == lines
        assert self.transport_.disconnecting
        assert list(self.findings) == []

    def test_unfinished_login(self) -> None:
        """A connection of its own vendor that breaks before the device is named is no stranger's; nor is a silent one."""
        with logged() as lines:
            for data in (LOGIN[:9], b""):
                self.connect(data)
                self.device.connectionLost()
        assert lines == []
        assert (list(self.findings), self.kept) == ([], [])

    def test_nobody(self) -> None:
        """What is nobody's is cut off with the one line that it had before, and is handed to who keeps such things."""
        for allowed in (False, True):
            self.kept.clear()
            if allowed:
                self.serves()
            with logged() as lines:
                self.connect(b"SSH-2.0-scan\r\n")
                self.clock.advance(PATIENCE)
            assert self.transport_.disconnecting
            assert len(lines) == 1
            (kept,) = self.kept
            assert kept[:4] == ("Norte", PEER, "tcp", b"SSH-2.0-scan\r\n")
        assert self.alerts == []
        assert [found.score < 1 for found in self.findings] == [True, True]

    def test_stranger_at_a_decoder_that_skips(self) -> None:
        """What a lenient decoder makes nothing of is told when the connection ends."""
        self.receive(generic)
        with logged() as lines:
            self.connect(b"\x01\x02\x03")
            self.device.connectionLost()
        assert lines == [f"{PEER} sent what no vendor recognises: 010203"]
        assert [kept[3] for kept in self.kept] == [b"\x01\x02\x03"]

    def test_many(self) -> None:
        """A fleet at the wrong port has one line a host, and one alert in ten minutes; each case is among the findings."""
        with logged() as lines:
            for _ in range(5):
                self.connect(REPORT)
        assert len([line for line in lines if "speaks queclink" in line]) == 1
        assert len(self.alerts) == 1
        assert len(list(self.findings)) == 5
        self.now += 600
        self.connect(REPORT)
        assert len(self.alerts) == 2

    def test_own_factory(self) -> None:
        """A vendor with its own Twisted factory goes on as before."""
        own = OwnFactory(name="own", title="Own", port=1, decoder=lambda *_: LineDecoder())
        self.receive(own, own, *VENDORS)
        self.connect(REPORT)
        assert type(self.device) is Protocol

    def test_stop(self) -> None:
        """A port that is closed stops what it had begun for others, and can be opened again."""
        self.serves()
        self.factory.doStart()
        self.connect(REPORT)
        self.factory.doStop()
        self.factory.doStart()
        self.connect(REPORT)
        assert self.devices() == {"queclink": ["135790246811220"] * 2}
        self.factory.doStop()


class DatagramTests(ForeignTest):
    transport = "UDP"

    def setUp(self) -> None:
        super().setUp()
        self.port = datagrams_of(self.vendor, self.of("teltonika"))
        self.wire = FakeDatagramTransport()
        self.port.makeConnection(self.wire)

    def test_own_device(self) -> None:
        """A datagram of its own vendor is taken, and nothing is said."""
        device = teltonika.encoder("356307042441013", "udp")
        assert device is not None
        with logged() as lines:
            self.port.datagramReceived(device.report(()), HERE)
        assert (self.devices(), lines) == ({"teltonika": ["356307042441013"]}, [])

    def test_not_served(self) -> None:
        """Another vendor's datagram is dropped, and said with where it belongs."""
        with logged() as lines:
            self.port.datagramReceived(REPORT, HERE)
        assert f"receiver Norte: {PEER}: {TEXTS[False]}" in lines
        assert (self.devices(), self.wire.written) == ({}, [])
        assert [(found.vendor, found.transport) for found in self.findings] == [("queclink", "udp")]

    def test_served(self) -> None:
        """Where others are allowed it is stored and answered to where it came from."""
        self.serves()
        with logged() as lines:
            self.port.datagramReceived(LINE, HERE)
            self.port.datagramReceived(LINE, HERE)
        assert len(lines) == 1
        assert self.devices() == {"generic": ["7", "7"]}
        (session,) = [each for each in self.of("generic").made if each.messages][:1]
        session.answer(0)
        assert self.wire.written == [(b"OK\r\n", HERE)]
        self.port.doStop()
        assert [sessions.made[0].ended for sessions in self.sessions.values()] == [1, 1]

    def test_nobody(self) -> None:
        """A datagram of nobody's is dropped with its line, and handed to who keeps such things."""
        self.serves()
        with logged() as lines:
            self.port.datagramReceived(b"\x01\x02", HERE)
        assert len(lines) == 1
        assert self.kept[0][:4] == ("Norte", PEER, "udp", b"\x01\x02")
