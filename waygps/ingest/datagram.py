"""Devices over UDP: each datagram is decoded on its own, and answered to where it came from, once its fixes are durable."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Protocol

from twisted.internet.interfaces import IPushProducer, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from zope.interface import implementer

from waygps.errors import DecodeError
from waygps.ingest.complaints import Lines
from waygps.ingest.decoding import fenced
from waygps.interfaces import Answer, IDecoder, ISession, ISessionFactory

Address = tuple[str, int]


class Foreign(Protocol):
    """See waygps.ingest.foreign.Foreign."""

    def datagram(self, transport: IUDPTransport, datagram: bytes, addr: Address, *, is_refused: bool) -> bool: ...

    def stop(self) -> None: ...


@implementer(IPushProducer)
class DeviceDatagrams(DatagramProtocol):
    """One UDP port. While the store cannot take more, datagrams are dropped unanswered, and their devices send them again.

    ``foreign`` looks at the datagrams that name no device.
    """

    _log = Logger()
    noisy = False
    transport: IUDPTransport
    _session: ISession

    def __init__(self, decoder: Callable[[], IDecoder], sessions: ISessionFactory, foreign: Foreign | None = None) -> None:
        self._decoder = decoder
        self._foreign = foreign
        self._sessions = sessions
        self._lines = Lines()
        self._paused = False
        self.dropped = 0
        """Datagrams dropped while paused."""

    def startProtocol(self) -> None:
        # The port's own account, which is what is paused; each datagram has one more, with its sender's name.
        self._session = self._sessions.session("udp", self)

    def stopProtocol(self) -> None:
        self._session.end()
        if self._foreign is not None:
            self._foreign.stop()

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        if self._paused:
            self.dropped += 1
            return
        decoder, peer = self._decoder(), "{}:{}".format(*addr)
        session, device = self._sessions.session(peer), ""
        try:
            for message in chain(fenced(lambda: decoder.feed(datagram)), fenced(decoder.end)):
                device = message.device or device
                session.submit(message).addCallback(self._cb_answer, addr)
        except DecodeError as error:
            if not device and self._is_taken(datagram, addr, is_refused=True):
                return
            session.undecodable(error.data, str(error))
            if self._lines.may_be_said():
                self._log.warn(
                    "{peer} sent a datagram that cannot be decoded: {reason}; it is not acknowledged. First bytes: {data}",
                    peer=peer,
                    reason=str(error),
                    data=error.data.hex(),
                )
        else:
            if not device:
                self._is_taken(datagram, addr, is_refused=False)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False

    def stopProducing(self) -> None:
        self._paused = True

    def _is_taken(self, datagram: bytes, addr: Address, *, is_refused: bool) -> bool:
        """Whether another vendor's protocol has the datagram now."""
        return self._foreign is not None and self._foreign.datagram(self.transport, datagram, addr, is_refused=is_refused)

    def _cb_answer(self, answer: Answer, addr: Address) -> None:
        if answer.data and self.transport is not None:
            self.transport.write(answer.data, addr)
