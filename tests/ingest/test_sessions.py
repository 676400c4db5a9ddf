"""What a device is answered, and what the operator reads about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import FakePipeline, FakeProducer, FakeVehicles, FakeWriter, a_fix, logged
from waygps.errors import StoreUnavailable
from waygps.fix import Message
from waygps.ingest.sessions import Said, Session, SessionFactory
from waygps.ingest.valve import Valve
from waygps.interfaces import Answer, ISession, ISessionFactory, Outcome
from waygps.origin import Origin, Policy
from waygps.pipeline.pipeline import Pipeline, Receipt
from waygps.pipeline.presence import GRACE, Presence
from waygps.position import Vehicle

MESSAGE = Message(device="A1", fixes=(a_fix(), a_fix()), reply=b"ok", refusal=b"no", raw=b"\x01\x02")


class BrokenVehicles(FakeVehicles):
    """A look-up with a bug."""

    def find(self, imei: str, unknown: Policy) -> Vehicle | Deferred[Vehicle | None] | None:
        raise RuntimeError("a bug")


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pipeline = FakePipeline()
        self.valve = Valve(high=100)
        self.factory = SessionFactory(self.pipeline, self.valve, Origin("lines"))  # type: ignore[arg-type]  # a stand-in
        self.session = self.factory.session("10.0.0.1:5000")

    def test_interfaces(self) -> None:
        """A vendor's own protocol gets what the interfaces promise."""
        verifyObject(ISessionFactory, self.factory)
        verifyObject(ISession, self.session)

    def test_accepted(self) -> None:
        """A message that is durable is answered with its reply, and the connection stays."""
        answer = self.session.submit(MESSAGE)
        self.assertNoResult(answer)
        assert self.pipeline.submitted == [(MESSAGE, Origin("lines"), "10.0.0.1:5000")]
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.successResultOf(answer) == Answer(b"ok")

    def test_reply_with_the_time(self) -> None:
        """A device that asks what time it is hears the time at which it is answered, not that of its question."""
        times = iter([datetime(2026, 11, 24, 7, 30, tzinfo=UTC)])
        factory = SessionFactory(self.pipeline, self.valve, Origin("lines"), now=lambda: next(times))  # type: ignore[arg-type]
        asking = Message(device="A1", timed_reply=lambda now: f"{now:%H:%M}".encode())
        answer = factory.session("10.0.0.1:5000").submit(asking)
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.successResultOf(answer) == Answer(b"07:30")

    def test_reply_that_cannot_be_made(self) -> None:
        """A plugin whose reply fails costs the reply and a line of the log; the connection, and what is stored, stay."""
        answer = self.session.submit(Message(device="A1", timed_reply=lambda now: bytes(1 // 0)))
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.successResultOf(answer) == Answer()
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_refused(self) -> None:
        """A device that is not accepted gets the refusal and is hung up on; the operator reads how to accept it, once."""
        refused = Answer(b"no", True, Outcome.REFUSED, "device A1 is not in the table moviles")
        with logged() as lines:
            for number in range(3):
                answer = self.factory.session("10.0.0.1:5000").submit(MESSAGE)
                self.pipeline.receipts[number].callback(Receipt(False, "device A1 is not in the table moviles"))
                assert self.successResultOf(answer) == refused
        assert lines == [
            "lines device at 10.0.0.1:5000 is refused: device A1 is not in the table moviles. To accept it, insert it into "
            'moviles (imei) or set ingest.unknown_devices = "registrar"'
        ]

    def test_warnings_of_a_crowd(self) -> None:
        """A crowd whose messages name no device does not fill the log, and a device that does is heard beside it."""
        with logged() as lines:
            for number in range(500):
                self.factory.session(f"10.0.0.1:{number}").submit(Message(device="", warnings=("IMEI is missing",)))
            self.session.submit(Message(device="A1", warnings=("bat is missing",)))
        assert sum("IMEI is missing" in line for line in lines) == 10
        assert lines[-1] == "A1 at 10.0.0.1:5000: bat is missing"

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
        assert self.successResultOf(answer) == Answer(b"", True, Outcome.UNAVAILABLE)

    def test_unexpected_fault(self) -> None:
        """A bug on the way gets no reply; the log has the device and the bytes, so that nothing is lost."""
        answer = self.session.submit(MESSAGE)
        with logged() as lines:
            self.pipeline.receipts[0].errback(RuntimeError("a bug"))
        assert self.successResultOf(answer) == Answer(b"", True, Outcome.UNAVAILABLE)
        assert any("a message of A1 is not acknowledged: 0102" in line for line in lines)
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_fault_at_once(self) -> None:
        """A bug that shows before anything is asked of the database is the same to the device, and nothing stays counted."""
        pipeline = Pipeline(BrokenVehicles(), FakeWriter())
        session = SessionFactory(pipeline, self.valve, Origin("lines")).session("10.0.0.1:5000")
        assert self.successResultOf(session.submit(MESSAGE)) == Answer(b"", True, Outcome.UNAVAILABLE)
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


class PresenceTests(SynchronousTestCase):
    """What the sessions of two receivers tell about their devices."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.alerts: list[str] = []
        self.presence = Presence(alert=lambda kind, _: self.alerts.append(kind), seconds=self.clock.seconds)
        self.pipeline = FakePipeline()
        made = [SessionFactory(self.pipeline, Valve(100), Origin(name), self.presence) for name in ("lines", "odd")]  # type: ignore[arg-type]
        self.receiver, self.other = made

    def connect(self, receiver: SessionFactory | None = None, peer: str = "10.0.0.1:5000") -> tuple[Session, FakeProducer]:
        producer = FakeProducer()
        return (receiver or self.receiver).session(peer, producer), producer

    def send(self, session: Session, device: str = "A1", **more: Any) -> None:
        """A message of this device, stored at once."""
        session.submit(Message(device=device, fixes=(a_fix(),), **more))
        self.pipeline.receipts[-1].callback(Receipt(True))

    def after(self, seconds: float = 0) -> dict[str, str]:
        """The states that changed within so many seconds."""
        self.clock.advance(seconds)
        return self.presence.tick()

    def test_connected_and_gone(self) -> None:
        """A device is connected from its first message that is stored until its connection has been gone for a while."""
        session, _ = self.connect()
        assert self.after() == {}
        self.send(session)
        assert self.after(1) == {"A1": "conectado"}
        session.end()
        assert self.after(GRACE) == {"A1": "desconectado"}

    def test_login_alone(self) -> None:
        """A device that said who it is and has no position yet is connected; one that just pings is nobody."""
        session, _ = self.connect()
        for device in ("", "A1"):
            session.submit(Message(device=device))
            self.pipeline.receipts[-1].callback(Receipt(True))
        assert self.after() == {"A1": "conectado"}

    def test_refused(self) -> None:
        """A device that is not accepted has no state."""
        session, _ = self.connect()
        session.submit(MESSAGE)
        self.pipeline.receipts[-1].callback(Receipt(False, "device A1 is not in the table moviles"))
        session.end()
        assert self.after(GRACE) == {}

    def test_not_stored(self) -> None:
        """A message that the stop of the server overtook says nothing about its device."""
        session, _ = self.connect()
        session.submit(MESSAGE)
        self.pipeline.receipts[-1].errback(StoreUnavailable())
        assert self.after() == {}

    def test_stored_after_the_end(self) -> None:
        """A device that hangs up before its first message is stored is gone like any other, and is not missed as a connection."""
        session, producer = self.connect()
        session.submit(MESSAGE)
        session.end()
        self.pipeline.receipts[-1].callback(Receipt(True))
        assert self.after() == {"A1": "conectado"}
        self.send(self.connect()[0])
        assert producer.calls == []

    def test_datagrams(self) -> None:
        """A device over UDP is connected without a connection: the end of a datagram is not its end."""
        session = self.receiver.session("10.0.0.1:5000")
        self.send(session)
        session.end()
        assert self.after() == {"A1": "conectado"}
        assert self.after(GRACE) == {}

    def test_newer_wins(self) -> None:
        """When a device comes on a second connection, on whichever port, the first is closed, and the second is not."""
        (older, first), (newer, second) = self.connect(), self.connect(self.other)
        self.send(older)
        self.send(newer)
        assert (first.calls, second.calls) == (["stop"], [])
        self.send(older)
        older.end()
        assert second.calls == []
        assert self.after() == {"A1": "conectado"}
        assert self.after(GRACE) == {}

    def test_two_devices_with_one_identity(self) -> None:
        """Two devices that take turns with one identification raise an alert."""
        for number in range(4):
            self.send(self.connect(peer=f"10.0.0.{number % 2}:5000")[0])
        assert self.alerts == ["identidad_repetida"]

    def test_gateway(self) -> None:
        """A connection that carries several devices stays when one of them comes on its own, and all of them are gone with it."""
        gateway, producer = self.connect()
        for device in ("A1", "B2", "C3", "A1"):
            self.send(gateway, device)
        self.send(self.connect()[0])
        assert producer.calls == []
        assert set(self.after(100)) == {"A1", "B2", "C3"}
        gateway.end()
        assert self.after(GRACE) == {"B2": "desconectado", "C3": "desconectado"}

    def test_gateway_takes_back(self) -> None:
        """A device that goes back to its gateway is displaced from its own connection."""
        gateway, _ = self.connect()
        self.send(gateway, "B2")
        self.send(gateway, "A1")
        own, producer = self.connect()
        self.send(own, "A1")
        self.send(gateway, "A1")
        assert producer.calls == ["stop"]

    def test_unreadable(self) -> None:
        """A report that cannot be read is an error of its device until the next one that can."""
        session, _ = self.connect()
        self.send(session, unreadable="the position is unreadable")
        assert self.after() == {"A1": "error"}
        self.send(session)
        assert self.after() == {"A1": "conectado"}

    def test_undecodable(self) -> None:
        """Bytes that are no message are an error of the device that spoke before them, and of nobody where none did."""
        (session, _), (nobody, _) = self.connect(), self.connect()
        self.send(session)
        nobody.undecodable()
        assert self.after() == {"A1": "conectado"}
        session.undecodable()
        assert self.after() == {"A1": "error"}

    def test_bug(self) -> None:
        """A message that meets a bug of the server's is an error of its device too: its fixes are not stored."""
        session, _ = self.connect()
        self.send(session)
        session.submit(MESSAGE)
        self.pipeline.receipts[-1].errback(RuntimeError("a bug"))
        assert self.after() == {"A1": "error"}
        assert len(self.flushLoggedErrors(RuntimeError)) == 1


class SaidTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        """Texts are remembered up to a bound; then the oldest is news again."""
        said = Said(most=2)
        assert [said.is_news(text) for text in ("a", "b", "a", "c", "b", "a")] == [True, True, False, True, False, True]
