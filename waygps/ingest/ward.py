"""The TCP connections of one receiver: let in by its gate, and closed when they are overdue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from waygps.config import Limits
from waygps.ingest.complaints import Kind
from waygps.ingest.counted import CountedSessions
from waygps.ingest.journal import Journal
from waygps.ingest.limits import Gate
from waygps.ingest.stream import peer_name
from waygps.ingest.watched import HalfWatched, Watched
from waygps.interfaces import ISessionFactory


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


class Ward:
    """The connections of one receiver."""

    def __init__(self, gate: Gate, limits: Limits, journal: Journal, now: Callable[[], float]) -> None:
        self.receiver = gate.receiver
        self.gate = gate
        self._clock = now
        self.speaking: Watched | None = None
        """The connection whose protocol is running just now, if it has no session yet."""
        self.is_blind = False
        """Whether a vendor's protocol began a session at a time that does not tell whose it is."""
        self._limits = limits
        self._journal = journal
        self._connections: set[Watched] = set()
        self._named: dict[str, Watched] = {}

    def now(self) -> float:
        """Seconds of the server's clock."""
        return self._clock()

    def factory(self, factory: IProtocolFactory) -> GuardedFactory:
        """The factory with the limits before it; it has to hand in its messages by ``sessions``."""
        return GuardedFactory(factory, self)

    def sessions(self, sessions: ISessionFactory) -> CountedSessions:
        """The sessions with the messages counted."""
        return CountedSessions(sessions, self)

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

    def sweep(self, is_deaf: bool) -> None:
        """Close what is overdue; while the server is deaf, because it can store no more, nobody's time passes."""
        now, limits = self._clock(), self._limits
        for connection in list(self._connections):
            if getattr(connection.transport, "disconnected", connection.transport is None):
                # Its socket failed at once, or its transport was given another protocol, which was told of the end instead.
                self.lost(connection, connectionDone)
            elif is_deaf:
                connection.excuse(now)
            elif kind := connection.overdue(now, limits):
                self._close(connection, kind)
        self.gate.complaints.flush()

    def _close(self, connection: Watched, kind: Kind) -> None:
        if connection.closed_for is None:
            self.gate.charge(kind, connection.host)
        connection.close(kind)
