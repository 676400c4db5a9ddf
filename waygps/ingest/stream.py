"""A device on a TCP connection: bytes into its decoder, messages into its session, answers back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.ingest.answers import AnswerQueue, Brake
from waygps.ingest.decoding import fenced
from waygps.ingest.prompt import PromptWriter
from waygps.interfaces import Answer, IDecoder, ISession, ISessionFactory


class DeviceStream(Protocol):
    """One connection. What cannot be decoded ends it, after the answers to what came before."""

    _log = Logger()
    _session: ISession
    _answers: AnswerQueue

    def __init__(self, decoder: IDecoder, sessions: ISessionFactory) -> None:
        self._decoder = decoder
        self._sessions = sessions
        self._broken = False
        self._closing = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.peer = peer_name(self.transport.getPeer())
        brake = Brake(self.transport)  # type: ignore[arg-type]  # a TCP transport is a producer too
        self._writer = PromptWriter(self.transport)
        self._answers = AnswerQueue(self._write, brake)
        self._session = self._sessions.session(self.peer, brake)

    def dataReceived(self, data: bytes) -> None:
        if not self._broken:
            self._take(fenced(lambda: self._decoder.feed(data)))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._broken:
            self._take(fenced(self._decoder.end))
        self._session.end()

    def _take(self, messages: Iterable[Message]) -> None:
        try:
            for message in messages:
                self._answers.expect(self._session.submit(message))
        except DecodeError as error:
            self._broken = True
            self._session.undecodable()
            self._log.warn(
                "{peer} sent what cannot be decoded: {reason}; closing, nothing of it is acknowledged. First bytes: {data}",
                peer=self.peer,
                reason=str(error),
                data=error.data.hex(),
            )
            self._answers.owe(Answer(close=True))

    def _write(self, answer: Answer) -> None:
        transport: ITransport | None = self.transport
        if transport is None or self._closing:
            # After a message that failed no answer may leave: the device would take it for that message's.
            return
        if answer.data:
            self._writer.write(answer.data)
        if answer.close:
            self._broken = self._closing = True
            transport.loseConnection()


class StreamFactory(Factory):
    """Makes a DeviceStream with a fresh decoder for each connection."""

    noisy = False

    def __init__(self, decoder: Callable[[], IDecoder], sessions: ISessionFactory) -> None:
        self._decoder = decoder
        self._sessions = sessions

    def buildProtocol(self, addr: IAddress | None) -> DeviceStream:
        return DeviceStream(self._decoder(), self._sessions)


def peer_name(address: object) -> str:
    """HOST:PORT of a peer, for logs."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    return f"{host}:{port}" if host else str(address)
