"""How many devices a receiver may have, and a receiver's own limits."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import LineDecoder, logged
from tests.ingest.watching import TCP, UDP, GuardCase, LineVendor
from waygps.config import Limits
from waygps.ingest.datagram import DeviceDatagrams
from waygps.ingest.devices import Devices
from waygps.ingest.terms import terms
from waygps.interfaces import Answer, ISession, ISessionFactory, Outcome

REFUSED = Answer(b"no\n", close=True, outcome=Outcome.REFUSED)


class CountTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.devices = Devices(self.clock.seconds)
        self.devices.most = 2

    def test_connections(self) -> None:
        """A device is counted once however many connections it has, until the last one ends."""
        assert [self.devices.enter(name) for name in ("A", "A", "B", "C", "A")] == [True, True, True, False, True]
        for _ in range(2):
            self.devices.leave("A")
        assert not self.devices.enter("C")
        self.devices.leave("A")
        assert self.devices.enter("C")
        assert len(self.devices) == 2

    def test_datagrams(self) -> None:
        """A device that has no connection is counted for so long after it was heard last."""
        assert [self.devices.hear(name) for name in ("A", "B", "C")] == [True, True, False]
        self.clock.advance(50)
        assert self.devices.hear("A")
        self.clock.advance(20)
        self.devices.forget(60)
        assert self.devices.hear("C")
        assert not self.devices.hear("B")


class ConnectedTests(GuardCase):
    limits = Limits(devices_receiver=2, new_per_second=0)

    def reports(self, *names: str) -> list[bytes]:
        """A device each connects and reports, and is accepted if it may come in: what each hears."""
        self.online = [self.device() for _ in names]
        for device, name in zip(self.online, names, strict=True):
            device.says(f"{name} 1\n".encode())
            session = self.sessions.made[-len(names) + self.online.index(device)]
            if session.messages:
                session.answer(0)
        return [device.transport.value() for device in self.online]

    def test_one_too_many(self) -> None:
        """A device more than there may be hears the refusal of its protocol, its connection ends, and nothing of it is stored."""
        with logged() as lines:
            assert self.reports("A", "B", "C") == [b"ack 1\n", b"ack 1\n", b"no\n"]
        assert [device.is_closed for device in self.online] == [False, False, True]
        assert self.sessions.made[2].messages == []
        assert self.gate.cost == {"devices": 1}
        assert lines == [
            "receiver Lines TCP: 1 message(s) refused: limits.devices_receiver (2) are there; the latest is of 10.0.0.1"
        ]

    def test_in_one_piece(self) -> None:
        """Several messages that come together with the first are refused with it."""
        self.reports("A", "B")
        device = self.device()
        device.says(b"C 1\nC 2\n")
        assert self.sessions.made[2].messages == []

    def test_room_again(self) -> None:
        """When one has left another may come; one that comes again while its old connection is open needs no room."""
        self.reports("A", "B")
        assert self.reports("A") == [b"ack 1\n"]
        self.online[0].ends()
        assert self.reports("C") == [b"no\n"]

    def test_leaves(self) -> None:
        """A device that hangs up gives its place to the next one."""
        for name in "ABCDE":
            assert self.reports(name) == [b"ack 1\n"]
            self.online[0].ends()

    def test_gateway(self) -> None:
        """The devices of a gateway are counted each, and all are gone with its connection."""
        gateway = self.device()
        gateway.says(b"A 1\nB 1\nA 2\nB 2\n")
        assert len(self.sessions.made[0].messages) == 4
        assert self.reports("C") == [b"no\n"]
        gateway.ends()
        assert self.reports("C", "D") == [b"ack 1\n", b"ack 1\n"]

    def test_not_a_device_of_ours(self) -> None:
        """Who is refused for another reason takes no place."""
        for name in (b"X", b"Y", b"Z"):
            stranger = self.device()
            stranger.says(name + b" 1\n")
            self.sessions.made[-1].answer(0, REFUSED)
        assert self.reports("A", "B") == [b"ack 1\n", b"ack 1\n"]

    def test_no_limit(self) -> None:
        """With the limit switched off any number comes in."""
        self.guard.ward(replace(TCP, most_devices=0))
        assert set(self.reports(*map(str, range(100)))) == {b"ack 1\n"}
        for device in self.online:
            device.ends()


class DatagramTests(GuardCase):
    limits = Limits(devices_receiver=2, idle=600)

    def setUp(self) -> None:
        super().setUp()
        ward = self.guard.ward(UDP)
        self.port: DatagramProtocol = ward.datagrams(DeviceDatagrams(LineDecoder, ward.passing(self.sessions)))
        self.transport = FakeDatagramTransport()
        self.port.makeConnection(self.transport)

    def sends(self, line: bytes, answer: Answer | None = None) -> bytes:
        """A datagram, and what its device hears."""
        self.transport.written.clear()
        self.port.datagramReceived(line, ("10.0.0.1", 4000))
        session = self.sessions.made[-1]
        if session.messages:
            session.answer(0, answer)
        return b"".join(data for data, _ in self.transport.written)

    def test_one_too_many(self) -> None:
        """Over UDP too a device more than there may be hears the refusal, until another one was silent for long enough."""
        assert [self.sends(line) for line in (b"A 1", b"B 1", b"C 1", b"A 2")] == [b"ack 1\n", b"ack 1\n", b"no\n", b"ack 2\n"]
        assert self.guard.ward(UDP).gate.cost == {"devices": 1}
        self.wait(400)
        self.sends(b"A 3")
        self.wait(220)
        assert [self.sends(line) for line in (b"C 2", b"B 2")] == [b"ack 2\n", b"no\n"]

    def test_not_a_device_of_ours(self) -> None:
        """Datagrams of devices that are not accepted fill no place."""
        for name in (b"X 1", b"Y 1", b"Z 1"):
            assert self.sends(name, REFUSED) == b"no\n"
        assert self.sends(b"A 1") == b"ack 1\n"

    def test_garbage(self) -> None:
        """Datagrams that cannot be decoded are counted; of a flood of them not each one is in the log."""
        with logged() as lines:
            for _ in range(500):
                self.sends(b"!")
        assert self.guard.ward(UDP).gate.cost == {"undecodable": 500}
        assert len([line for line in lines if "a line begins with !" in line]) == 10
        assert len([line for line in lines if "datagrams dropped, that cannot be decoded" in line]) == 1

    def test_interfaces(self) -> None:
        """A vendor gets what it knows."""
        sessions = self.guard.ward(UDP).passing(self.sessions)
        verifyObject(ISessionFactory, sessions)
        verifyObject(ISession, sessions.session("10.0.0.1:4000"))


class UndecodableTests(GuardCase):
    def test_counted(self) -> None:
        """A connection whose bytes cannot be decoded, be it for a frame that is too long, is counted by its receiver."""
        device = self.device()
        device.says(b"!\n")
        assert device.is_closed
        assert self.gate.cost == {"undecodable": 1}


class OwnLimits(GuardCase):
    limits = Limits(new_per_second=0)

    def test_names(self) -> None:
        """The log names what an operator can change: the column where the receiver has a limit of its own, or the setting."""
        limits, names = terms(Limits(idle=60), replace(TCP, most_connections=5, idle=30))
        assert (limits.connections_receiver, limits.idle, limits.devices_receiver) == (5, 30, 100_000)
        assert names["receiver"] == "max_conexiones of the receiver (5)"
        assert names["idle"] == "timeout of the receiver (30 s)"
        assert names["devices"] == "limits.devices_receiver (100000)"
        assert terms(Limits(idle=60), None)[1]["idle"] == "limits.idle (60 s)"

    def test_takes_effect_at_once(self) -> None:
        """A receiver's own limits go before the configuration's from the moment they are in the table, for the connected too."""
        devices = [self.device() for _ in range(3)]
        for device in devices:
            device.says(b"A 1\n")
        ward = self.guard.ward(replace(TCP, most_connections=3, idle=100, name="Norte"))
        with logged() as lines:
            assert self.device().protocol is None
        assert lines[0].startswith("receiver Norte: 1 connection(s) refused: max_conexiones of the receiver (3) are open")
        self.wait(121)
        assert all(device.is_closed for device in devices)
        assert 'receiver="Norte"' not in self.journalled()
        devices[0].ends()
        assert 'receiver="Norte"' in self.journalled()
        ward.allow(TCP)
        assert self.device().protocol is not None

    def test_two_of_one_name(self) -> None:
        """Two receivers of one name have their own limits each."""
        other = replace(TCP, id=9, most_connections=1)
        self.guard.vendor(LineVendor(), other)
        assert self.device().protocol is not None
        assert self.device().protocol is not None

    def test_none_at_all(self) -> None:
        """A receiver may have no limit where the configuration has one."""
        self.guard.ward(replace(TCP, idle=0))
        device = self.device()
        device.says(b"A 1\n")
        self.clock.pump([10] * 1000)
        assert not device.is_closed
