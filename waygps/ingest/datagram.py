"""Devices over UDP: each datagram is decoded on its own, and answered to where it came from, once its fixes are durable."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from twisted.internet.interfaces import IPushProducer, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from zope.interface import implementer

from waygps.errors import DecodeError
from waygps.ingest.decoding import fenced
from waygps.interfaces import Answer, IDecoder, ISession, ISessionFactory

Address = tuple[str, int]


@implementer(IPushProducer)
class DeviceDatagrams(DatagramProtocol):
    """One UDP port. While the store cannot take more, datagrams are dropped unanswered, and their devices send them again."""

    _log = Logger()
    noisy = False
    transport: IUDPTransport
    _session: ISession

    def __init__(self, decoder: Callable[[], IDecoder], sessions: ISessionFactory) -> None:
        self._decoder = decoder
        self._sessions = sessions
        self._paused = False
        self.dropped = 0
        """Datagrams dropped while paused."""

    def startProtocol(self) -> None:
        # The port's own account, which is what is paused; each datagram has one more, with its sender's name.
        self._session = self._sessions.session("udp", self)

    def stopProtocol(self) -> None:
        self._session.end()

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        if self._paused:
            self.dropped += 1
            return
        decoder, peer = self._decoder(), "{}:{}".format(*addr)
        session = self._sessions.session(peer)
        try:
            for message in chain(fenced(lambda: decoder.feed(datagram)), fenced(decoder.end)):
                session.submit(message).addCallback(self._cb_answer, addr)
        except DecodeError as error:
            self._log.warn(
                "{peer} sent a datagram that cannot be decoded: {reason}; it is not acknowledged. First bytes: {data}",
                peer=peer,
                reason=str(error),
                data=error.data.hex(),
            )

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False

    def stopProducing(self) -> None:
        self._paused = True

    def _cb_answer(self, answer: Answer, addr: Address) -> None:
        if answer.data and self.transport is not None:
            self.transport.write(answer.data, addr)
