"""One connection's account: messages into the pipeline, receipts back as answers, and what is worth a line in the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.ingest.complaints import Lines
from waygps.ingest.decoding import reply_to
from waygps.ingest.tracing import Tracer
from waygps.ingest.valve import Valve
from waygps.interfaces import Answer, ISession, ISessionFactory, Outcome
from waygps.origin import Origin
from waygps.pipeline.pipeline import Pipeline, Receipt
from waygps.pipeline.presence import Presence


class Said:
    """What was said in the log already: each text once, until ``most`` others came between."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._said: dict[str, None] = {}

    def is_news(self, text: str) -> bool:
        """Whether this was not said yet; from now on it counts as said."""
        if text in self._said:
            return False
        if len(self._said) >= self._most:
            del self._said[next(iter(self._said))]
        self._said[text] = None
        return True


@implementer(ISession)
class Session:
    """The messages of one connection, or of one datagram, from ``peer``."""

    _log = Logger()

    def __init__(self, receiver: SessionFactory, peer: str, producer: IPushProducer | None) -> None:
        self._receiver = receiver
        self.peer = peer
        self._producer = producer
        self._warned = Said(most=32)
        self._device = ""
        """Whose message was accepted last on this connection."""
        self._devices: set[str] | None = None
        """All whose messages were accepted on this connection: one, unless it is a gateway's. None: no one's, or a datagram."""
        self._has_ended = False
        if producer is not None:
            receiver.valve.add(producer)

    def submit(self, message: Message) -> Deferred[Answer]:
        self._say_warnings(message)
        weight = len(message.fixes) or 1
        self._receiver.valve.take(weight)
        receipt = maybeDeferred(self._receiver.pipeline.submit, message, self._receiver.origin, self.peer)
        receipt.addBoth(self._give_back, weight)
        answering = receipt.addCallbacks(self._cb_receipt, self._eb_receipt, callbackArgs=(message,), errbackArgs=(message,))
        if self._receiver.traced:
            device = message.device or self._device
            self._receiver.tracer.message(self._receiver.origin.vendor, self.peer, device, message, answering)
        return answering

    def end(self) -> None:
        self._has_ended = True
        if self._producer is not None:
            self._receiver.valve.remove(self._producer)
        for device in self._devices or ():
            self._receiver.presence.release(device, self)
            if self._receiver.traced:
                self._receiver.tracer.connection(self._receiver.origin.vendor, self.peer, device, is_over=True)

    def displaced(self, device: str) -> None:
        """A newer connection speaks for this device: close, unless others report here too."""
        if self._devices is not None and len(self._devices) > 1:
            self._devices.discard(device)
            self._device = ""
        elif self._producer is not None:
            self._log.debug("{device} at {peer}: a newer connection takes its place", device=device, peer=self.peer)
            self._producer.stopProducing()

    def undecodable(self, data: bytes = b"", reason: str = "") -> None:
        """What came last on this connection cannot be decoded."""
        if self._device:
            self._receiver.presence.heard[self._device] = False
        if self._receiver.traced:
            self._receiver.tracer.undecodable(self._receiver.origin.vendor, self.peer, self._device, data, reason)

    def _say_warnings(self, message: Message) -> None:
        """Each warning once a connection: a device with a broken sensor complains in every report."""
        for warning in message.warnings:
            # A crowd that names no device is not to fill the log, however many connections it makes.
            if self._warned.is_news(warning) and (message.device or self._receiver.lines.may_be_said()):
                self._log.warn("{device} at {peer}: {reason}", device=message.device, peer=self.peer, reason=warning)

    def _give_back(self, result: Receipt | Failure, weight: int) -> Receipt | Failure:
        self._receiver.valve.give_back(weight)
        return result

    def _cb_receipt(self, receipt: Receipt, message: Message) -> Answer:
        if receipt.accepted:
            self._receiver.presence.heard[message.device] = not message.unreadable
            if message.device != self._device and self._producer is not None:
                self._claim(message.device)
            return Answer(reply_to(message, self._receiver.now()))
        if self._receiver.refusals.is_news(message.device) and self._receiver.lines.may_be_said():
            self._log.warn(
                "{vendor} device at {peer} is refused: {reason}. To accept it, insert it into moviles (imei) "
                'or set ingest.unknown_devices = "registrar"',
                vendor=self._receiver.origin.vendor,
                peer=self.peer,
                reason=receipt.reason,
            )
        return Answer(message.refusal, close=True, outcome=Outcome.REFUSED, reason=receipt.reason)

    def _claim(self, device: str) -> None:
        """This device's message is the first after another's, or of all."""
        self._device = device
        self._devices = self._devices or set()
        if device and device not in self._devices:
            self._devices.add(device)
            self._receiver.presence.claim(device, self)
            if self._receiver.traced:
                self._receiver.tracer.connection(self._receiver.origin.vendor, self.peer, device, is_over=False)
            if self._has_ended:  # before its message was stored
                self._receiver.presence.release(device, self)

    def _eb_receipt(self, failure: Failure, message: Message) -> Answer:
        if not failure.check(StoreUnavailable):
            self._log.failure(
                "a message of {device} is not acknowledged: {raw}", failure, device=message.device, raw=message.raw.hex()
            )
            self._receiver.presence.heard[message.device] = False
        return Answer(close=True, outcome=Outcome.UNAVAILABLE)


@implementer(ISessionFactory)
class SessionFactory:
    """Makes the sessions of one receiver, whose messages have this ``origin``; ``presence`` is what all receivers share."""

    def __init__(
        self,
        pipeline: Pipeline,
        valve: Valve,
        origin: Origin,
        presence: Presence | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tracer: Tracer | None = None,
    ) -> None:
        self.now = now
        self.pipeline = pipeline
        self.valve = valve
        self.origin = origin
        self.refusals = Said()
        self.lines = Lines()
        self.lines = Lines()
        self.presence = presence or Presence()
        self.tracer = tracer or Tracer()
        self.traced = self.tracer.traced

    def session(self, peer: str, producer: IPushProducer | None = None) -> Session:
        return Session(self, peer, producer)
