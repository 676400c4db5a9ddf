"""Connections under limits: who is closed when, who is not, and what is written about it."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.fakes import logged
from tests.ingest.watching import OTHER, Device, GuardCase, LineVendor
from waygps.config import Limits
from waygps.fix import Message
from waygps.interfaces import ISession, ISessionFactory, IVendor


class Late(Protocol):
    """A vendor's own protocol that begins its session some time after its first bytes."""

    def dataReceived(self, data: bytes) -> None:
        factory: Any = self.factory
        factory.heard.append((self, data))

    def begin(self, data: bytes, peer: str = "late") -> None:
        """The time has come."""
        factory: Any = self.factory
        factory.sessions.session(peer).submit(Message(device="A", raw=data))


class LateVendor(LineVendor):
    """Its vendor."""

    def factory(self, sessions: ISessionFactory) -> Any:
        self.made = made = cast(Any, Factory.forProtocol(Late))
        made.sessions, made.heard = sessions, []
        return made


@implementer(IHalfCloseableProtocol)
class Half(Protocol):
    """A protocol that goes on when its device has said all it has to say."""

    halves = ""

    def readConnectionLost(self) -> None:  # noqa: N802
        Half.halves += "r"

    def writeConnectionLost(self) -> None:  # noqa: N802
        Half.halves += "w"


class TimeTests(GuardCase):
    def test_says_nothing(self) -> None:
        """A connection that says nothing is closed after the time for its first message, not before; it is counted and said."""
        device = self.device()
        self.wait(59)
        assert not device.is_closed
        with logged() as lines:
            self.wait(21)
        assert device.is_closed
        assert self.gate.cost == {"first_message": 1}
        assert lines == [
            "receiver Lines TCP: 1 connection(s) closed: no device was identified within limits.first_message (60 s); "
            "the latest is of 10.0.0.1"
        ]

    def test_says_nothing_decodable(self) -> None:
        """Bytes that never become a message gain no time, however many they are."""
        device = self.device()
        for _ in range(80):
            device.says(b"x")
            self.wait(1)
        assert device.is_closed

    def test_names_no_device(self) -> None:
        """Messages that name no device gain no time either."""
        device = self.device()
        for _ in range(13):
            device.says(b" 1\n")
            self.wait(5)
        assert device.is_closed
        assert len(self.sessions.made[0].messages) == 13

    def test_reports(self) -> None:
        """A device that reports every few minutes stays connected for hours."""
        device = self.device()
        for _ in range(30):
            device.says(b"A 1\n")
            self.wait(300)
        assert not device.is_closed
        assert self.gate.cost.total() == 0

    def test_falls_silent(self) -> None:
        """A device that falls silent is closed after the idle time, counted from its last message."""
        device = self.device()
        self.wait(50)
        device.says(b"A 1\n")
        self.wait(500)
        device.says(b"A 2\n")
        self.wait(599)
        assert not device.is_closed
        self.wait(21)
        assert device.is_closed
        assert self.gate.cost == {"idle": 1}

    def test_drips_after_a_message(self) -> None:
        """One good message is no licence to hold the connection with bytes for ever."""
        device = self.device()
        device.says(b"A 1\n")
        for _ in range(620):
            device.says(b"x")
            self.wait(1)
        assert device.is_closed

    def test_server_that_cannot_read(self) -> None:
        """While the server reads nobody, because it can store no more, nobody's time passes."""
        device = self.device()
        self.is_deaf = True
        self.wait(1000)
        assert not device.is_closed
        self.is_deaf = False
        self.wait(59)
        assert not device.is_closed
        self.wait(21)
        assert device.is_closed

    def test_peer_that_is_gone(self) -> None:
        """A dead peer that takes not even the end of the connection is cut off, once, and counted once."""
        device = self.device()
        self.wait(65)
        assert device.is_closed
        assert not device.transport.disconnected
        self.wait(10)
        assert device.transport.disconnected
        assert self.gate.cost == {"first_message": 1}

    def test_last_message_of_a_closed_one(self) -> None:
        """What a closed connection left without an end is a message after all: it is stored as ever."""
        device = self.device()
        device.says(b"A 1")
        self.wait(65)
        assert device.is_closed
        device.ends()
        assert [message.raw for message in self.sessions.made[0].messages] == [b"A 1"]
        assert 'device="A" messages=1' in self.journalled()


class NoTimeLimits(GuardCase):
    limits = Limits(first_message=0, idle=0)

    def test_for_ever(self) -> None:
        """With the time limits switched off a silent connection is never closed."""
        silent, known = self.device(), self.device()
        known.says(b"A 1\n")
        self.clock.pump([10] * 1000)
        assert not silent.is_closed
        assert not known.is_closed


class CrowdTests(GuardCase):
    limits = Limits(connections_receiver=3, new_per_second=0)

    def test_refused(self) -> None:
        """A refused connection reaches no vendor's code; when one has ended there is room again."""
        devices = [self.device() for _ in range(4)]
        assert [device.protocol is None for device in devices] == [False, False, False, True]
        assert len(self.sessions.made) == 3
        devices[0].ends()
        assert self.device().protocol is not None
        assert self.gate.open == 3

    def test_said_without_more_to_come(self) -> None:
        """The number of the refused is in the log after a minute although nobody came since."""
        for _ in range(3):
            self.device()
        with logged() as lines:
            for _ in range(5):
                self.device()
            self.wait(80)
        said = [line.partition(":")[2].partition(" refused")[0] for line in lines if " refused" in line]
        assert said == [" 1 connection(s)", " 4 connection(s)"]

    def test_restart_of_a_receiver(self) -> None:
        """A receiver that is opened anew goes on with what is open and what was counted."""
        for _ in range(2):
            self.device()
        self.listen(LineVendor())
        assert [self.device().protocol is None for _ in range(2)] == [False, True]
        assert (self.gate.accepted, self.gate.cost) == (3, {"receiver": 1})

    def test_vendor_with_a_bug(self) -> None:
        """A factory that raises, or makes nothing, takes no place."""
        inner: Any = self.factory._factory  # type: ignore[attr-defined]
        inner.buildProtocol = lambda addr: None
        assert self.device().protocol is None
        inner.buildProtocol = lambda addr: 1 // 0
        self.assertRaises(ZeroDivisionError, self.device)
        assert self.gate.open == 0


class JournalTests(GuardCase):
    def line(self, device: Device, *reason: Failure) -> str:
        """What is written when the device's connection ends."""
        device.ends(*reason)
        return self.journalled().splitlines()[-1].partition(" ")[2]

    def test_line(self) -> None:
        """A connection is a line: from where, as whom, how many messages and bytes, how long, and that the device ended it."""
        device = self.device()
        device.says(b"A 1\nA 2\n")
        self.wait(33)
        assert self.line(device) == (
            'receiver="Lines TCP" peer=10.0.0.1:4711 device="A" messages=2 bytes=8 seconds=33.0 end="closed by the device"'
        )

    def test_ends(self) -> None:
        """The line says who ended the connection, or which limit, or how it broke."""
        garbage, silent, broken = self.device(), self.device(), self.device()
        garbage.says(b"!\n")
        assert self.line(garbage).endswith('end="closed by the server"')
        assert "non-clean fashion" in self.line(broken, Failure(ConnectionLost()))
        self.wait(80)
        assert self.line(silent).endswith('end="first_message"')

    def test_vendor_that_fails_at_the_end(self) -> None:
        """A protocol with a bug in its connectionLost leaves nothing behind: no place is taken, and its line is there."""
        device = self.device()
        device.protocol._protocol.connectionLost = lambda reason: 1 // 0
        self.assertRaises(ZeroDivisionError, device.ends)
        assert self.gate.open == 0
        assert self.journalled().count("\n") == 1


class OddVendors(GuardCase):
    def test_same_vendor(self) -> None:
        """A guarded vendor is the vendor it was, with all that it provides."""
        vendor: Any = self.guard.vendor(LineVendor(), OTHER)
        verifyObject(IVendor, vendor)
        assert (vendor.name, vendor.port) == ("lines", 5000)
        device = self.device()
        verifyObject(IProtocol, device.protocol)
        verifyObject(ISessionFactory, self.guard.ward(OTHER).sessions(self.sessions))

    def test_real_transport(self) -> None:
        """The vendor's protocol has its real transport, which is what answers are written straight into."""
        device = self.device()
        assert device.protocol._protocol.transport is device.transport
        device.says(b"A 1\n")
        session = device.protocol._protocol._session
        verifyObject(ISession, session)
        assert session.peer == "10.0.0.1:4711"
        self.sessions.made[0].answer(0)
        assert device.transport.value() == b"ack 1\n"

    def test_late_session(self) -> None:
        """A protocol that begins its session when nobody can tell whose it is: its devices are not closed while they talk."""
        self.listen(vendor := LateVendor())
        device = self.device()
        device.says(b"1")
        protocol, data = vendor.made.heard[0]
        protocol.begin(data)
        for _ in range(100):
            device.says(b"2")
            self.wait(10)
        assert not device.is_closed
        silent = self.device()
        self.wait(80)
        assert silent.is_closed

    def test_late_session_of_a_known_peer(self) -> None:
        """One that names its peer as the server does is judged by its messages as every other."""
        self.listen(vendor := LateVendor())
        device = self.device()
        device.says(b"1")
        protocol, data = vendor.made.heard[0]
        protocol.begin(data, "10.0.0.1:4711")
        for _ in range(62):
            device.says(b"2")
            self.wait(10)
        assert device.is_closed
        device.ends()
        assert 'device="A" messages=1 bytes=63' in self.journalled()

    def test_half_closed(self) -> None:
        """A protocol that wants to know of the halves of its connection is told."""
        self.factory._factory = Factory.forProtocol(Half)  # type: ignore[attr-defined]
        half = IHalfCloseableProtocol(self.device().protocol)
        half.readConnectionLost()
        half.writeConnectionLost()
        assert Half.halves == "rw"
        assert not IHalfCloseableProtocol.providedBy(Device(LineVendor().factory(self.sessions), "10.0.0.1").protocol)

    def test_protocol_that_was_replaced(self) -> None:
        """A vendor that hands its transport to another protocol, which hears of the end instead, takes no place for ever."""
        device = self.device()
        device.transport.disconnected = True
        self.wait(20)
        assert self.gate.open == 0
        device.protocol.connectionLost()
        assert self.gate.open == 0
        assert self.journalled().count("\n") == 1

    def test_socket_that_failed_at_once(self) -> None:
        """A connection that was gone before it had a transport takes no place for ever, and is no line."""
        self.factory.buildProtocol(self.device().transport.getPeer())
        assert self.gate.open == 2
        self.wait(20)
        assert (self.gate.open, self.journalled()) == (1, "")

    def test_fault_in_a_sweep(self) -> None:
        """One connection that cannot be closed is said, and the others of other receivers are closed all the same."""
        broken = self.device()
        broken.transport.loseConnection = lambda: 1 // 0
        other = Device(self.guard.vendor(LineVendor(), OTHER).factory(self.sessions), "10.0.0.2")
        self.wait(80)
        assert other.is_closed
        assert self.flushLoggedErrors(ZeroDivisionError)
