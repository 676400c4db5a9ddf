"""A device's HTTP request and what it is answered: 200 when all that it says is durable, and the reason where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.ingest.decoding import fenced
from waygps.ingest.replies import METHODS, NOT_ALLOWED, UNAVAILABLE, Reply, refusal, reply_of
from waygps.ingest.sessions import Said
from waygps.interfaces import Answer, IRequests, ISession, ISessionFactory, IVendor
from waygps.request import Request

PATIENCE = 10.0
"""Seconds that a request waits for the store; devices wait 15 or more for their answer."""


class Speakers:
    """The vendors of one HTTP port, with the sessions of each. ``is_any``: each request is asked whose it is."""

    _log = Logger()

    def __init__(self, clock: Any, vendors: Mapping[IVendor, ISessionFactory], *, is_any: bool = False) -> None:
        self.clock = clock
        self._sessions = dict(vendors)
        self._is_any = is_any
        self._broken = Said()
        self._warned = Said()
        self._faulty = Said()

    def account(self, peer: str, producer: IPushProducer) -> ISession:
        """Begin the account by which a connection is told when the store takes no more, and when to close."""
        return next(iter(self._sessions.values())).session(peer, producer)

    def session(self, vendor: IVendor, peer: str) -> ISession:
        """Begin a session for messages of this vendor's devices.

        It is not the connection's: that one ends, or is kept by a proxy for many devices, says nothing of whether they are gone.
        """
        return self._sessions[vendor].session(peer)

    def vendor_of(self, request: Request) -> IVendor:
        """Whose device sent this. Raises DecodeError where that is nobody, or might be several."""
        claiming = [vendor for vendor in self._sessions if not self._is_any or self._claims(vendor, request)]
        if len(claiming) == 1:
            return claiming[0]
        names = " or ".join(vendor.name for vendor in claiming)
        raise DecodeError(f"this may be of {names}" if names else "no vendor recognises this request", request.raw)

    def complain(self, peer: str, reason: str, data: bytes = b"") -> None:
        """Say in the log what a peer (HOST:PORT) did wrong, each host once, until many others came between."""
        if self._broken.is_news(peer.rpartition(":")[0]):
            text = "{peer} sent a request that is not taken: {reason}. {data}"
            self._log.warn(text, peer=peer, reason=reason, data=ascii(data.decode("utf-8", "replace"))[1:-1])

    def completed(self, message: Message, request: Request) -> Message:
        """The message with what it came in, without the warnings that were said before: its device may connect anew for each."""
        warnings = [text for text in message.warnings if self._warned.is_news(f"{message.device} {text}")]
        return replace(message, warnings=tuple(warnings), raw=message.raw or request.raw)

    def _claims(self, vendor: IVendor, request: Request) -> bool:
        try:
            return IRequests(vendor).claims(request)
        except Exception:
            if self._faulty.is_news(vendor.name):
                self._log.failure("claims of vendor {vendor} raised, which is its fault", vendor=vendor.name)
            return False


@implementer(IPushProducer)
class Exchanges:
    """The requests of one connection from ``peer`` (HOST:PORT); ``close`` ends it, after the answer that is owed.

    While the store takes no more, reading goes on and every request is answered 503: its device knows then, and waits.
    """

    def __init__(self, speakers: Speakers, peer: str, close: Callable[[], None]) -> None:
        self._speakers = speakers
        self._peer = peer
        self._close = close
        self._sessions: dict[IVendor, ISession] = {}
        self._is_paused = False
        self._account = speakers.account(peer, self)

    def answer(self, request: Request) -> Deferred[Reply]:
        """Hand in what the request says; fires with what it is answered. It never fails."""
        if request.method not in METHODS:
            return succeed(NOT_ALLOWED)
        if self._is_paused:
            return succeed(UNAVAILABLE)
        try:
            vendor = self._speakers.vendor_of(request)
            messages = list(fenced(lambda: IRequests(vendor).messages(request)))
        except DecodeError as error:
            return succeed(self.refused(400, str(error), error.data or request.raw[:64]))
        session = self._session(vendor)
        return self._in_time([session.submit(self._speakers.completed(message, request)) for message in messages])

    def refused(self, status: int, reason: str, data: bytes = b"") -> Reply:
        """What a request is answered that cannot be taken as it is."""
        self._speakers.complain(self._peer, reason, data)
        return refusal(status, reason)

    def end(self) -> None:
        """The connection is gone; what was handed in is stored all the same."""
        for session in (self._account, *self._sessions.values()):
            session.end()

    def pauseProducing(self) -> None:
        self._is_paused = True

    def resumeProducing(self) -> None:
        self._is_paused = False

    def stopProducing(self) -> None:
        self._close()

    def _session(self, vendor: IVendor) -> ISession:
        if vendor not in self._sessions:
            self._sessions[vendor] = self._speakers.session(vendor, self._peer)
        return self._sessions[vendor]

    def _in_time(self, answers: Sequence[Deferred[Answer]]) -> Deferred[Reply]:
        """The reply when all answers are there, or 503 if that takes too long: the store goes on, and takes it twice unharmed."""
        replied: Deferred[Reply] = Deferred()
        late = self._speakers.clock.callLater(PATIENCE, replied.callback, UNAVAILABLE)

        def cb_answered(found: list[Answer]) -> None:
            if late.active():
                late.cancel()
                replied.callback(reply_of(found))

        gatherResults(answers).addCallback(cb_answered)
        return replied
