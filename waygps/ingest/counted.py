"""The server's sessions with the messages counted for the connection, and for the receiver's devices, that they came on."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from waygps.fix import Message
from waygps.ingest.answers import Brake
from waygps.ingest.complaints import Kind
from waygps.ingest.devices import Devices
from waygps.ingest.watched import Watched, Watches
from waygps.interfaces import Answer, ISession, ISessionFactory, Outcome


class Counts(Watches, Protocol):
    """See waygps.ingest.ward.Ward."""

    devices: Devices

    def charge(self, kind: Kind, peer: str) -> None: ...


def refusal(message: Message) -> Answer:
    """What a device hears for which there is no room."""
    return Answer(
        message.refusal, close=True, outcome=Outcome.REFUSED, reason="the receiver has all the devices that it may have"
    )


@implementer(ISession)
class CountedSession:
    """A session of the server's, whose messages count for its connection."""

    __slots__ = ("_connection", "_session")

    def __init__(self, session: ISession, connection: Watched) -> None:
        self._session = session
        self._connection = connection
        connection.talks = True

    def submit(self, message: Message) -> Deferred[Answer]:
        # All that the limits cost a message: there is no call here but the session's.
        connection = self._connection
        connection.messages += 1
        if message.device != connection.device and message.device:
            return self._other(message)
        return self._session.submit(message)

    def undecodable(self, data: bytes = b"", reason: str = "") -> None:
        self._connection.charge("undecodable")
        self._session.undecodable(data, reason)

    def end(self) -> None:
        self._session.end()

    def __getattr__(self, name: str) -> Any:
        """What else the server's session has to offer."""
        return getattr(self._session, name)

    def _other(self, message: Message) -> Deferred[Answer]:
        """A message of another device than the one before."""
        connection, device = self._connection, message.device
        is_new = device not in connection.devices
        if is_new and not connection.enter(device):
            return succeed(refusal(message))
        connection.device = device
        answer = self._session.submit(message)
        return answer.addCallback(self._cb_answer, device) if is_new else answer

    def _cb_answer(self, answer: Answer, device: str) -> Answer:
        if answer.outcome is Outcome.REFUSED:
            self._connection.leave(device)
        return answer


@implementer(ISession)
class PassingSession:
    """A session whose messages come without a connection, in datagrams or requests, or on one that is not known."""

    __slots__ = ("_peer", "_session", "_ward")

    def __init__(self, session: ISession, ward: Counts, peer: str) -> None:
        self._session = session
        self._ward = ward
        self._peer = peer

    def submit(self, message: Message) -> Deferred[Answer]:
        devices, device = self._ward.devices, message.device
        if not (devices.most and device):
            return self._session.submit(message)
        is_new = not devices.is_known(device)
        if not devices.hear(device):
            self._ward.charge("devices", self._peer)
            return succeed(refusal(message))
        answer = self._session.submit(message)
        return answer.addCallback(self._cb_answer, device) if is_new else answer

    def undecodable(self, data: bytes = b"", reason: str = "") -> None:
        self._ward.charge("undecodable", self._peer)
        self._session.undecodable(data, reason)

    def end(self) -> None:
        self._session.end()

    def __getattr__(self, name: str) -> Any:
        """What else the server's session has to offer."""
        return getattr(self._session, name)

    def _cb_answer(self, answer: Answer, device: str) -> Answer:
        if answer.outcome is Outcome.REFUSED:
            self._ward.devices.drop(device)
        return answer


@implementer(ISessionFactory)
class CountedSessions:
    """The server's sessions, as a vendor's factory gets them."""

    def __init__(self, sessions: ISessionFactory, ward: Counts) -> None:
        self._sessions = sessions
        self._ward = ward

    def session(self, peer: str, producer: IPushProducer | None = None) -> ISession:
        connection = self._ward.speaking or self._ward.named(peer)
        if connection is None:
            self._ward.is_blind = True
            return PassingSession(self._sessions.session(peer, producer), self._ward, peer)
        if producer is not None and not isinstance(producer, Brake):
            producer = Brake(producer)
        connection.brake = producer
        return CountedSession(self._sessions.session(peer, producer), connection)


@implementer(ISessionFactory)
class PassingSessions:
    """The same for what comes without connections."""

    def __init__(self, sessions: ISessionFactory, ward: Counts) -> None:
        self._sessions = sessions
        self._ward = ward

    def session(self, peer: str, producer: IPushProducer | None = None) -> ISession:
        return PassingSession(self._sessions.session(peer, producer), self._ward, peer)
