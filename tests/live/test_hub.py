"""From the pipeline to the clients."""

from __future__ import annotations

from typing import Any

from msgspec import json
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import NOON, FakeVehicles, FakeWriter, a_fix, a_position, logged
from waygps import events
from waygps.fix import Message, Vitals
from waygps.live.batch import Batch
from waygps.live.hub import AT_ONCE, FAULT, SESSION_ENDED, Hub
from waygps.live.messages import plain
from waygps.live.update import Update
from waygps.origin import Origin
from waygps.pipeline.pipeline import Pipeline
from waygps.position import Vehicle

VAN = Vehicle(7, "A1", "AB123CD")


class FakeClient:
    """A browser that reads everything."""

    def __init__(self, session: bytes = b"") -> None:
        self.session = session
        self.heard: list[tuple[int, Any]] = []
        self.states: list[tuple[int, Any]] = []
        self.alerts: list[tuple[str, Any]] = []
        self.ended: list[tuple[int, str]] = []

    def take(self, batch: Batch) -> None:
        for item in batch.items:
            if isinstance(item, Update):
                self.heard.append((item.vehicle, json.decode(plain(item, trail=False))["data"]))
            else:
                self.states.append((item.vehicle, json.decode(item.message)))

    def alert(self, kind: str, message: bytes) -> None:
        self.alerts.append((kind, json.decode(message)))

    def end(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))


class BrokenClient(FakeClient):
    """A client whose connection has a bug."""

    def take(self, batch: Batch) -> None:
        raise RuntimeError("a bug")

    def alert(self, kind: str, message: bytes) -> None:
        raise RuntimeError("a bug")


class HubTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hub, self.client = Hub(), FakeClient()
        self.hub.join(self.client)

    def test_everybody_hears(self) -> None:
        """Every client hears of a vehicle that moved, until it leaves."""
        other = FakeClient()
        self.hub.join(other)
        assert len(self.hub) == 2
        self.hub.tell(VAN, [a_position(VAN, a_fix(lat=1.0))])
        self.hub.leave(other)
        self.hub.leave(other)
        self.hub.tell(VAN, [a_position(VAN, a_fix(lat=2.0))])
        assert [data["latitud"] for _, data in self.client.heard] == [1.0, 2.0]
        assert [data["latitud"] for _, data in other.heard] == [1.0]
        assert len(self.hub) == 1

    def test_newest_of_a_message(self) -> None:
        """A message with ten minutes of positions is one update, with the newest, whatever their order."""
        fixes = [a_fix(NOON - 1, lat=1.0), a_fix(NOON, lat=2.0), a_fix(NOON - 2, lat=3.0)]
        self.hub.tell(VAN, [a_position(VAN, fix) for fix in fixes])
        ((vehicle, data),) = self.client.heard
        assert (vehicle, data["latitud"], data["fecha_gps"]) == (7, 2.0, "2026-11-24T12:00:00Z")

    def test_without_a_position_yet(self) -> None:
        """A vehicle whose device has not found its position since it was first heard of is not put anywhere."""
        self.hub.tell(VAN, [a_position(VAN, a_fix(lat=0.0, lon=0.0, valid=False))])
        assert self.client.heard == []

    def test_clock_ahead(self) -> None:
        """A report of a clock that is ahead does not hold the vehicle: the next right one is where it is."""
        self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + 540_000, lat=1.0), NOON)])
        self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + 4_000, lat=2.0), NOON + 5_000)])
        assert [(data["latitud"], data["fecha_gps"]) for _, data in self.client.heard] == [
            (1.0, "2026-11-24T12:00:00Z"),
            (2.0, "2026-11-24T12:00:04Z"),
        ]

    def test_position_lost(self) -> None:
        """A vehicle in a tunnel stays where it was last seen, with its new time."""
        self.hub.tell(VAN, [a_position(VAN, a_fix(lat=1.0))])
        self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + 60_000, lat=0.0, valid=False), NOON + 60_000)])
        assert [(data["latitud"], data["fecha_gps"]) for _, data in self.client.heard] == [
            (1.0, "2026-11-24T12:00:00Z"),
            (1.0, "2026-11-24T12:01:00Z"),
        ]

    def test_place_is_known_to_later_clients(self) -> None:
        """What happened while nobody watched counts for who comes later."""
        self.hub.leave(self.client)
        self.hub.tell(VAN, [a_position(VAN, a_fix(lat=1.0))])
        self.hub.join(self.client)
        self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + 1000, lat=0.0, valid=False))])
        assert self.client.heard[0][1]["latitud"] == 1.0

    def test_one_clients_fault(self) -> None:
        """A client with a bug is dropped and named in the log; the others hear everything."""
        broken = BrokenClient()
        self.hub.join(broken)
        with logged() as lines:
            for second in range(2):
                self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + second))])
        assert len(self.client.heard) == 2
        assert len(lines) == 1
        assert "failed and is dropped" in lines[0]
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_status(self) -> None:
        """Every client is told that a device went away, with the seed's keys; one with a bug is dropped."""
        broken = BrokenClient()
        self.hub.join(broken)
        with logged() as lines:
            self.hub.status(7, "desconectado")
        self.hub.status(8, "error")
        gone = {"type": "mobile_status", "mobile_id": 7, "status": "desconectado"}
        assert self.client.states == [(7, gone), (8, {"type": "mobile_status", "mobile_id": 8, "status": "error"})]
        assert [code for code, _ in broken.ended] == [FAULT]
        assert len(lines) == 1
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_vitals(self) -> None:
        """The page of a parked vehicle shows the ignition and charge of its heartbeat, at its last place."""
        self.hub.tell(VAN, [a_position(VAN, a_fix(speed_kmh=40.0, ignition=True))])
        self.hub.vitals(VAN.id, Vitals(ignition=False, battery_pct=30))
        (_, first), (vehicle, second) = self.client.heard
        assert (vehicle, second) == (VAN.id, {**first, "ignicion": False, "bateria": 30})

    def test_vitals_of_a_vehicle_without_a_place(self) -> None:
        """A vehicle that never said where it is, is not drawn by a heartbeat."""
        self.hub.vitals(VAN.id, Vitals(ignition=True))
        assert self.client.heard == []

    def test_alarm_without_a_position(self) -> None:
        """Every page is told of an SOS, with the plate."""
        self.hub.alarm(VAN, events.SOS)
        ((kind, alert),) = self.client.alerts
        assert (kind, alert["message"]) == ("alarma_movil", "AB123CD: sos")

    def test_alert(self) -> None:
        """Every client is told what became of the server, whatever vehicles it watches, until it leaves."""
        other = FakeClient()
        self.hub.join(other)
        self.hub.alert("base_de_datos_fuera", "PostgreSQL is out of reach")
        self.hub.leave(other)
        self.hub.alert("base_de_datos_de_vuelta", "PostgreSQL is back")
        out = {"type": "system_alert", "alert_type": "base_de_datos_fuera", "message": "PostgreSQL is out of reach"}
        assert other.alerts == [("base_de_datos_fuera", out)]
        assert [kind for kind, _ in self.client.alerts] == ["base_de_datos_fuera", "base_de_datos_de_vuelta"]
        assert self.client.heard == []

    def test_alert_and_one_clients_fault(self) -> None:
        """A client with a bug is dropped at an alert too: neither the others nor the one who raised it notice."""
        broken = BrokenClient()
        self.hub.join(broken)
        with logged() as lines:
            for _ in range(2):
                self.hub.alert("cola_llena", "The spool is full")
        assert [kind for kind, _ in self.client.alerts] == ["cola_llena"] * 2
        assert [code for code, _ in broken.ended] == [FAULT]
        assert len(lines) == 1
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_end_session(self) -> None:
        """Who logs out loses the connections of that login, and nobody else's."""
        mine = FakeClient(b"mine")
        self.hub.join(mine)
        self.hub.end_session(b"mine")
        assert mine.ended == [(SESSION_ENDED, "the session has ended")]
        assert self.client.ended == []


class Turns(Clock):
    """A clock that can make one turn of the event loop."""

    def turn(self) -> None:
        """Call what is due, and not what that asks for."""
        due: list[Any] = [call for call in self.getDelayedCalls() if call.getTime() <= self.seconds()]
        for call in due:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class CrowdTests(SynchronousTestCase):
    """Many clients."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.hub = Hub(clock=self.clock)
        self.clients = [FakeClient() for _ in range(3 * AT_ONCE)]
        for client in self.clients:
            self.hub.join(client)

    def move(self, second: int) -> None:
        self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + 1000 * second, lat=float(second)), NOON + 1000 * second)])

    def told(self) -> int:
        """Clients that have heard."""
        return sum(bool(client.heard) for client in self.clients)

    def test_some_at_a_time(self) -> None:
        """Devices do not wait until all of many clients are told."""
        self.move(0)
        counts = []
        for _ in range(4):
            self.clock.turn()
            counts.append(self.told())
        assert counts == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE, 3 * AT_ONCE]

    def test_order(self) -> None:
        """Nobody hears of the second report before the first, however many are told."""
        self.move(0)
        self.clock.turn()
        self.move(1)
        self.clock.pump([0.1] * 30)
        assert all([data["latitud"] for _, data in client.heard] == [0.0, 1.0] for client in self.clients)

    def test_leaves_before_its_turn(self) -> None:
        """A client that leaves while others are told is told nothing more."""
        self.move(0)
        self.clock.turn()
        (left, *_) = [client for client in self.clients if not client.heard]
        self.hub.leave(left)
        self.clock.pump([0] * 5)
        assert left.heard == []
        assert self.told() == 3 * AT_ONCE - 1

    def test_at_most_once_a_second(self) -> None:
        """A vehicle that reports ten times a second is told once a second, with all that it passed."""
        for tick in range(31):
            self.hub.tell(VAN, [a_position(VAN, a_fix(NOON + 100 * tick, lat=float(tick)), NOON + 100 * tick)])
            self.clock.pump([0.025] * 4)
        assert 3 <= len(self.clients[0].heard) <= 4


class NeverBackTests(SynchronousTestCase):
    """The hub behind the pipeline, with stand-ins for the database."""

    def setUp(self) -> None:
        self.writer, self.client, hub = FakeWriter(), FakeClient(), Hub()
        hub.join(self.client)
        self.pipeline = Pipeline(FakeVehicles(VAN), self.writer, [hub.tell], now=lambda: NOON / 1000)

    def report(self, time: int, lat: float) -> Deferred[Any]:
        return self.pipeline.submit(Message(device="A1", fixes=(a_fix(time, lat),)), Origin("lines"))

    def test_late_fix_of_the_same_batch(self) -> None:
        """A device that sends its newest position and then its memory, committed together, does not jump back on the map."""
        self.report(NOON, 1.0)
        self.report(NOON - 3_600_000, 2.0)
        self.writer.commit(0, moved=[7])
        self.writer.commit(1, moved=[7])
        assert [data["latitud"] for _, data in self.client.heard] == [1.0]

    def test_same_second(self) -> None:
        """Two reports of one second are both shown, as the database takes both for the newest."""
        self.report(NOON, 1.0)
        self.report(NOON, 2.0)
        self.writer.commit(0, moved=[7])
        self.writer.commit(1, moved=[7])
        assert [data["latitud"] for _, data in self.client.heard] == [1.0, 2.0]
