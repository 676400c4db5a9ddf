"""Devices over UDP."""

from __future__ import annotations

from twisted.internet.testing import FakeDatagramTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import FakeSessions, LineDecoder, logged
from waygps.ingest.datagram import DeviceDatagrams
from waygps.interfaces import Answer

PEER = ("10.0.0.1", 4000)
OTHER = ("10.0.0.2", 4000)


class DeviceDatagramsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.port = DeviceDatagrams(LineDecoder, self.sessions)
        self.transport = FakeDatagramTransport()
        self.port.transport = self.transport
        self.port.startProtocol()

    def test_reply_only_when_durable(self) -> None:
        """A device over UDP hears nothing until its fix is durable, and then the reply comes to where it sent from."""
        self.port.datagramReceived(b"A 1\n", PEER)
        assert self.transport.written == []
        self.sessions.made[1].answer(0)
        assert self.transport.written == [(b"ack 1\n", PEER)]

    def test_each_its_own(self) -> None:
        """Two devices are answered each for its own report, and half a message of one is no beginning for the other."""
        self.port.datagramReceived(b"A 1", PEER)
        self.port.datagramReceived(b"B 2\n", OTHER)
        first, second = self.sessions.made[1:]
        assert [session.peer for session in (first, second)] == ["10.0.0.1:4000", "10.0.0.2:4000"]
        assert [message.raw for message in first.messages + second.messages] == [b"A 1", b"B 2"]
        second.answer(0)
        first.answer(0)
        assert self.transport.written == [(b"ack 2\n", OTHER), (b"ack 1\n", PEER)]

    def test_several_messages(self) -> None:
        """Every message of a datagram is stored."""
        self.port.datagramReceived(b"A 1\nA 2", PEER)
        assert [message.raw for message in self.sessions.made[1].messages] == [b"A 1", b"A 2"]

    def test_garbage(self) -> None:
        """A datagram of garbage is not answered, is said in the log, and the next one is served."""
        with logged() as lines:
            self.port.datagramReceived(b"!x", PEER)
        self.port.datagramReceived(b"A 1", PEER)
        assert self.transport.written == []
        assert lines == [
            "10.0.0.1:4000 sent a datagram that cannot be decoded: a line begins with !; it is not acknowledged. "
            "First bytes: 2178"
        ]
        assert len(self.sessions.made[2].messages) == 1

    def test_dropped_while_paused(self) -> None:
        """While the store is full datagrams are dropped unanswered and counted; later ones are taken again."""
        self.port.pauseProducing()
        self.port.datagramReceived(b"A 1", PEER)
        assert len(self.sessions.made) == 1
        self.port.resumeProducing()
        self.port.datagramReceived(b"A 1", PEER)
        assert len(self.sessions.made[1].messages) == 1
        assert self.port.dropped == 1

    def test_nothing_to_say(self) -> None:
        """A message that has no answer, or could not be stored, sends no empty datagram."""
        self.port.datagramReceived(b"A 1", PEER)
        self.sessions.made[1].answer(0, Answer(close=True))
        assert self.transport.written == []

    def test_answer_after_the_stop(self) -> None:
        """An answer that becomes ready after the port was closed goes nowhere and breaks nothing."""
        self.port.datagramReceived(b"A 1", PEER)
        self.port.transport = None  # type: ignore[assignment]  # as Twisted leaves it
        self.port.stopProtocol()
        self.sessions.made[1].answer(0)
        assert self.sessions.made[0].ended == 1
        assert self.transport.written == []

    def test_is_what_is_paused(self) -> None:
        """The port as a whole is what the full store pauses, not a sender."""
        assert self.sessions.made[0].producer is self.port
