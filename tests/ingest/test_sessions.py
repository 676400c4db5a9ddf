"""What a device is answered, and what the operator reads about it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import FakePipeline, FakeProducer, FakeVehicles, FakeWriter, a_fix, logged
from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.ingest.sessions import Said, SessionFactory
from waygps.ingest.valve import Valve
from waygps.interfaces import Answer, ISession, ISessionFactory
from waygps.pipeline.pipeline import Pipeline, Receipt
from waygps.position import Vehicle

MESSAGE = Message(device="A1", fixes=(a_fix(), a_fix()), reply=b"ok", refusal=b"no", raw=b"\x01\x02")


class BrokenVehicles(FakeVehicles):
    """A look-up with a bug."""

    def find(self, imei: str) -> Vehicle | Deferred[Vehicle | None] | None:
        raise RuntimeError("a bug")


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pipeline = FakePipeline()
        self.valve = Valve(high=100)
        self.factory = SessionFactory(self.pipeline, self.valve, "lines")  # type: ignore[arg-type]  # a stand-in
        self.session = self.factory.session("10.0.0.1:5000")

    def test_interfaces(self) -> None:
        """A vendor's own protocol gets what the interfaces promise."""
        verifyObject(ISessionFactory, self.factory)
        verifyObject(ISession, self.session)

    def test_accepted(self) -> None:
        """A message that is durable is answered with its reply, and the connection stays."""
        answer = self.session.submit(MESSAGE)
        self.assertNoResult(answer)
        assert self.pipeline.submitted == [(MESSAGE, "lines")]
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.successResultOf(answer) == Answer(b"ok")

    def test_refused(self) -> None:
        """A device that is not accepted gets the refusal and is hung up on; the operator reads how to accept it, once."""
        with logged() as lines:
            for number in range(3):
                answer = self.factory.session("10.0.0.1:5000").submit(MESSAGE)
                self.pipeline.receipts[number].callback(Receipt(False, "device A1 is not in the table moviles"))
                assert self.successResultOf(answer) == Answer(b"no", close=True)
        assert lines == [
            "lines device at 10.0.0.1:5000 is refused: device A1 is not in the table moviles. To accept it, insert it into "
            'moviles (imei) or set ingest.unknown_devices = "registrar"'
        ]

    def test_warnings_once(self) -> None:
        """A device whose sensor is broken in every report fills one line of the log, not one a report."""
        message = Message(device="A1", warnings=("bat 'x' cannot be read and was dropped",))
        with logged() as lines:
            self.session.submit(message)
            self.session.submit(message)
        assert lines == ["A1 at 10.0.0.1:5000: bat 'x' cannot be read and was dropped"]

    def test_store_unavailable(self) -> None:
        """When the server stops before a message is durable its device gets no reply, and the connection ends."""
        answer = self.session.submit(MESSAGE)
        self.pipeline.receipts[0].errback(StoreUnavailable("the database is out of reach"))
        assert self.successResultOf(answer) == Answer(close=True)

    def test_unexpected_fault(self) -> None:
        """A bug on the way gets no reply; the log has the device and the bytes, so that nothing is lost."""
        answer = self.session.submit(MESSAGE)
        with logged() as lines:
            self.pipeline.receipts[0].errback(RuntimeError("a bug"))
        assert self.successResultOf(answer) == Answer(close=True)
        assert any("a message of A1 is not acknowledged: 0102" in line for line in lines)
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_fault_at_once(self) -> None:
        """A bug that shows before anything is asked of the database is the same to the device, and nothing stays counted."""
        pipeline = Pipeline(BrokenVehicles(), FakeWriter())
        session = SessionFactory(pipeline, self.valve, "lines").session("10.0.0.1:5000")
        assert self.successResultOf(session.submit(MESSAGE)) == Answer(close=True)
        assert self.valve.held == 0
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_counted_while_held(self) -> None:
        """What is on its way counts against the bound until it is durable or has failed."""
        self.session.submit(MESSAGE)
        self.session.submit(Message(device="A1"))
        assert self.valve.held == 3
        self.pipeline.receipts[0].callback(Receipt(True))
        self.pipeline.receipts[1].errback(StoreUnavailable())
        assert self.valve.held == 0

    def test_connection_is_paused(self) -> None:
        """A connection is paused with the others while the store is full, until it is gone."""
        producer = FakeProducer()
        session = self.factory.session("10.0.0.1:5000", producer)
        self.valve.take(100)
        assert producer.paused
        session.end()
        self.valve.give_back(100)
        assert producer.paused


class SaidTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        """Texts are remembered up to a bound; then the oldest is news again."""
        said = Said(most=2)
        assert [said.is_news(text) for text in ("a", "b", "a", "c", "b", "a")] == [True, True, False, True, False, True]
