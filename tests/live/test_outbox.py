"""What waits for a client that does not read."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from waygps.live.outbox import Outbox


class OutboxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[bytes] = []
        self.outbox = Outbox(self.sent.append)

    def test_interface(self) -> None:
        """The connection can pause it."""
        verifyObject(IPushProducer, self.outbox)

    def test_held_at_first(self) -> None:
        """No update overtakes the initial state: what comes before it waits, and leaves after it in order."""
        self.outbox.offer(1, b"a")
        self.outbox.offer(2, b"b")
        assert self.sent == []
        self.outbox.resumeProducing()
        assert self.sent == [b"a", b"b"]

    def test_at_once(self) -> None:
        """A client that reads gets every update at once."""
        self.outbox.resumeProducing()
        self.outbox.offer(1, b"a")
        self.outbox.offer(1, b"b")
        assert self.sent == [b"a", b"b"]

    def test_newest_of_each(self) -> None:
        """A client that fell behind gets the newest update of each vehicle and none that it would have to skip."""
        for number in range(1000):
            self.outbox.offer(number % 2, b"%d" % number)
        self.outbox.resumeProducing()
        assert sorted(self.sent) == [b"998", b"999"]
        assert self.outbox.replaced == 998

    def test_alerts_of_each_kind(self) -> None:
        """A client that fell behind gets the newest alert of each kind beside the updates, and no backlog of alerts."""
        for number in range(100):
            self.outbox.offer("cola_llena", b"full %d" % number)
            self.outbox.offer("base_de_datos_fuera", b"away %d" % number)
            self.outbox.offer(7, b"moved %d" % number)
        self.outbox.resumeProducing()
        assert sorted(self.sent) == [b"away 99", b"full 99", b"moved 99"]

    def test_last_of_a_story(self) -> None:
        """Of alerts that contradict each other the one that came last is the last that a slow client reads."""
        for _ in range(3):
            self.outbox.offer("fuera", b"away")
            self.outbox.offer("de_vuelta", b"back")
        self.outbox.offer("fuera", b"away again")
        self.outbox.resumeProducing()
        assert self.sent == [b"back", b"away again"]

    def test_oldest_first(self) -> None:
        """Vehicles keep their turn: one that reports often does not fall behind the others."""
        for vehicle, message in ((1, b"a"), (2, b"b"), (1, b"c")):
            self.outbox.offer(vehicle, message)
        self.outbox.resumeProducing()
        assert self.sent == [b"c", b"b"]

    def test_paused_again_while_sending(self) -> None:
        """A connection that fills up in the middle gets the rest when it has room again, each update once."""

        def send(message: bytes) -> None:
            self.sent.append(message)
            outbox.pauseProducing()

        outbox = Outbox(send)
        for vehicle in range(3):
            outbox.offer(vehicle, b"%d" % vehicle)
        outbox.resumeProducing()
        assert self.sent == [b"0"]
        outbox.resumeProducing()
        outbox.resumeProducing()
        outbox.resumeProducing()
        assert self.sent == [b"0", b"1", b"2"]

    def test_stopped(self) -> None:
        """For a connection that is gone nothing is kept."""
        self.outbox.offer(1, b"a")
        self.outbox.stopProducing()
        self.outbox.resumeProducing()
        assert self.sent == []
