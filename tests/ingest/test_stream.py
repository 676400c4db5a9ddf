"""A device on a TCP connection."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import FakeSessions, LineDecoder, logged
from waygps.fix import Message
from waygps.ingest.stream import DeviceStream, StreamFactory, peer_name
from waygps.interfaces import Answer, IDecoder, ISession, ISessionFactory


class BrokenDecoder(LineDecoder):
    """A plugin with a bug."""

    def feed(self, data: bytes) -> Iterator[Message]:
        raise RuntimeError("a bug in the plugin")

    def end(self) -> Iterator[Message]:
        raise RuntimeError("a bug in the plugin")


class DeviceStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connect(StreamFactory(LineDecoder, sessions := FakeSessions()), sessions)

    def connect(self, factory: StreamFactory, sessions: FakeSessions) -> None:
        self.device: DeviceStream = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.device.makeConnection(self.transport)
        (self.session,) = sessions.made

    def test_interfaces(self) -> None:
        """The stand-ins of these tests are what they stand for."""
        verifyObject(IDecoder, LineDecoder())
        verifyObject(ISessionFactory, FakeSessions())
        verifyObject(ISession, self.session)
        verifyObject(ITransport, self.transport)

    def test_no_reply_before_durable(self) -> None:
        """A device hears nothing until its fix is durable, and its reply then."""
        self.device.dataReceived(b"A 1\n")
        assert self.transport.value() == b""
        self.session.answer(0)
        assert self.transport.value() == b"ack 1\n"
        assert not self.transport.disconnecting

    def test_replies_in_order(self) -> None:
        """Two reports in one segment are answered in their order, though the second is stored first."""
        self.device.dataReceived(b"A 1\nA 2\n")
        self.session.answer(1)
        assert self.transport.value() == b""
        self.session.answer(0)
        assert self.transport.value() == b"ack 1\nack 2\n"

    def test_partial_input(self) -> None:
        """A report that the network splits is understood when its rest arrives."""
        for byte in b"A 1":
            self.device.dataReceived(bytes([byte]))
        assert self.session.messages == []
        self.device.dataReceived(b"\n")
        assert [message.raw for message in self.session.messages] == [b"A 1"]

    def test_decode_error_closes_after_answers(self) -> None:
        """What came before garbage is answered, then the connection ends; the log names the peer, the reason and the bytes."""
        with logged() as lines:
            self.device.dataReceived(b"A 1\n!xyz\nA 2\n")
        assert [message.raw for message in self.session.messages] == [b"A 1"]
        assert not self.transport.disconnecting
        self.session.answer(0)
        assert self.transport.value() == b"ack 1\n"
        assert self.transport.disconnecting
        assert lines == [
            "192.168.1.1:54321 sent what cannot be decoded: a line begins with !; closing, nothing of it is acknowledged. "
            "First bytes: 2178797a"
        ]

    def test_nothing_after_decode_error(self) -> None:
        """After garbage nothing on that connection is believed any more, and its device is in error."""
        self.device.dataReceived(b"!\n")
        assert self.session.garbled == 1
        self.device.dataReceived(b"A 1\n")
        self.device.connectionLost(connectionDone)
        assert self.session.messages == []
        assert self.transport.value() == b""

    def test_nothing_after_a_close(self) -> None:
        """A report that could not be stored gets no reply, nor what a device could take for its reply: the next one's."""
        self.device.dataReceived(b"A 1\nA 2\n")
        self.session.answer(0, Answer(close=True))
        self.session.answer(1)
        assert self.transport.disconnecting
        assert self.transport.value() == b""

    def test_refusal_once(self) -> None:
        """A refused device that sent three reports at once is told once, and the connection ends."""
        self.device.dataReceived(b"A 1\nA 2\nA 3\n")
        for number in range(3):
            self.session.answer(number, Answer(b"no\n", close=True))
        assert self.transport.value() == b"no\n"
        assert self.transport.disconnecting

    def test_nothing_read_after_a_close(self) -> None:
        """What a refused device sends while the connection is being closed is not stored."""
        self.device.dataReceived(b"A 1\n")
        self.session.answer(0, Answer(b"no\n", close=True))
        self.device.dataReceived(b"A 2\n")
        assert len(self.session.messages) == 1

    def test_disconnect_while_pending(self) -> None:
        """A device that hangs up before its answer breaks nothing: the fix is stored, the answer goes nowhere."""
        self.device.dataReceived(b"A 1\n")
        self.device.connectionLost(connectionDone)
        assert self.session.ended == 1
        self.session.answer(0)

    def test_last_message_without_end(self) -> None:
        """A report whose end is the end of the connection is stored too."""
        self.device.dataReceived(b"A 1")
        self.device.connectionLost(connectionDone)
        assert [message.raw for message in self.session.messages] == [b"A 1"]

    def test_reading_pauses_while_answers_are_owed(self) -> None:
        """A device that sends without waiting is not read while too many of its reports are on their way to the disk."""
        for number in range(64):
            self.device.dataReceived(b"A %d\n" % number)
        assert self.transport.producerState == "paused"
        for number in range(32):
            self.session.answer(number)
        assert self.transport.producerState == "producing"

    def test_store_pauses_the_connection(self) -> None:
        """The server can stop reading this device while the store is full."""
        producer = self.session.producer
        assert producer is not None
        producer.pauseProducing()
        assert self.transport.producerState == "paused"
        producer.resumeProducing()
        assert self.transport.producerState == "producing"

    def test_broken_plugin(self) -> None:
        """A plugin with a bug costs its own connection, unanswered, and the log says what it raised."""
        self.connect(StreamFactory(BrokenDecoder, sessions := FakeSessions()), sessions)
        with logged() as lines:
            self.device.dataReceived(b"A 1\n")
        assert self.transport.disconnecting
        assert self.transport.value() == b""
        assert any("the decoder failed: RuntimeError: a bug in the plugin; closing" in line for line in lines)
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_broken_plugin_leaves_nothing(self) -> None:
        """A plugin that fails when its device hangs up is not kept for ever in the accounts of the server."""
        self.connect(StreamFactory(BrokenDecoder, sessions := FakeSessions()), sessions)
        self.device.connectionLost(connectionDone)
        assert self.session.ended == 1
        assert len(self.flushLoggedErrors(RuntimeError)) == 1


class PeerNameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """The log names a peer by address and port, or as well as it can."""
        assert peer_name(StringTransport().getPeer()) == "192.168.1.1:54321"
        assert peer_name("somewhere") == "somewhere"
