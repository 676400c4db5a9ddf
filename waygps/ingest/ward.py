"""The TCP connections of one receiver: let in by its gate, and closed when they are overdue."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocolFactory
from twisted.internet.protocol import DatagramProtocol, Factory, connectionDone
from twisted.python.failure import Failure

from waygps.config import Limits
from waygps.errors import ReceiverError
from waygps.ingest.complaints import Kind
from waygps.ingest.counted import CountedSessions, PassingSessions
from waygps.ingest.devices import Devices
from waygps.ingest.journal import Journal
from waygps.ingest.limits import Gate
from waygps.ingest.pace import Pace
from waygps.ingest.stream import peer_name
from waygps.ingest.terms import terms
from waygps.ingest.tls import encrypted
from waygps.ingest.watched import HalfWatched, Watched
from waygps.interfaces import ISessionFactory
from waygps.storage.receivers import Receiver

LONGEST_SILENCE = 3600.0
"""Seconds for which a device without a connection counts after it was heard, where limits.idle is switched off."""


class GuardedFactory(Factory):
    """A vendor's factory behind a gate."""

    noisy = False

    def __init__(self, factory: IProtocolFactory, ward: Ward) -> None:
        self._factory = factory
        self._ward = ward

    def doStart(self) -> None:  # noqa: N802
        self._factory.doStart()
        super().doStart()

    def doStop(self) -> None:  # noqa: N802
        self._factory.doStop()
        super().doStop()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._ward.build(self._factory, addr)


class GuardedDatagrams(DatagramProtocol):
    """A UDP port's protocol behind a gate: what is too much is dropped unanswered, as a full network would."""

    noisy = False

    def __init__(self, protocol: DatagramProtocol, gate: Gate) -> None:
        self._protocol = protocol
        self._gate = gate

    def startProtocol(self) -> None:
        assert self.transport is not None
        self._protocol.makeConnection(self.transport)

    def stopProtocol(self) -> None:
        self._protocol.doStop()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if self._gate.hears(addr[0], addr[1], len(datagram)):
            self._protocol.datagramReceived(datagram, addr)


class Ward:
    """The connections of one receiver."""

    def __init__(self, gate: Gate, limits: Limits, journal: Journal, clock: Any) -> None:
        self.receiver = gate.receiver
        self.gate = gate
        self.pace = Pace(limits, clock)
        self._clock = clock
        self._row: Receiver | None = None
        self.speaking: Watched | None = None
        """The connection whose protocol is running just now, if it has no session yet."""
        self.is_blind = False
        """Whether a vendor's protocol began a session at a time that does not tell whose it is."""
        self.devices = Devices(clock.seconds)
        self.devices.most = limits.devices_receiver
        self._configured = self._limits = limits
        self._journal = journal
        self._connections: set[Watched] = set()
        self._named: dict[str, Watched] = {}

    def now(self) -> float:
        """Seconds of the server's clock."""
        return self.pace.now()

    def factory(self, factory: IProtocolFactory) -> GuardedFactory:
        """The factory with the limits, and TLS, before it; it has to hand in its messages by ``sessions``."""
        tls = self._row.tls if self._row else None
        inner = encrypted(factory, tls, self.receiver, self._clock) if tls is not None else factory
        return GuardedFactory(inner, self)

    def datagrams(self, protocol: DatagramProtocol) -> GuardedDatagrams:
        """A UDP port's protocol with the limits before it."""
        if self._row and self._row.tls is not None:
            raise ReceiverError("TLS is for TCP: take tls out of configuracion_avanzada")
        return GuardedDatagrams(protocol, self.gate)

    def sessions(self, sessions: ISessionFactory) -> CountedSessions:
        """The sessions with the messages counted."""
        return CountedSessions(sessions, self)

    def passing(self, sessions: ISessionFactory) -> PassingSessions:
        """The same for what comes without connections: datagrams, requests."""
        return PassingSessions(sessions, self)

    def build(self, factory: IProtocolFactory, addr: IAddress | None) -> Watched | None:
        """A protocol of the vendor's, if another connection from there is let in."""
        host = str(getattr(addr, "host", addr))
        if not self.gate.admit(host):
            return None
        protocol: Any = None
        try:
            protocol = factory.buildProtocol(cast(IAddress, addr))
        finally:
            if protocol is None:
                self.gate.leave(host)
        if protocol is None:
            return None
        watched = (HalfWatched if IHalfCloseableProtocol.providedBy(protocol) else Watched)(self, protocol, peer_name(addr), host)
        self._connections.add(watched)
        self._named[watched.peer] = watched
        return watched

    def named(self, peer: str) -> Watched | None:
        """The connection from HOST:PORT, the newest if there are several."""
        return self._named.get(peer)

    def lost(self, connection: Watched, reason: Failure) -> None:
        """The connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            if self._named.get(connection.peer) is connection:
                del self._named[connection.peer]
            self.gate.leave(connection.host)
            if connection.transport is not None:
                self._journal.write(connection.ended(reason))

    def charge(self, kind: Kind, peer: str) -> None:
        """A limit cost this peer something."""
        self.gate.charge(kind, peer)

    def allow(self, receiver: Receiver) -> None:
        """The limits that the receiver's row has for itself go before the configuration's, from now on."""
        self._limits, names = terms(self._configured, receiver)
        self.devices.most = self._limits.devices_receiver
        self._row, self.receiver = receiver, receiver.name
        self.gate.allow(receiver.name, self._limits, names)

    def sweep(self, is_deaf: bool) -> None:
        """Close what is overdue; while the server is deaf, because it can store no more, nobody's time passes."""
        now, limits = self.now(), self._limits
        for connection in list(self._connections):
            if getattr(connection.transport, "disconnected", connection.transport is None):
                # Its socket failed at once, or its transport was given another protocol, which was told of the end instead.
                self.lost(connection, connectionDone)
            elif is_deaf:
                connection.excuse(now)
            elif kind := connection.overdue(now, limits):
                self._close(connection, kind)
        self.devices.forget(limits.idle or LONGEST_SILENCE)
        self.gate.complaints.flush()

    def _close(self, connection: Watched, kind: Kind) -> None:
        if connection.closed_for is None:
            self.gate.charge(kind, connection.host)
        connection.close(kind)
