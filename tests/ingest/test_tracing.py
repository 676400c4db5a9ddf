"""The trace of a device: who is told what, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import json
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import NOON, FakePipeline, FakeProducer, a_fix, logged
from waygps.errors import StoreUnavailable
from waygps.fix import Message, Vitals
from waygps.ingest import notices
from waygps.ingest.sessions import SessionFactory
from waygps.ingest.telling import LARGEST, encoded, incoming, outgoing
from waygps.ingest.tracing import CHANNEL, MOST, Tracing
from waygps.ingest.valve import Valve
from waygps.interfaces import Answer, ISession, Outcome
from waygps.origin import Origin
from waygps.pipeline.pipeline import Receipt

ONE, TWO = f"{CHANNEL}_1", f"{CHANNEL}_2"
PEER = "10.0.0.1:5000"


class FakeDatabase:
    """Delivers notifications: ``told`` has them by channel. While ``is_slow`` the test lets each statement return."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.waiting: list[Deferred[None]] = []
        self.is_slow = self.is_away = False

    def listen(self, channel: str, heard: Callable[[str], None]) -> Deferred[None]:
        assert channel == CHANNEL
        self.notify = heard
        return succeed(None)

    def execute(self, sql: str, arguments: Any) -> Deferred[None]:
        if self.is_away:
            return fail(StoreUnavailable("away"))
        self.told += [(channel, json.decode(text)) for channel, text in zip(*arguments, strict=True)]
        if not self.is_slow:
            return succeed(None)
        self.waiting.append(Deferred())
        return self.waiting[-1]


class TracingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.database, self.clock = FakeDatabase(), Clock()
        self.tracing = Tracing(self.clock, self.database, lambda: NOON / 1000)
        self.tracing.startService()
        self.pipeline = FakePipeline()
        tracer = self.tracing.tracer("Norte")
        self.factory = SessionFactory(self.pipeline, Valve(100), Origin("lines"), tracer=tracer)  # type: ignore[arg-type]  # a stand-in
        self.session = self.factory.session(PEER, FakeProducer())

    def ask(self, device: str = "A", channel: str = ONE, seconds: float = 60) -> None:
        """Somebody wants the trace of this device."""
        self.database.notify(json.encode({"dispositivo": device, "canal": channel, "segundos": seconds}).decode())

    def told(self, channel: str = ONE, kind: str = "") -> list[dict[str, Any]]:
        """What this channel was told since the last time, the greeting apart."""
        told = [event for to, event in self.database.told if to == channel and event["tipo"] != "escucha"]
        self.database.told = [each for each in self.database.told if each[0] != channel]
        return [event for event in told if kind in ("", event["tipo"])]

    def report(self, device: str = "A", **more: Any) -> Deferred[Answer]:
        """The device sends a message."""
        return self.session.submit(Message(device=device, fixes=(a_fix(),), raw=b"report", reply=b"ok", **more))


class TracingTests(TracingTest):
    def test_nobody_asks(self) -> None:
        """Without a request nothing is told, and a session is what it was."""
        verifyObject(ISession, self.session)
        self.report()
        self.session.undecodable(b"x", "why")
        self.session.end()
        assert self.database.told == []

    def test_message(self) -> None:
        """A message is told when it comes, decoded; and what it was answered, with the outcome, when that is known."""
        self.ask()
        answering = self.report(warnings=("a sensor is broken",), vitals=Vitals(battery_pct=80))
        (event,) = self.told()
        assert event.pop("n") == 2
        assert event == {
            "tipo": "mensaje",
            "hora": "2026-11-24T12:00:00.000Z",
            "dispositivo": "A",
            "receptor": "Norte",
            "protocolo": "lines",
            "origen": PEER,
            "sentido": "entrada",
            "bytes": 6,
            "hex": b"report".hex(),
            "fixes": [{"time": "2026-11-24T12:00:00.000Z", "lat": -34.6, "lon": -58.4, "valid": True}],
            "avisos": ["a sensor is broken"],
            "vitales": {"battery_pct": 80},
        }
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.successResultOf(answering).data == b"ok"
        begun, answer = self.told()
        assert (begun["tipo"], begun["origen"]) == ("conexion", PEER)
        assert (answer["sentido"], answer["hex"], answer["resultado"]) == ("salida", b"ok".hex(), "guardado")
        assert 0 <= answer["ms"] < 10_000

    def test_refused(self) -> None:
        """A refusal is told with its reason, and so is a message that could not be stored."""
        self.ask()
        self.report(refusal=b"no")
        self.report()
        with logged():
            self.pipeline.receipts[0].callback(Receipt(False, "unknown"))
            self.pipeline.receipts[1].errback(StoreUnavailable("away"))
        refused, lost = [event for event in self.told() if event["sentido"] == "salida"]
        assert (refused["resultado"], refused["motivo"], refused["hex"], refused["cierra"]) == (
            "rechazado",
            "unknown",
            b"no".hex(),
            True,
        )
        assert (lost["resultado"], lost["bytes"]) == ("no_disponible", 0)

    def test_connection(self) -> None:
        """What cannot be decoded on the device's connection is told, and the connection's end."""
        self.report()
        self.pipeline.receipts[0].callback(Receipt(True))
        self.ask()
        self.session.undecodable(b"\x01\x02", "no frame")
        self.session.end()
        garbled, ended = self.told()
        assert (garbled["tipo"], garbled["hex"], garbled["motivo"]) == ("indescifrable", "0102", "no frame")
        assert ended["tipo"] == "desconexion"

    def test_nameless_message(self) -> None:
        """A message that names nobody is the device's whose connection it came on."""
        self.report()
        self.pipeline.receipts[0].callback(Receipt(True))
        self.ask()
        self.session.submit(Message(device="", raw=b"ping", reply=b"pong"))
        assert [event["hex"] for event in self.told() if event["sentido"] == "entrada"] == [b"ping".hex()]

    def test_others(self) -> None:
        """Other devices are not told of."""
        self.ask()
        self.report("B")
        assert self.told() == []

    def test_two_who_ask(self) -> None:
        """Two may trace one device; one that has enough leaves the other his."""
        self.ask()
        self.ask(channel=TWO)
        self.report()
        assert (len(self.told(ONE)), len(self.told(TWO))) == (1, 1)
        self.ask(seconds=0)
        self.report()
        assert (len(self.told(ONE)), len(self.told(TWO))) == (0, 1)

    def test_greeting(self) -> None:
        """Who asks is told once that a server hears."""
        self.ask()
        self.ask()
        assert [event["tipo"] for _, event in self.database.told] == ["escucha"]

    def test_end(self) -> None:
        """A trace ends by itself unless it is renewed, and leaves nothing."""
        self.ask()
        self.clock.advance(59)
        self.ask()
        self.clock.advance(59)
        assert list(self.tracing.traced) == ["A"]
        self.clock.advance(1)
        assert self.tracing.traced == {}
        self.report()
        assert self.told() == []
        self.ask()
        self.tracing.stopService()
        assert (self.tracing.traced, self.clock.getDelayedCalls()) == ({}, [])

    def test_answer_after_the_end(self) -> None:
        """An answer that is given when nobody listens any more disturbs nobody."""
        self.ask()
        self.report()
        self.ask(seconds=0)
        self.told()
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.told() == []

    def test_too_many(self) -> None:
        """More traces than the bound are not begun."""
        for number in range(MOST + 1):
            self.ask(str(number))
        assert len(self.tracing.traced) == MOST

    def test_nonsense(self) -> None:
        """What is no request, also one for a channel of others, is said in the log and changes nothing."""
        good = {"dispositivo": "A", "canal": ONE, "segundos": 60}
        for wrong in ({"canal": "waygps_receptores"}, {"canal": ONE + "; DROP"}, {"segundos": 1e9}, {"dispositivo": ""}):
            with logged() as lines:
                self.database.notify(json.encode({**good, **wrong}).decode())
            assert len(lines) == 1
        for text in ("", "{", "[]", "5"):
            with logged() as lines:
                self.database.notify(text)
            assert len(lines) == 1
        assert self.tracing.traced == {}


class NoticesTests(TracingTest):
    def test_flood(self) -> None:
        """More than PostgreSQL takes is dropped, and who listens is told how much, also when nothing follows."""
        self.database.is_slow = True
        self.ask()
        count = notices.MOST_WAITING + 10
        for _ in range(count):
            self.report()
        self.database.is_slow = False
        self.database.waiting[0].callback(None)
        told = self.told()
        assert len([event for event in told if event["tipo"] == "mensaje"]) == notices.MOST_WAITING
        assert (told[-1]["tipo"], told[-1]["perdidos"]) == ("perdidos", 10)
        assert [event["n"] for event in told] == sorted({event["n"] for event in told})

    def test_database_away(self) -> None:
        """What was not told while PostgreSQL was away is counted in the next event."""
        self.ask()
        self.database.is_away = True
        self.report()
        self.report()
        self.database.is_away = False
        self.report()
        (event,) = self.told()
        assert event["perdidos"] == 2

    def test_fault(self) -> None:
        """A statement that fails for another reason is in the log, and no device notices."""
        self.ask()
        self.database.execute = lambda *_: fail(ZeroDivisionError())  # type: ignore[method-assign]
        answering = self.report()
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        self.pipeline.receipts[0].callback(Receipt(True))
        assert self.successResultOf(answering).data == b"ok"
        self.flushLoggedErrors(ZeroDivisionError)


class TellingTests(SynchronousTestCase):
    def test_fits(self) -> None:
        """Whatever comes fits into a notification, and says what of it is missing."""
        big = "ñ" * 5000
        fix = a_fix(attributes={str(number): number for number in range(100)})
        cases = {
            "hex_cortado": Message(device="A", raw=b"x" * 100_000),
            "fixes_omitidos": Message(device="A", fixes=(fix,) * 50, raw=b"x" * 6000),
            "omitido": Message(device="A", warnings=(big,), unreadable=big, fixes=(a_fix(attributes={"x": big}),)),
        }
        for key, message in cases.items():
            text = encoded({**incoming(message), "origen": PEER})
            assert len(text.encode()) <= LARGEST
            event = json.decode(text)
            assert event[key]
            assert event["bytes"] == len(message.raw)
        assert len(encoded({**outgoing(Answer(b"x" * 9000, reason=big), 1)}).encode()) <= LARGEST

    def test_omitted_fixes(self) -> None:
        """The fixes that are told and those that are left out are all."""
        message = Message(device="A", fixes=tuple(a_fix(attributes={"text": "x" * 1000}) for _ in range(13)))
        event = json.decode(encoded(incoming(message)))
        assert len(event["fixes"]) + event["fixes_omitidos"] == 13

    def test_impossible_time(self) -> None:
        """A time that no calendar has is told as the number that it is."""
        assert incoming(Message(device="A", fixes=(a_fix(time=10**18),)))["fixes"][0]["time"] == 10**18
        assert "time" not in incoming(Message(device="A", fixes=(a_fix(time=None),)))["fixes"][0]

    def test_outcomes(self) -> None:
        """Every outcome has its word."""
        assert {outgoing(Answer(outcome=outcome), 0)["resultado"] for outcome in Outcome} == {
            "guardado",
            "rechazado",
            "no_disponible",
        }
