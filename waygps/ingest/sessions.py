"""One connection's account: messages into the pipeline, receipts back as answers, and what is worth a line in the log."""

from __future__ import annotations

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.ingest.valve import Valve
from waygps.interfaces import Answer, ISession, ISessionFactory
from waygps.pipeline.pipeline import Pipeline, Receipt


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
        self._peer = peer
        self._producer = producer
        self._warned = Said(most=32)
        if producer is not None:
            receiver.valve.add(producer)

    def submit(self, message: Message) -> Deferred[Answer]:
        self._say_warnings(message)
        weight = len(message.fixes) or 1
        self._receiver.valve.take(weight)
        receipt = maybeDeferred(self._receiver.pipeline.submit, message, self._receiver.vendor)
        receipt.addBoth(self._give_back, weight)
        return receipt.addCallbacks(self._cb_receipt, self._eb_receipt, callbackArgs=(message,), errbackArgs=(message,))

    def end(self) -> None:
        if self._producer is not None:
            self._receiver.valve.remove(self._producer)

    def _say_warnings(self, message: Message) -> None:
        """Each warning once a connection: a device with a broken sensor complains in every report."""
        for warning in message.warnings:
            if self._warned.is_news(warning):
                self._log.warn("{device} at {peer}: {reason}", device=message.device, peer=self._peer, reason=warning)

    def _give_back(self, result: Receipt | Failure, weight: int) -> Receipt | Failure:
        self._receiver.valve.give_back(weight)
        return result

    def _cb_receipt(self, receipt: Receipt, message: Message) -> Answer:
        if receipt.accepted:
            return Answer(message.reply)
        if self._receiver.refusals.is_news(message.device):
            self._log.warn(
                "{vendor} device at {peer} is refused: {reason}. To accept it, insert it into moviles (imei) "
                'or set ingest.unknown_devices = "registrar"',
                vendor=self._receiver.vendor,
                peer=self._peer,
                reason=receipt.reason,
            )
        return Answer(message.refusal, close=True)

    def _eb_receipt(self, failure: Failure, message: Message) -> Answer:
        if not failure.check(StoreUnavailable):
            self._log.failure(
                "a message of {device} is not acknowledged: {raw}", failure, device=message.device, raw=message.raw.hex()
            )
        return Answer(close=True)


@implementer(ISessionFactory)
class SessionFactory:
    """Makes the sessions of one receiver, whose devices speak ``vendor``."""

    def __init__(self, pipeline: Pipeline, valve: Valve, vendor: str) -> None:
        self.pipeline = pipeline
        self.valve = valve
        self.vendor = vendor
        self.refusals = Said()

    def session(self, peer: str, producer: IPushProducer | None = None) -> Session:
        return Session(self, peer, producer)
