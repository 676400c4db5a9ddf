"""A guarded receiver for tests: any vendor's factory, in-memory connections from any address, and a clock."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.fakes import FakeSessions, LineDecoder
from waygps.config import Limits
from waygps.ingest.files import Files
from waygps.ingest.guard import Guard
from waygps.ingest.journal import NAME, Journal
from waygps.ingest.limits import Gate
from waygps.ingest.stream import StreamFactory
from waygps.interfaces import ISessionFactory, IVendor
from waygps.storage.receivers import Receiver

TCP = Receiver(1, "Lines TCP", "lines", 5000, "TCP")
UDP = Receiver(2, "Lines UDP", "lines", 5000, "UDP")
OTHER = Receiver(3, "other", "lines", 5001, "TCP")


@implementer(IVendor)
class LineVendor:
    """LineDecoder's vendor."""

    name, title, maker, transports, port, active = "lines", "Lines", "Tests", ("tcp", "udp"), 5000, True

    def decoder(self, transport: str, device: str = "") -> LineDecoder:
        return LineDecoder()

    def encoder(self, device: str, transport: str) -> None:
        return None

    def factory(self, sessions: ISessionFactory) -> IProtocolFactory:
        return StreamFactory(LineDecoder, sessions)


class DeviceTransport(StringTransport):
    """A connection whose end the test decides about, as the network does."""

    def __init__(self, host: str) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, 4711))
        self.disconnected = False


class Device:
    """One device on the guarded receiver; ``transport`` is None where it was refused."""

    def __init__(self, factory: IProtocolFactory, host: str) -> None:
        self.protocol: Any = factory.buildProtocol(IPv4Address("TCP", host, 4711))
        self.transport: Any = None
        if self.protocol is not None:
            self.transport = DeviceTransport(host)
            self.protocol.makeConnection(self.transport)

    def says(self, data: bytes) -> None:
        """Bytes arrive."""
        self.protocol.dataReceived(data)

    def ends(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.transport.disconnected = True
        self.protocol.connectionLost(reason)

    @property
    def is_closed(self) -> bool:
        """Whether the server closed it."""
        return bool(self.transport.disconnecting)


class GuardCase(SynchronousTestCase):
    """``self.listen(vendor)`` is a receiver under ``limits``, swept every ten seconds."""

    limits = Limits(first_message=60, idle=600)
    receiver = TCP

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.journal = Path(directory.name) / NAME
        self.clock, self.sessions, self.is_deaf = Clock(), FakeSessions(), False
        journal = Journal(Path(directory.name), self.clock.seconds)
        self.lowest, self.alerts = 100, list[str]()
        files = Files(1200, 200, lambda kind, text: self.alerts.append(kind), lambda: self.lowest)
        self.guard = Guard(self.clock, self.limits, journal, files, lambda: self.is_deaf)
        self.guard.startService()
        self.addCleanup(self.guard.stopService)
        self.listen(LineVendor())

    def listen(self, vendor: object) -> None:
        """The receiver is this vendor's from now on."""
        self.factory = self.guard.vendor(cast(IVendor, vendor), self.receiver).factory(self.sessions)
        self.factory.doStart()

    def device(self, host: str = "10.0.0.1") -> Device:
        """A device connects."""
        return Device(self.factory, host)

    def wait(self, seconds: int) -> None:
        """So many seconds pass."""
        self.clock.pump([1] * seconds)

    @property
    def gate(self) -> Gate:
        """The receiver's counters."""
        (gate,) = self.guard.gates()
        return gate

    def journalled(self) -> str:
        """The log of connections."""
        return self.journal.read_text() if self.journal.exists() else ""
