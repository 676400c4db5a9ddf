"""Devices that send more than they may: what is slowed, what is dropped, and what is lost, which is nothing."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IPushProducer
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import FakeSession, FakeSessions, LineDecoder, logged
from tests.ingest.watching import UDP, Device, GuardCase, LineVendor
from waygps.config import Limits
from waygps.fix import Message
from waygps.ingest.buckets import Buckets
from waygps.ingest.datagram import DeviceDatagrams
from waygps.interfaces import Answer, ISessionFactory

KIB = 1024
BURST = 64 * KIB
LINE = b"A " + b"x" * 1021 + b"\n"
"""A message of a KiB."""


class BucketsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_each_key(self) -> None:
        """Each has its burst, then its rate, and a pause fills it up again and no further."""
        buckets = Buckets(10, 3, self.clock.seconds, 100)
        assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
        assert buckets.take("b")
        self.clock.advance(0.1)
        assert [buckets.take("a") for _ in range(2)] == [True, False]
        self.clock.advance(3600)
        assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]

    def test_amounts(self) -> None:
        """What is too much now takes nothing; more than the burst goes through when the bucket is full."""
        buckets = Buckets(10, 100, self.clock.seconds, 100)
        assert [buckets.take("a", amount) for amount in (60, 60, 40)] == [True, False, True]
        assert not buckets.take("a", 1000)
        self.clock.advance(10)
        assert buckets.take("a", 1000)

    def test_no_limit(self) -> None:
        """A rate of 0 lets everything through and remembers nobody."""
        buckets = Buckets(0, 1, self.clock.seconds, 100)
        assert all(buckets.take("a", 1000) for _ in range(10))
        assert len(buckets) == 0


class PromptSession(FakeSession):
    """Answers at once."""

    def submit(self, message: Message) -> Deferred[Answer]:
        answered = super().submit(message)
        self.answer(-1)
        return answered


class Prompt(FakeSessions):
    """Makes these."""

    def session(self, peer: str, producer: IPushProducer | None = None) -> FakeSession:
        self.made.append(PromptSession(peer, producer))
        return self.made[-1]


class PaceCase(GuardCase):
    """Messages are stored and answered at once."""

    limits = Limits(bytes_per_second=KIB, bytes_burst=BURST, first_message=0, idle=0)

    def setUp(self) -> None:
        super().setUp()
        self.sessions = Prompt()
        self.listen(LineVendor())

    def is_paused(self, device: Device) -> bool:
        """Whether the server does not read from it."""
        return bool(device.transport.producerState == "paused")

    def sends(self, device: Device, seconds: int) -> int:
        """It sends as fast as it is read, for so long: bytes that were read."""
        before = device.protocol.received
        for _ in range(seconds):
            while not self.is_paused(device):
                device.says(LINE)
            self.wait(1)
        return int(device.protocol.received - before)


class SlowedTests(PaceCase):
    def test_burst(self) -> None:
        """A device that comes back with its backlog is read as fast as it can send, up to the burst."""
        device = self.device()
        for _ in range(64):
            device.says(LINE)
        assert not self.is_paused(device)

    def test_slowed(self) -> None:
        """Beyond it the connection is read no faster than the rate, all of what it sent is a message, and it stays open."""
        device = self.device()
        first = self.sends(device, 1)
        assert BURST < first <= BURST + 2 * KIB
        assert 95 * KIB <= self.sends(device, 100) <= 105 * KIB
        assert len(self.sessions.made[0].messages) == device.protocol.received // KIB
        assert not device.is_closed

    def test_others(self) -> None:
        """Nobody else is slowed meanwhile, not even from the same address."""
        greedy, other = self.device(), self.device()
        self.sends(greedy, 5)
        other.says(LINE)
        assert not self.is_paused(other)

    def test_counted_once(self) -> None:
        """A connection that is slowed is counted and said once, however long that goes on."""
        device = self.device()
        with logged() as lines:
            self.sends(device, 200)
        assert self.gate.cost == {"bytes": 1}
        assert lines == [
            "receiver Lines TCP: 1 connection(s) slowed: more than limits.bytes_per_second (1024) after a burst; "
            "the latest is of 10.0.0.1"
        ]

    def test_has_the_burst_again(self) -> None:
        """After a pause the device has its burst again."""
        device = self.device()
        self.sends(device, 10)
        self.wait(1000)
        assert self.sends(device, 1) >= BURST

    def test_reports_for_years(self) -> None:
        """A device that stays below the rate is never slowed, however much it has sent in all."""
        device = self.device()
        for _ in range(1000):
            device.says(LINE)
            self.wait(2)
        assert self.gate.cost.total() == 0
        assert not self.is_paused(device)

    def test_gone_while_slowed(self) -> None:
        """When the device goes while it is slowed nothing is left to do."""
        device = self.device()
        self.sends(device, 1)
        device.says(LINE * 10)
        assert self.is_paused(device)
        device.ends()
        calls = self.clock.getDelayedCalls()
        assert len(calls) == 1  # the sweep
        self.wait(20)

    def test_store_that_is_full_too(self) -> None:
        """A connection that is held for two reasons is read again only when both are over, whichever ends first."""
        device = self.device()
        producer = self.sessions.made[0].producer
        assert producer is not None
        for first in ("store", "bytes"):
            self.wait(300)
            self.sends(device, 1)
            device.says(LINE * 10)
            producer.pauseProducing()
            if first == "store":
                producer.resumeProducing()
                assert self.is_paused(device)
                self.wait(30)
            else:
                self.wait(30)
                assert self.is_paused(device)
                producer.resumeProducing()
            assert not self.is_paused(device)


class NoLimitTests(PaceCase):
    limits = Limits(bytes_per_second=0, first_message=0, idle=0)

    def test_switched_off(self) -> None:
        """Without the limit nobody is slowed."""
        device = self.device()
        for _ in range(200):
            device.says(LINE * 512)
        assert device.protocol.received == 200 * 512 * KIB
        assert not self.is_paused(device)


class Raw(Protocol):
    """A vendor's own protocol, which has no session, or gives its transport as it is."""

    def connectionMade(self) -> None:
        factory: Any = self.factory
        if factory.sessions:
            factory.sessions.session("raw", self.transport)


class RawVendor(LineVendor):
    """Its vendor; ``sessions`` says whether there are any."""

    def __init__(self, has_sessions: bool) -> None:
        self._has_sessions = has_sessions

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        factory = Factory.forProtocol(Raw)
        factory.sessions = sessions if self._has_sessions else None  # type: ignore[attr-defined]
        return factory


class OtherProtocols(PaceCase):
    def test_slowed(self) -> None:
        """A vendor's own protocol is slowed as well, with a session or without."""
        for has_sessions in (True, False):
            self.listen(RawVendor(has_sessions))
            device = self.device()
            device.says(bytes(BURST + 2 * KIB))
            assert self.is_paused(device)
            self.wait(3)
            assert not self.is_paused(device)


class DatagramsTests(GuardCase):
    limits = Limits(bytes_per_second=KIB, bytes_burst=BURST, datagrams_per_second=10, datagrams_burst=100)

    def setUp(self) -> None:
        super().setUp()
        self.received = FakeSessions()
        inner = DeviceDatagrams(LineDecoder, self.received)
        self.port: DatagramProtocol = self.guard.ward(UDP).datagrams(inner)
        self.transport = FakeDatagramTransport()
        self.port.makeConnection(self.transport)

    def sends(self, count: int, host: str = "10.0.0.1", port: int = 4000, datagram: bytes = b"A 1\n") -> int:
        """So many datagrams from there: how many of them were taken."""
        before = len(self.received.made)
        for _ in range(count):
            self.port.datagramReceived(datagram, (host, port))
        return len(self.received.made) - before

    @property
    def cost(self) -> dict[str, int]:
        """The counters of the UDP receiver."""
        return {str(kind): count for kind, count in self.guard.ward(UDP).gate.cost.items()}

    def test_too_many(self) -> None:
        """An address has its burst of datagrams, whatever ports they come from, then its rate; the others are dropped, counted
        and said once."""
        with logged() as lines:
            assert self.sends(60) == 60
            assert self.sends(60, port=4001) == 40
            assert self.sends(5, host="10.0.0.2") == 5
            self.wait(2)
            assert self.sends(60) == 20
        assert self.cost == {"datagrams": 60}
        assert [line for line in lines if "dropped" in line] == [
            "receiver Lines UDP: 1 datagram(s) dropped: its address sends more than limits.datagrams_per_second (10) "
            "after a burst; the latest is of 10.0.0.1"
        ]

    def test_too_much(self) -> None:
        """A sender has its burst of bytes, then its rate; another device behind the same address is not concerned."""
        large = b"A " + bytes(32 * KIB)
        assert self.sends(3, datagram=large) == 1
        assert self.sends(1, port=4001, datagram=large) == 1
        self.wait(33)
        assert self.sends(3, datagram=large) == 1
        assert self.cost == {"datagram_bytes": 4}

    def test_unanswered(self) -> None:
        """A datagram that is dropped is not answered, so that its device sends it again; one that is taken is."""
        self.sends(101)
        self.received.made[1].answer(0)
        assert len(self.transport.written) == 1

    def test_stop(self) -> None:
        """When the port closes the protocol behind the limits hears of it."""
        self.port.doStop()
        assert self.received.made[0].ended == 1
