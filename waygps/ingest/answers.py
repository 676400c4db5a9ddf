"""Answers leave a connection in the order of the messages they answer, and reading pauses while too many are owed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from waygps.interfaces import Answer


@implementer(IPushProducer)
class Brake:
    """Pauses a producer while anyone holds it: pausing for two reasons takes two releases."""

    __slots__ = ("_producer", "_reasons")

    def __init__(self, producer: IPushProducer) -> None:
        self._producer = producer
        self._reasons: tuple[str, ...] = ()

    def hold(self, reason: str) -> None:
        """Keep the producer paused for this reason too."""
        if not self._reasons:
            self._producer.pauseProducing()
        if reason not in self._reasons:
            self._reasons = (*self._reasons, reason)

    def release(self, reason: str) -> None:
        """Drop one reason; with the last one gone the producer goes on."""
        if reason in self._reasons:
            self._reasons = tuple(each for each in self._reasons if each != reason)
            if not self._reasons:
                self._producer.resumeProducing()

    def pauseProducing(self) -> None:
        self.hold("store")

    def resumeProducing(self) -> None:
        self.release("store")

    def stopProducing(self) -> None:
        self._producer.stopProducing()


class AnswerQueue:
    """The answers that one connection owes, in order.

    At ``most`` owed answers the brake is held; it is released when half of them have left.
    """

    __slots__ = ("_brake", "_most", "_owed", "_write")

    def __init__(self, write: Callable[[Answer], None], brake: Brake, most: int = 64) -> None:
        self._write = write
        self._brake = brake
        self._most = most
        # A list, of at most ``most`` and a few: an empty deque takes 600 bytes, which counts with ten thousand connections.
        self._owed: list[list[Answer]] = []

    def expect(self, answer: Deferred[Answer]) -> None:
        """Owe the answer that this Deferred will bring; it leaves after all that are owed already."""
        slot: list[Answer] = []
        self._owed.append(slot)
        if len(self._owed) >= self._most:
            self._brake.hold("answers")
        answer.addCallback(self._cb_ready, slot)

    def owe(self, answer: Answer) -> None:
        """Owe an answer that is known already."""
        self._owed.append([answer])
        self._flush()

    def _cb_ready(self, answer: Answer, slot: list[Answer]) -> None:
        slot.append(answer)
        self._flush()

    def _flush(self) -> None:
        while self._owed and self._owed[0]:
            self._write(self._owed.pop(0)[0])
        if len(self._owed) <= self._most // 2:
            self._brake.release("answers")
