"""One connection, watched from outside: neither the vendor's protocol nor its transport notices.

The protocol is given its real transport, and a message costs one counter: no timer is set and no clock is read for it.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from waygps.config import Limits
from waygps.ingest.complaints import Kind
from waygps.ingest.devices import Devices
from waygps.ingest.journal import Ended
from waygps.ingest.pace import Pace, Slowed


class Watches(Protocol):
    """See waygps.ingest.ward.Ward."""

    receiver: str
    pace: Pace
    devices: Devices
    speaking: Watched | None
    is_blind: bool

    def now(self) -> float: ...

    def lost(self, connection: Watched, reason: Failure) -> None: ...

    def charge(self, kind: Kind, peer: str) -> None: ...

    def named(self, peer: str) -> Watched | None: ...


@implementer(IProtocol)
class Watched:
    """Stands between a transport and the vendor's protocol, and notes what is needed to judge the connection."""

    __slots__ = (
        "_allowed",
        "_began",
        "_protocol",
        "_seen",
        "_since",
        "_slowed",
        "_ward",
        "brake",
        "closed_for",
        "device",
        "devices",
        "host",
        "messages",
        "peer",
        "received",
        "talks",
        "transport",
    )

    def __init__(self, ward: Watches, protocol: IProtocol, peer: str, host: str) -> None:
        self._ward = ward
        self._protocol = protocol
        self.peer = peer
        self.host = host
        self.transport: Any = None
        self._began = self._since = ward.now()
        self._seen = 0
        self._allowed = ward.pace.begin
        self._slowed: Slowed | None = None
        self.brake: IPushProducer | None = None
        """What its session pauses, if it has one: two pauses of a connection have to know of each other."""
        self.talks = False
        """Whether a session was begun that is known to be this connection's."""
        self.device = ""
        """Whose message came last."""
        self.devices: set[str] = set()
        """Those that count for the receiver."""
        self.messages = self.received = 0
        self.closed_for: Kind | None = None

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        ward = self._ward
        ward.speaking = self
        try:
            self._protocol.makeConnection(transport)
        finally:
            ward.speaking = None

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > self._allowed:
            self._exceed()
        if self.talks:
            self._protocol.dataReceived(data)
        else:
            self._first(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._slowed is not None:
            self._slowed.stop()
        try:
            self._protocol.connectionLost(reason)
        finally:
            for device in list(self.devices):
                self.leave(device)
            self._ward.lost(self, reason)

    def connectionMade(self) -> None:
        """The vendor's protocol is told by its own makeConnection."""

    def enter(self, device: str) -> bool:
        """Whether the receiver has room for this device, for which the connection speaks from now on."""
        devices = self._ward.devices
        if devices.most and not devices.enter(device):
            self.charge("devices")
            return False
        if devices.most:
            self.devices.add(device)
        return True

    def leave(self, device: str) -> None:
        """The connection speaks for this device no more."""
        if device in self.devices:
            self.devices.remove(device)
            self._ward.devices.leave(device)

    def charge(self, kind: Kind) -> None:
        """A limit cost the connection something."""
        self._ward.charge(kind, self.host)

    def overdue(self, now: float, limits: Limits) -> Kind | None:
        """The time limit that the connection has passed. To be asked at every sweep: it compares with the time before."""
        # Where sessions cannot be told apart, bytes have to do as a sign of life.
        by_bytes = self._ward.is_blind and not self.talks
        life, is_known = (self.received, self.received > 0) if by_bytes else (self.messages, self.device != "")
        if is_known and life != self._seen:
            self._seen, self._since = life, now
        kind, patience = ("idle", limits.idle) if is_known else ("first_message", limits.first_message)
        return cast(Kind, kind) if 0 < patience <= now - self._since else None

    def excuse(self, now: float) -> None:
        """It could not be heard: its time begins anew."""
        self._since = now

    def close(self, kind: Kind) -> None:
        """End the connection; a peer that takes neither the last answer nor the end is cut off the next time."""
        if self.closed_for is None:
            self.closed_for = kind
            self.transport.loseConnection()
        else:
            self.transport.abortConnection()

    def ended(self, reason: Failure) -> Ended:
        """What is to be remembered of it."""
        seconds = self._ward.now() - self._began
        return Ended(self._ward.receiver, self.peer, self.device, self.messages, self.received, seconds, self._end(reason))

    def _end(self, reason: Failure) -> str:
        if self.closed_for is not None:
            return self.closed_for
        if not reason.check(ConnectionDone):
            return reason.getErrorMessage()
        return "closed by the server" if getattr(self.transport, "disconnecting", False) else "closed by the device"

    def _exceed(self) -> None:
        """It has used up what it was allowed: read it no more until it has earned that, or go on if it did meanwhile."""
        slowed = self._slowed = self._slowed or Slowed(self._ward.pace, self._began)
        self._allowed = slowed.grant(self.received, self._allowed)
        if self.received <= self._allowed:
            slowed.release()
            return
        slowed.hold(self.brake or self.transport, self.received - self._allowed, self._exceed)
        if not slowed.is_counted:
            slowed.is_counted = True
            self.charge("bytes")

    def _first(self, data: bytes) -> None:
        """A session that is begun meanwhile is this connection's."""
        self._ward.speaking = self
        try:
            self._protocol.dataReceived(data)
        finally:
            self._ward.speaking = None


@implementer(IHalfCloseableProtocol)
class HalfWatched(Watched):
    """The same for a protocol that wants to know of each half of the connection."""

    __slots__ = ()

    def readConnectionLost(self) -> None:  # noqa: N802
        cast(IHalfCloseableProtocol, self._protocol).readConnectionLost()

    def writeConnectionLost(self) -> None:  # noqa: N802
        cast(IHalfCloseableProtocol, self._protocol).writeConnectionLost()
