"""A device on a TCP connection: bytes into its decoder, messages into its session, answers back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol as Shape

from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.ingest.answers import AnswerQueue, Brake
from waygps.ingest.complaints import Lines
from waygps.ingest.decoding import fenced
from waygps.ingest.prompt import PromptWriter
from waygps.interfaces import Answer, IDecoder, ISession, ISessionFactory


class Begins(Shape):
    """See waygps.ingest.opening.Opening."""

    def received(self, data: bytes) -> None: ...

    def noted(self, messages: Iterable[Message]) -> Iterable[Message]: ...

    def refused(self) -> bool: ...

    def lost(self, reason: Failure) -> bool: ...


class Foreign(Shape):
    """See waygps.ingest.foreign.Foreign."""

    def opening(self, stream: DeviceStream) -> Begins: ...

    def stop(self) -> None: ...


class DeviceStream(Protocol):
    """One connection. What cannot be decoded ends it, after the answers to what came before.

    ``foreign`` looks at what comes before the first message of a device.
    """

    _log = Logger()
    _session: ISession
    _answers: AnswerQueue

    def __init__(self, decoder: IDecoder, sessions: ISessionFactory, lines: Lines, foreign: Foreign | None = None) -> None:
        self._decoder = decoder
        self._sessions = sessions
        self._lines = lines
        self._broken = False
        self._closing = False
        self._opening = foreign.opening(self) if foreign is not None else None

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.peer = peer_name(self.transport.getPeer())
        brake = Brake(self.transport)  # type: ignore[arg-type]  # a TCP transport is a producer too
        self._writer = PromptWriter(self.transport)
        self._answers = AnswerQueue(self._write, brake)
        self._session = self._sessions.session(self.peer, brake)

    def dataReceived(self, data: bytes) -> None:
        if self._opening is not None:
            self._opening.received(data)
        elif not self._broken:
            self._take(fenced(lambda: self._decoder.feed(data)))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._opening is not None and self._opening.lost(reason):
            return
        if not self._broken:
            self._take(fenced(self._decoder.end))
        self._session.end()

    def begin(self, data: bytes | None) -> None:
        """Take what the decoder makes of the first bytes; None: nothing follows them."""
        if self._opening is not None and not self._broken:
            decode = self._decoder.end if data is None else partial(self._decoder.feed, data)
            self._take(self._opening.noted(fenced(decode)))

    def begun(self) -> None:
        """Nothing is looked at any more: a device has named itself, or too much came without."""
        self._opening = None

    def leave(self) -> None:
        """Another protocol has the connection from now on."""
        self._broken = self._closing = True
        self._session.end()

    def _take(self, messages: Iterable[Message]) -> None:
        try:
            for message in messages:
                self._answers.expect(self._session.submit(message))
        except DecodeError as error:
            self._broken = True
            if self._opening is None or not self._opening.refused():
                self._refuse(error)

    def _refuse(self, error: DecodeError) -> None:
        self._session.undecodable(error.data, str(error))
        if self._lines.may_be_said():
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
    foreign: Foreign | None = None
    """What looks at the beginnings of the connections."""

    def __init__(self, decoder: Callable[[], IDecoder], sessions: ISessionFactory) -> None:
        self._decoder = decoder
        self._sessions = sessions
        self._lines = Lines()

    def buildProtocol(self, addr: IAddress | None) -> DeviceStream:
        return DeviceStream(self._decoder(), self._sessions, self._lines, self.foreign)

    def stopFactory(self) -> None:  # noqa: N802
        if self.foreign is not None:
            self.foreign.stop()


def peer_name(address: object) -> str:
    """HOST:PORT of a peer, for logs."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    return f"{host}:{port}" if host else str(address)
