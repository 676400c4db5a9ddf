"""The answers that one connection owes."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import FakeProducer
from waygps.ingest.answers import AnswerQueue, Brake
from waygps.interfaces import Answer


class AnswerQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.producer = FakeProducer()
        self.written: list[Answer] = []
        self.queue = AnswerQueue(self.written.append, Brake(self.producer), most=4)

    def expect(self, number: int) -> list[Deferred[Answer]]:
        waiting: list[Deferred[Answer]] = [Deferred() for _ in range(number)]
        for answer in waiting:
            self.queue.expect(answer)
        return waiting

    def test_order(self) -> None:
        """A device gets its answers in the order of its messages, whichever is durable first."""
        first, second, third = self.expect(3)
        third.callback(Answer(b"3"))
        second.callback(Answer(b"2"))
        assert self.written == []
        first.callback(Answer(b"1"))
        assert self.written == [Answer(b"1"), Answer(b"2"), Answer(b"3")]

    def test_at_once(self) -> None:
        """A device that nobody keeps waiting is answered in the same breath."""
        self.queue.expect(succeed(Answer(b"1")))
        assert self.written == [Answer(b"1")]

    def test_owed_after_earlier(self) -> None:
        """A connection that is to be closed is closed after the answers to what came before."""
        (first,) = self.expect(1)
        self.queue.owe(Answer(close=True))
        assert self.written == []
        first.callback(Answer(b"1"))
        assert self.written == [Answer(b"1"), Answer(close=True)]

    def test_brake_at_the_bound(self) -> None:
        """A device that sends faster than is stored is not read while four answers are owed, and read again at two."""
        waiting = self.expect(3)
        assert not self.producer.paused
        waiting += self.expect(1)
        assert self.producer.paused
        waiting[0].callback(Answer(b"1"))
        assert self.producer.paused
        waiting[1].callback(Answer(b"2"))
        assert not self.producer.paused
        assert self.producer.calls == ["pause", "resume"]

    def test_later_answers_release_nothing(self) -> None:
        """Answers that wait for an earlier one still count: the device stays unread until they leave."""
        waiting = self.expect(4)
        for answer in waiting[1:]:
            answer.callback(Answer())
        assert self.producer.paused
        waiting[0].callback(Answer())
        assert not self.producer.paused


class BrakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.producer = FakeProducer()
        self.brake = Brake(self.producer)

    def test_interface(self) -> None:
        """A vendor's own protocol can hand a brake to the server in place of its transport."""
        verifyObject(IPushProducer, self.brake)
        verifyObject(IPushProducer, self.producer)

    def test_two_reasons(self) -> None:
        """A connection paused for the store and for owed answers is read only when both are over."""
        self.brake.hold("answers")
        self.brake.pauseProducing()
        self.brake.release("answers")
        assert self.producer.paused
        self.brake.resumeProducing()
        assert self.producer.calls == ["pause", "resume"]

    def test_release_unheld(self) -> None:
        """A release that nobody waits for does not start a connection that something else has paused."""
        self.brake.release("answers")
        assert self.producer.calls == []

    def test_same_reason_twice(self) -> None:
        """Pausing twice for one reason takes one release."""
        self.brake.pauseProducing()
        self.brake.pauseProducing()
        self.brake.resumeProducing()
        assert self.producer.calls == ["pause", "resume"]

    def test_stop(self) -> None:
        """Stopping reaches the connection."""
        self.brake.stopProducing()
        assert self.producer.calls == ["stop"]
