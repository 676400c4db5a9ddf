"""The server's sessions with the messages counted for the connection that they came on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from waygps.fix import Message
from waygps.ingest.watched import Watched, Watches
from waygps.interfaces import Answer, ISession, ISessionFactory


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
        if message.device:
            connection.device = message.device
        return self._session.submit(message)

    def undecodable(self, data: bytes = b"", reason: str = "") -> None:
        self._session.undecodable(data, reason)

    def end(self) -> None:
        self._session.end()

    def __getattr__(self, name: str) -> Any:
        """What else the server's session has to offer."""
        return getattr(self._session, name)


@implementer(ISessionFactory)
class CountedSessions:
    """The server's sessions, as a vendor's factory gets them."""

    def __init__(self, sessions: ISessionFactory, ward: Watches) -> None:
        self._sessions = sessions
        self._ward = ward

    def session(self, peer: str, producer: IPushProducer | None = None) -> ISession:
        session, connection = self._sessions.session(peer, producer), self._ward.speaking or self._ward.named(peer)
        if connection is None:
            self._ward.is_blind = True
            return session
        return CountedSession(session, connection)
